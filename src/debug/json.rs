//! The data of the page for programs.

use super::history;
use super::tasks::{self, Query, kind, waited};
use crate::runtime::{self, Metrics, State, TaskInfo};
use serde_json::{Value, json};

/// The metrics now, and how long the slowest worker took to answer, in seconds: `null` if one did not.
pub(super) fn metrics() -> Value {
    with_latency(&runtime::metrics(), runtime::latency().map(|latency| latency.as_secs_f64()))
}

fn with_latency(metrics: &Metrics, latency: Option<f64>) -> Value {
    let segments: Vec<Value> =
        metrics.segments.iter().map(|segments| json!({ "size": segments.size, "count": segments.count })).collect();
    json!({
        "workers": metrics.workers,
        "workers_asleep": metrics.workers_asleep,
        "tasks": metrics.tasks,
        "tasks_running": metrics.tasks_running,
        "tasks_ready": metrics.tasks_ready,
        "tasks_waiting": metrics.tasks_waiting,
        "spawned": metrics.spawned,
        "started": metrics.started,
        "switches": metrics.switches,
        "steals": metrics.steals,
        "wakes": metrics.wakes,
        "wakes_from_outside": metrics.wakes_from_outside,
        "moves": metrics.moves,
        "links": metrics.links,
        "segments": segments,
        "segment_bytes": metrics.segment_bytes,
        "big_stacks": metrics.big_stacks,
        "latency_seconds": latency,
    })
}

/// The samples of the last minutes, the oldest first, each with the seconds since the one before.
pub(super) fn history() -> Value {
    let samples = history::samples();
    let sample = |sample: &history::Sample| {
        let mut value = with_latency(&sample.metrics, sample.latency.map(|latency| latency.as_secs_f64()));
        value["seconds_since"] = json!(sample.since);
        value
    };
    Value::Array(samples.iter().map(sample).collect())
}

/// Tasks, as many as the query asks for, and how many more fit it.
pub(super) fn tasks(query: &Query) -> Value {
    let dump = tasks::dump();
    let (tasks, more) = query.select(&dump);
    let workers = dump.workers.iter().map(|worker| {
        json!({
            "runtime": worker.runtime,
            "worker": worker.worker,
            "answered": worker.answered,
            "tasks": worker.tasks.len(),
        })
    });
    json!({
        "workers": workers.collect::<Vec<_>>(),
        "tasks": tasks.into_iter().map(task).collect::<Vec<_>>(),
        "more": more,
    })
}

fn task(task: &TaskInfo) -> Value {
    let which = match task.state {
        State::Waiting { which, .. } => which,
        _ => None,
    };
    let frames = task.place.frames().iter().map(|frame| {
        let (file, line) = frame.line.as_ref().map(|(file, line)| (file, line)).unzip();
        json!({ "address": frame.address, "function": frame.function, "file": file, "line": line })
    });
    json!({
        "id": task.task.id,
        "name": task.task.name,
        "state": kind(task),
        "which": which,
        "waited_seconds": waited(task).map(|waited| waited.as_secs_f64()),
        "stack_used": task.stack.map(|stack| stack.used),
        "stack_size": task.stack.map(|stack| stack.size),
        "frames": frames.collect::<Vec<_>>(),
    })
}
