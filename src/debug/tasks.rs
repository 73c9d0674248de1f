//! The list of tasks: what they do, since when, on how much stack, and where.

use super::html::{Escaped, bytes, count, time};
use super::http::Request;
use super::page::head;
use crate::runtime::{self, Dump, State, TaskInfo};
use crate::stack::locked;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How old a dump may be: asking stops each worker for a moment, so who asks all the time gets the same again.
const FRESH: Duration = Duration::from_millis(500);

/// Tasks that are shown if nothing else is said, and at most.
const SHOWN: usize = 200;
const MOST: usize = 10_000;

/// What a list is to be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// How long it has waited, the longest first.
    Wait,
    /// What its frames take, the most first.
    Stack,
    Name,
    Id,
    State,
}

impl Key {
    const ALL: [(Key, &'static str); 5] =
        [(Key::Wait, "wait"), (Key::Stack, "stack"), (Key::Name, "name"), (Key::Id, "id"), (Key::State, "state")];

    fn of(word: &str) -> Option<Key> {
        Key::ALL.into_iter().find(|(_, name)| *name == word).map(|(key, _)| key)
    }
}

/// Which tasks, in which order, how many.
pub(super) struct Query {
    words: String,
    key: Key,
    most: usize,
}

impl Query {
    /// What a request asks for; what it does not say, or says in words that are none, is as usual.
    pub(super) fn of(request: &Request) -> Query {
        Query {
            words: request.value("q").unwrap_or_default().trim().to_owned(),
            key: request.value("sort").and_then(Key::of).unwrap_or(Key::Wait),
            most: request.value("n").and_then(|n| n.parse().ok()).map_or(SHOWN, |n: usize| n.min(MOST)),
        }
    }

    /// The tasks that it asks for, and how many there are beyond the most.
    pub(super) fn select<'a>(&self, dump: &'a Dump) -> (Vec<&'a TaskInfo>, usize) {
        let words: Vec<String> = self.words.split_whitespace().map(str::to_lowercase).collect();
        let found = |task: &&TaskInfo| {
            words.is_empty() || {
                let text = full_text(task).to_lowercase();
                words.iter().all(|word| text.contains(word))
            }
        };
        let mut tasks: Vec<&TaskInfo> = dump.tasks().filter(found).collect();
        match self.key {
            Key::Wait => tasks.sort_by_key(|task| Reverse(waited(task))),
            Key::Stack => tasks.sort_by_key(|task| Reverse(task.stack.map(|stack| stack.used))),
            Key::Name => tasks.sort_by(|a, b| a.task.name.cmp(&b.task.name)),
            Key::Id => tasks.sort_by_key(|task| task.task.id),
            Key::State => tasks.sort_by_key(|task| kind(task)),
        }
        let rest = tasks.len().saturating_sub(self.most);
        tasks.truncate(self.most);
        (tasks, rest)
    }
}

/// A dump that is not old.
pub(super) fn dump() -> Arc<Dump> {
    static LAST: Mutex<Option<(Instant, Arc<Dump>)>> = Mutex::new(None);
    // Who comes meanwhile waits for this one.
    let mut last = locked(&LAST);
    if let Some((at, dump)) = &*last
        && at.elapsed() < FRESH
    {
        return dump.clone();
    }
    let dump = Arc::new(runtime::dump());
    *last = Some((Instant::now(), dump.clone()));
    dump
}

/// How long a task has waited.
pub(super) fn waited(task: &TaskInfo) -> Option<Duration> {
    match task.state {
        State::Waiting { time, .. } => Some(time),
        _ => None,
    }
}

/// What it does, without which and how long.
pub(super) fn kind(task: &TaskInfo) -> String {
    match task.state {
        State::Waiting { what, .. } => format!("waits for {what}"),
        State::Ready => "ready".to_owned(),
        State::Running => "running".to_owned(),
        // There are no others so far.
        #[allow(unreachable_patterns)]
        _ => "unknown".to_owned(),
    }
}

/// All that is shown of it, for a search.
fn full_text(task: &TaskInfo) -> String {
    let mut text = format!("{} {}", task.task, task.state);
    for frame in task.place.frames() {
        let _ = write!(text, " {}", frame.function.as_deref().unwrap_or_default());
        if let Some((file, line)) = &frame.line {
            let _ = write!(text, " {file}:{line}");
        }
    }
    text
}

pub(super) fn page(query: &Query) -> String {
    let dump = dump();
    let mut out = head("Tasks");
    out.push_str("<main>\n");
    out.push_str(&form(query));
    out.push_str(&kinds(&dump));
    for worker in dump.workers.iter().filter(|worker| !worker.answered) {
        let _ = write!(
            out,
            "<p class=warning>Worker {} of runtime {} is kept by a task: what its other tasks do is not known.</p>",
            worker.worker, worker.runtime
        );
    }
    let (tasks, rest) = query.select(&dump);
    let _ = write!(out, "<p>{} of {} tasks", count(tasks.len() as f64), count(dump.tasks().count() as f64));
    if rest > 0 {
        let _ = write!(out, ", {} more fit", count(rest as f64));
    }
    out.push_str(
        ".</p>\n<table class=tasks><thead><tr><th>task<th>does<th class=n>for<th class=n>stack</tr></thead><tbody>\n",
    );
    tasks.iter().for_each(|task| row(&mut out, task));
    out.push_str("</tbody></table></main></body></html>\n");
    out
}

fn form(query: &Query) -> String {
    let mut out = format!(
        "<form action=\"/tasks\"><input name=q type=search placeholder=\"words in name, state or trace\" value=\"{}\" aria-label=search>\
         <label>by <select name=sort>",
        Escaped(&query.words)
    );
    for (key, name) in Key::ALL {
        let selected = if key == query.key { " selected" } else { "" };
        let _ = write!(out, "<option{selected}>{name}</option>");
    }
    let _ = writeln!(
        out,
        "</select></label><label>at most <input name=n type=number min=1 max={MOST} value={}></label><button>show</button></form>",
        query.most
    );
    out
}

/// How many tasks do what, each a search for these.
fn kinds(dump: &Dump) -> String {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for task in dump.tasks() {
        *kinds.entry(kind(task)).or_default() += 1;
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, n)| Reverse(*n));
    let mut out = "<ul class=kinds>".to_owned();
    for (kind, n) in kinds {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", &kind).finish();
        let _ = write!(
            out,
            "<li><a href=\"/tasks?{}\">{} <b>{}</b></a></li>",
            Escaped(query),
            Escaped(&kind),
            count(n as f64)
        );
    }
    out.push_str("</ul>\n");
    out
}

