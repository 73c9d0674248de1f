//! A dump: what it says, and how it is gathered.

use super::serve::{AsksFor, Request};
use crate::sched::blocking::blocking;
use crate::sched::mailbox::MailboxRef;
use crate::sched::monitor::{self, Place, TaskLabel};
use crate::sched::on::WaitsFor;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the workers have to answer. One that runs tasks gets to it within a turn of its loop, unless one of them keeps it.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a task is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It runs, on a worker that did not answer. Where it is, is where it was a moment ago.
    Running,
    /// It could run, and waits for its turn.
    Ready,
    /// It waits.
    #[non_exhaustive]
    Waiting {
        /// What for.
        what: WaitsFor,
        /// Which: the number of a task, a descriptor, the address of a lock or of what is behind a channel's handles. Those who wait
        /// for the same have the same number. `None` where there is nothing to tell them apart by.
        which: Option<u64>,
        /// How long so far, to some milliseconds and at most 49 days; longer by as long as its worker had run tasks without looking at the clock.
        time: Duration,
    },
}

/// A task's own stack, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stack {
    /// Addresses that it has: a big stack's are memory only where it was used.
    pub size: usize,
    /// What its frames take now.
    pub used: usize,
}

/// A task of a [`Dump`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its number and name.
    pub task: TaskLabel,
    /// What it does.
    pub state: State,
    /// Its stack; unknown of one that runs.
    pub stack: Option<Stack>,
    /// Where it is. Empty where that is not known: of the tasks of one worker the first [`TRACED`](Dump::TRACED) are looked at.
    pub place: Place,
}

impl TaskInfo {
    /// One that runs.
    pub(in crate::sched) fn running(task: TaskLabel, place: Place) -> TaskInfo {
        TaskInfo { task, state: State::Running, stack: None, place }
    }
}

/// A worker of a [`Dump`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// The number of its runtime in the dump, and its own in that.
    pub runtime: usize,
    /// Its number in that runtime.
    pub worker: usize,
    /// Whether it answered. If not, its tasks are not known but for the one that it runs.
    pub answered: bool,
    /// Its tasks that have started and not ended.
    pub tasks: Vec<TaskInfo>,
}

/// What the tasks of all runtimes are doing: see [`dump`]. As text, a paragraph for each worker and a line or two for each task.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Dump {
    /// The workers, in their order.
    pub workers: Vec<WorkerInfo>,
}

impl Dump {
    /// So many tasks of each worker are shown with where they are. A look at a stack takes some 10 us, during which the worker runs
    /// nothing.
    pub const TRACED: usize = 1000;

    /// All tasks.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskInfo> {
        self.workers.iter().flat_map(|worker| &worker.tasks)
    }
}

/// Asks the workers of all runtimes what their tasks are doing.
///
/// Tasks that have not started are not in it, nor are those of a [`Scheduler`](crate::sched::Scheduler), which its owner runs.
/// It is no instant: each worker answers when it comes to it, and while it does, it runs nothing. One that is kept by a task for
/// over half a second is left out, but for that task.
///
/// In a task it waits, as [`blocking`](crate::blocking) does. Names are looked up in the debug information, the first time that takes
/// a moment.
///
/// ```
/// use morestack::{channel, runtime, thread};
///
/// let (_s, r) = channel::bounded::<()>(0);
/// thread::Builder::new().name("reader".to_owned()).spawn(move || r.recv()).unwrap();
/// thread::sleep(std::time::Duration::from_millis(10));
/// let dump = runtime::dump();
/// assert!(dump.tasks().any(|task| task.task.name.as_deref() == Some("reader")));
/// println!("{dump}");
/// ```
pub fn dump() -> Dump {
    blocking(gather)
}

/// The same, on a thread that may block.
pub(crate) fn gather() -> Dump {
    let asked = ask(AsksFor::Tasks);
    let deadline = Instant::now() + PATIENCE;
    let mut names = BTreeMap::new();
    let workers = asked.into_iter().map(|Asked { runtime, worker, mailbox, request }| {
        let answer = request.wait(deadline);
        let answered = answer.is_some();
        let unknown = || monitor::what_runs(&mailbox).into_iter().collect();
        let mut tasks = answer.map_or_else(unknown, |answer| answer.tasks);
        for task in &mut tasks {
            task.place.resolve_with(&mut names);
        }
        WorkerInfo { runtime, worker, answered, tasks }
    });
    Dump { workers: workers.collect() }
}

/// A worker that was asked.
struct Asked {
    runtime: usize,
    worker: usize,
    mailbox: MailboxRef,
    request: Arc<Request>,
}

/// Asks the workers of all runtimes.
fn ask(asks_for: AsksFor) -> Vec<Asked> {
    let mut asked = Vec::new();
    for (runtime, mailboxes) in monitor::mailboxes().into_iter().enumerate() {
        for (worker, mailbox) in mailboxes.into_iter().enumerate() {
            let request = Arc::new(Request::new(asks_for));
            mailbox.ask(&request);
            asked.push(Asked { runtime, worker, mailbox, request });
        }
    }
    asked
}

/// How long the workers of all runtimes take at most to come to something new: what a task that gets ready now waits for its first
/// look at the processor, beside those ready before it. `None`: one of them has not come to it in half a second. Zero if there is no
/// worker.
///
/// Wakes workers that sleep. In a task it waits, as [`blocking`](crate::blocking) does.
pub fn latency() -> Option<Duration> {
    blocking(|| {
        let begin = Instant::now();
        let asked = ask(AsksFor::Attention);
        let times = asked.iter().map(|asked| asked.request.wait(begin + PATIENCE).map(|answer| answer.at - begin));
        times.collect::<Option<Vec<_>>>().map(|times| times.into_iter().max().unwrap_or_default())
    })
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        write!(f, "{} on {}", plural(self.tasks().count(), "task"), plural(self.workers.len(), "worker"))?;
        for worker in &self.workers {
            write!(f, "\n\nworker {} of runtime {}: ", worker.worker, worker.runtime)?;
            if worker.answered {
                f.write_str(&plural(worker.tasks.len(), "task"))?;
            } else {
                f.write_str("it is kept by a task; what its others do is not known")?;
            }
            for task in &worker.tasks {
                write!(f, "\n{task}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.task, self.state)?;
        if let Some(stack) = self.stack {
            write!(f, "; stack {} of {} bytes", stack.used, stack.size)?;
        }
        self.place.fmt_callers(f)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Running => f.write_str("running"),
            State::Ready => f.write_str("ready"),
            State::Waiting { what, which, time } => {
                write!(f, "waits for {what}")?;
                match which {
                    Some(number) if matches!(what, WaitsFor::Join | WaitsFor::Readable | WaitsFor::Writable) => {
                        write!(f, " {number}")?;
                    }
                    Some(address) => write!(f, " {address:#x}")?,
                    None => {}
                }
                write!(f, ", for {:.3} s", time.as_secs_f64())
            }
        }
    }
}
