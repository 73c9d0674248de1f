//! The page with figures and charts.

use super::chart::{self, Line};
use super::history::{self, Sample, rates};
use super::html::{Escaped, bytes, count, time};
use crate::runtime::{self, Metrics};
use std::fmt::Write;

/// What every page begins with.
pub(super) fn head(title: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>{0}</title>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\"><link rel=stylesheet href=\"/page.css\"></head>\
         <body><header><h1>{0}</h1><nav><a href=\"/\">now</a> <a href=\"/tasks\">tasks</a> <a href=\"/metrics\">metrics</a> \
         <a href=\"/metrics.json\">json</a></nav></header>\n",
        Escaped(title)
    )
}

/// The name of the program, as far as it is known.
fn program() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "a program".to_owned())
}

/// The page.
pub(super) fn whole() -> String {
    let title = format!("{} · process {}", program(), std::process::id());
    format!("{}<main id=live>\n{}</main><script src=\"/page.js\"></script></body></html>\n", head(&title), live())
}

/// The part of it that changes.
pub(super) fn live() -> String {
    let metrics = runtime::metrics();
    let samples = history::samples();
    let mut out = figures(&metrics, samples.last());
    out.push_str("<section class=charts>\n");
    let of_metrics = |name, value: fn(&Metrics) -> u64| {
        let values = samples.iter().map(|sample| Some(value(&sample.metrics) as f64)).collect();
        Line { name, values }
    };
    let each_second = |name, value: fn(&Metrics) -> u64| Line { name, values: rates(&samples, value) };
    out.push_str(&chart::lines(
        "Tasks",
        &[
            of_metrics("waiting", |metrics| metrics.tasks_waiting),
            of_metrics("ready", |metrics| metrics.tasks_ready),
            of_metrics("running", |metrics| metrics.tasks_running),
        ],
        count,
    ));
    let latency = samples.iter().map(|sample| sample.latency.map(|latency| latency.as_secs_f64())).collect();
    out.push_str(&chart::lines("Until the slowest worker answers", &[Line { name: "latency", values: latency }], time));
    let a_second = |n| format!("{}/s", count(n));
    out.push_str(&chart::lines(
        "Scheduling",
        &[
            each_second("switches", |metrics| metrics.switches),
            each_second("wakes", |metrics| metrics.wakes),
            each_second("spawns", |metrics| metrics.spawned),
            each_second("steals", |metrics| metrics.steals),
        ],
        a_second,
    ));
    out.push_str(&chart::lines(
        "Growth of stacks",
        &[each_second("moves", |metrics| metrics.moves), each_second("links", |metrics| metrics.links)],
        a_second,
    ));
    out.push_str(&chart::lines("Small stacks", &[of_metrics("bytes", |metrics| metrics.segment_bytes)], bytes));
    out.push_str(&stacks(&metrics));
    out.push_str("</section>\n");
    out
}

/// The most important numbers, large.
fn figures(metrics: &Metrics, last: Option<&Sample>) -> String {
    let mut out = "<section class=figures>".to_owned();
    let mut figure = |name: &str, value: String, note: String| {
        let _ = write!(
            out,
            "<div><dt>{}</dt><dd>{} <small>{}</small></dd></div>",
            Escaped(name),
            Escaped(value),
            Escaped(note)
        );
    };
    figure("tasks", count(metrics.tasks as f64), format!("{} running", metrics.tasks_running));
    figure("workers", count(metrics.workers as f64), format!("{} asleep", metrics.workers_asleep));
    let latency = match last.map(|sample| sample.latency) {
        None => "–".to_owned(),
        Some(None) => "a worker is stuck".to_owned(),
        Some(Some(latency)) => time(latency.as_secs_f64()),
    };
    figure("latency", latency, "of the slowest worker".to_owned());
    figure("spawned", count(metrics.spawned as f64), format!("{} started", count(metrics.started as f64)));
    figure(
        "stacks",
        bytes(metrics.segment_bytes as f64),
        format!("{} big ones besides", count(metrics.big_stacks as f64)),
    );
    out.push_str("</section>\n");
    out
}

/// How many stacks there are of each size.
fn stacks(metrics: &Metrics) -> String {
    let small = metrics.segments.iter().map(|segments| (bytes(segments.size as f64), segments.count));
    let big = (metrics.big_stacks > 0).then(|| ("big".to_owned(), metrics.big_stacks));
    let rows: Vec<_> = small.chain(big).map(|(name, n)| (name, n as f64, count(n as f64))).collect();
    chart::bars("Stacks by size", &rows)
}
