//! The metrics in Prometheus's text format, version 0.0.4.

use crate::runtime;
use std::fmt::Write;

/// Names follow Prometheus's rules: counters end in `_total`, units are in the name.
pub(super) fn text() -> String {
    let metrics = runtime::metrics();
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        let _ = write!(out, "# HELP morestack_{name} {help}\n# TYPE morestack_{name} {kind}\n");
        for (labels, value) in samples {
            let _ = writeln!(out, "morestack_{name}{labels} {value}");
        }
    };
    let one = |value: f64| [(String::new(), value)];
    let label = |name: &str, label: &str, value: u64| (format!("{{{name}=\"{label}\"}}"), value as f64);
    let asleep = metrics.workers_asleep.min(metrics.workers);
    let awake = metrics.workers - asleep;
    family(
        "workers",
        "gauge",
        "Workers of all runtimes.",
        &[label("state", "awake", awake as u64), label("state", "asleep", asleep as u64)],
    );
    family(
        "tasks",
        "gauge",
        "Tasks that have started and not ended.",
        &[
            label("state", "running", metrics.tasks_running),
            label("state", "ready", metrics.tasks_ready),
            label("state", "waiting", metrics.tasks_waiting),
        ],
    );
    let counters = [
        ("spawned_total", "Tasks that were spawned.", metrics.spawned),
        ("started_total", "Tasks that have started.", metrics.started),
        ("switches_total", "Switches between tasks.", metrics.switches),
        ("steals_total", "Tasks taken from another worker.", metrics.steals),
        ("wakes_total", "Tasks that were made ready.", metrics.wakes),
        ("wakes_from_outside_total", "Tasks that were made ready by another thread.", metrics.wakes_from_outside),
        ("stack_moves_total", "Stacks that grew or shrank by moving.", metrics.moves),
        ("stack_links_total", "Stacks that grew by a linked segment.", metrics.links),
    ];
    for (name, help, value) in counters {
        family(name, "counter", help, &one(value as f64));
    }
    let segments: Vec<_> =
        metrics.segments.iter().map(|segments| label("bytes", &segments.size.to_string(), segments.count)).collect();
    family("segments", "gauge", "Small stacks in use, by their size.", &segments);
    family("segment_bytes", "gauge", "Bytes of small stacks in use.", &one(metrics.segment_bytes as f64));
    family("big_stacks", "gauge", "Big stacks in use.", &one(metrics.big_stacks as f64));
    if let Some(latency) = runtime::latency() {
        let help = "How long the slowest worker took to answer. Missing if one did not.";
        family("latency_seconds", "gauge", help, &one(latency.as_secs_f64()));
    }
    out
}