fn row(out: &mut String, task: &TaskInfo) {
    let _ = write!(out, "<tr><td>{}", task.task.id);
    if let Some(name) = &task.task.name {
        let _ = write!(out, " <b>{}</b>", Escaped(name));
    }
    let _ = write!(out, "<td>{}", Escaped(kind(task)));
    if let State::Waiting { which: Some(which), .. } = task.state {
        // Addresses are long, and what is waited for by number is counted from 0.
        let which = if which >= 1 << 16 { format!("{which:#x}") } else { which.to_string() };
        let _ = write!(out, " <small>{which}</small>");
    }
    trace(out, task);
    let _ = write!(out, "<td class=n>{}", waited(task).map_or_else(String::new, |waited| time(waited.as_secs_f64())));
    out.push_str("<td class=n>");
    if let Some(stack) = task.stack {
        let _ = write!(out, "{} <small>of {}</small>", bytes(stack.used as f64), bytes(stack.size as f64));
    }
    out.push_str("</tr>\n");
}

/// The frames, folded up under the innermost that is the program's own.
fn trace(out: &mut String, task: &TaskInfo) {
    let frames = task.place.frames();
    let line = |frame: &runtime::Frame| {
        let function = frame.function.clone().unwrap_or_else(|| format!("{:#x}", frame.address));
        match &frame.line {
            Some((file, line)) => format!("{function} ({file}:{line})"),
            None => function,
        }
    };
    let Some(first) = task.place.callers().next().or(frames.first()) else { return };
    let _ = write!(out, "<details><summary>{}</summary><ol>", Escaped(line(first)));
    for frame in frames {
        let _ = write!(out, "<li>{}</li>", Escaped(line(frame)));
    }
    out.push_str("</ol></details>");
}
