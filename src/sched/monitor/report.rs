//! What the monitor says, and to whom.

use crate::sched::inspect::Dump;
use crate::sched::runtime::Leftover;
use crate::sched::{OWN_THREAD_STACK, OWN_THREADS};
use crate::stack::frames::table::Function;
use crate::stack::locked;
use crate::task::report::known_if_right;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// Something that a program's author should know: see [`set_report_hook`]. As text it is a line or two, for a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A worker has been running one task for over 100 ms, without a switch: the other tasks of that worker wait. Once for each
    /// time that this happens.
    #[non_exhaustive]
    Stuck {
        /// The number of the worker in its runtime.
        worker: usize,
        /// What it runs.
        task: TaskLabel,
        /// Where in it.
        place: Place,
        /// How long, so far.
        time: Duration,
    },
    /// A worker has been blocked by the kernel in one task for over 100 ms, and other tasks of that worker are ready to run.
    /// Once for each time that this happens.
    #[non_exhaustive]
    Blocked {
        /// The number of the worker in its runtime.
        worker: usize,
        /// What it runs.
        task: TaskLabel,
        /// Where in it. Unknown where asking the thread would make the system call fail.
        place: Place,
        /// What blocks it, where the kernel tells.
        system_call: Option<SystemCall>,
        /// How long, so far.
        time: Duration,
    },
    /// A worker has been blocked for over 100 ms by a lock of std's, or another one that waits on a futex, and a task of the same worker,
    /// which is parked, seems to hold it: its stack refers to that place. Nobody can unlock it then, because the thread that would
    /// run the holder is the one that waits.
    #[non_exhaustive]
    LockAcrossPark {
        /// The number of the worker in its runtime.
        worker: usize,
        /// Who wants the lock.
        task: TaskLabel,
        /// Where.
        place: Place,
        /// Who seems to have it.
        holder: TaskLabel,
        /// How long, so far.
        time: Duration,
    },
    /// All tasks wait, and so does every other thread of the process, for one of them: nothing will ever happen. Once, until some task
    /// has run again after all.
    #[non_exhaustive]
    AllAsleep {
        /// What they wait for.
        dump: Dump,
    },
    /// A task that could not be ended when its runtime was dropped.
    Leftover(Leftover),
    /// A task waits while it panics, in a destructor or a panic hook, and its OS thread waits with it, because std's panic state
    /// could not be taken off the thread.
    #[non_exhaustive]
    PanickingWait {
        /// Which task.
        task: TaskLabel,
        /// How often this has happened in the process. Reported are the first time, the second, the fourth, and so on.
        times: u64,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Stuck { worker, task, place, time } => write!(
                f,
                "worker {worker} is stuck in {task}, which has been running for {} ms{place}; other tasks of this worker wait: \
                 let it call yield_now now and then, or wrap the call in morestack::blocking",
                time.as_millis()
            ),
            Report::Blocked { worker, task, place, system_call, time } => {
                write!(f, "worker {worker} is blocked in {task} for {} ms", time.as_millis())?;
                if let Some(call) = system_call {
                    write!(f, " by the system call {call}")?;
                }
                write!(
                    f,
                    "{place}; other tasks of this worker are ready: use this crate's thread, net and time instead of std's, or \
                     wrap the call in morestack::blocking"
                )
            }
            Report::LockAcrossPark { worker, task, place, holder, time } => write!(
                f,
                "worker {worker} is blocked in {task} for {} ms by a lock{place}; {holder}, which is parked on the same worker, seems \
                 to hold it, and cannot go on: use morestack::sync's locks, or unlock before what waits",
                time.as_millis()
            ),
            Report::AllAsleep { dump } => write!(
                f,
                "all tasks are asleep - deadlock: each thread of the process waits for one of them, and they wait for this\n{dump}"
            ),
            Report::Leftover(leftover) => write!(
                f,
                "{} was not ended when its runtime was dropped: {}; what it owns is leaked",
                leftover.task, leftover.reason
            ),
            Report::PanickingWait { task, times } => write!(
                f,
                "{task} waits while it panics, and its OS thread with it, so the worker's other tasks wait too (number {times} \
                 of this process): do not wait in destructors, or in the panic hook"
            ),
        }
    }
}

/// Which task: `task 7 "parser"`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskLabel {
    /// A number that no other task of the process has.
    pub id: u64,
    /// The name its builder gave it. Very long ones are cut.
    pub name: Option<String>,
}

impl fmt::Display for TaskLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {} {name:?}", self.id),
            None => write!(f, "task {}", self.id),
        }
    }
}

/// A system call of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemCall {
    /// Its number.
    pub number: i64,
}

impl SystemCall {
    /// What it is called, if it is one of those that block often.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.number {
            libc::SYS_read => "read",
            libc::SYS_write => "write",
            libc::SYS_readv => "readv",
            libc::SYS_writev => "writev",
            libc::SYS_pread64 => "pread64",
            libc::SYS_pwrite64 => "pwrite64",
            libc::SYS_poll => "poll",
            libc::SYS_ppoll => "ppoll",
            libc::SYS_select => "select",
            libc::SYS_pselect6 => "pselect6",
            libc::SYS_epoll_wait => "epoll_wait",
            libc::SYS_epoll_pwait => "epoll_pwait",
            libc::SYS_nanosleep => "nanosleep",
            libc::SYS_clock_nanosleep => "clock_nanosleep",
            libc::SYS_futex => "futex",
            libc::SYS_wait4 => "wait4",
            libc::SYS_waitid => "waitid",
            libc::SYS_flock => "flock",
            libc::SYS_fcntl => "fcntl",
            libc::SYS_fsync => "fsync",
            libc::SYS_fdatasync => "fdatasync",
            libc::SYS_openat => "openat",
            libc::SYS_connect => "connect",
            libc::SYS_accept => "accept",
            libc::SYS_accept4 => "accept4",
            libc::SYS_recvfrom => "recvfrom",
            libc::SYS_recvmsg => "recvmsg",
            libc::SYS_sendto => "sendto",
            libc::SYS_sendmsg => "sendmsg",
            _ => return None,
        })
    }
}

impl fmt::Display for SystemCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "number {}", self.number),
        }
    }
}

/// Where a task was: a stack trace. As text, its innermost frames.
#[derive(Clone, Debug, Default)]
pub struct Place {
    frames: Vec<Frame>,
}

/// A frame of a stack trace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Frame {
    /// The program counter, or behind it the address that the call returns to.
    pub address: usize,
    /// The function, where it is known.
    pub function: Option<String>,
    /// File and line, where they are known.
    pub line: Option<(String, u32)>,
}

/// Where the sources of this library were when it was built.
const OWN_SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");

/// Frames shown in a message: the innermost one, and its callers but for those in std.
const SHOWN: usize = 3;

impl Place {
    /// The frames, the innermost first. Inlined functions have frames of their own. Empty if the place is unknown.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// A place of which only the addresses are known.
    pub(in crate::sched) fn of(addresses: &[usize]) -> Place {
        let frame = |&address: &usize| Frame { address, function: None, line: None };
        Place { frames: addresses.iter().map(frame).collect() }
    }

    /// Finds the names. Takes its time: the first one of a process reads the debug information.
    fn resolve(&mut self) {
        self.resolve_with(&mut BTreeMap::new());
    }

    /// The same for several places, with what has been found so far, by address.
    pub(in crate::sched) fn resolve_with(&mut self, known: &mut BTreeMap<usize, Vec<Frame>>) {
        let mut resolved = Vec::new();
        for (depth, frame) in std::mem::take(&mut self.frames).into_iter().enumerate() {
            // A return address may be the first of another function.
            let pc = if depth == 0 { frame.address } else { frame.address.wrapping_sub(1) };
            // The function that it leads to is there as well, unless the wrapper is all that there is yet.
            if depth != 0 && is_wrapper(pc) {
                continue;
            }
            resolved.extend(known.entry(pc).or_insert_with(|| names_of(pc, frame)).iter().cloned());
        }
        self.frames = resolved;
    }

    /// The frames that a program's author knows: from the one on that has called this library, to the closure that the task runs.
    pub fn callers(&self) -> impl Iterator<Item = &Frame> {
        // By the file, or where there is none, by the name: of inlined functions that may be the last part only.
        let own = |frame: &Frame| {
            let file = frame.line.as_ref().is_some_and(|(file, _)| file.starts_with(OWN_SOURCES));
            file || frame.function.as_ref().is_some_and(|name| {
                let name = name.trim_start_matches('<');
                name.starts_with("morestack::") || name.starts_with("morestack_") || name.starts_with("runtime.")
            })
        };
        // Below the closure of a task there is nothing but how it is started.
        let base = |frame: &Frame| frame.function.as_ref().is_some_and(|name| name == "__rust_try");
        self.frames.iter().skip_while(move |frame| own(frame)).take_while(move |frame| !base(frame))
    }

    /// These as text: `, in ...` and so on.
    pub(in crate::sched) fn fmt_callers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let callers: Vec<_> = self.callers().cloned().collect();
        if callers.is_empty() { write!(f, "{self}") } else { write!(f, "{}", Place { frames: callers }) }
    }
}

/// Whether a wrapper of another calling convention is at an address.
fn is_wrapper(pc: usize) -> bool {
    known_if_right().is_some_and(|known| known.find_function(pc).is_some_and(Function::is_abi_wrapper))
}

/// The functions at an address: the one that is there, and those that it is inlined into.
fn names_of(pc: usize, frame: Frame) -> Vec<Frame> {
    if let Some(known) = known_if_right()
        && let Some(mapped) = known.find_function(pc)
    {
        let line = Some((mapped.file.to_owned(), mapped.line_at(pc)));
        return vec![Frame { function: Some(mapped.name.to_owned()), line, ..frame }];
    }
    let mut found = Vec::new();
    backtrace::resolve(pc as *mut _, |symbol| {
        let function = symbol.name().map(|name| format!("{name:#}"));
        let line = symbol.filename().zip(symbol.lineno());
        let line = line.map(|(file, line)| (file.display().to_string(), line));
        found.push(Frame { address: frame.address, function, line });
    });
    if found.is_empty() {
        found.push(frame);
    }
    found
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where the sources of std are said to be, in every program.
        let of_std = |frame: &&Frame| frame.line.as_ref().is_some_and(|(file, _)| file.starts_with("/rustc/"));
        // The innermost frame says what it does, the next ones who wants that.
        let callers = self.frames.iter().skip(1).filter(|frame| !of_std(frame));
        for (index, frame) in self.frames.iter().take(1).chain(callers).take(SHOWN).enumerate() {
            f.write_str(if index == 0 { ", in " } else { ", called by " })?;
            match &frame.function {
                Some(function) => f.write_str(function)?,
                None => write!(f, "{:#x}", frame.address)?,
            }
            if let Some((file, line)) = &frame.line {
                write!(f, " ({file}:{line})")?;
            }
        }
        Ok(())
    }
}

type Hook = dyn Fn(&Report) + Send + Sync;

/// The program's; none for the default.
static HOOK: RwLock<Option<Arc<Hook>>> = RwLock::new(None);

/// Has reports told to `hook` instead of written to standard error.
///
/// It is called on a thread that is there for this, one report after the other; [`Report::Leftover`] on the thread that drops the
/// runtime. A hook that panics misses that report, and gets the next.
pub fn set_report_hook(hook: impl Fn(&Report) + Send + Sync + 'static) {
    let new: Arc<Hook> = Arc::new(hook);
    let old = HOOK.write().unwrap_or_else(PoisonError::into_inner).replace(new);
    // Not under the lock: what it owns may report something.
    drop(old);
}

/// Takes the hook away, so that reports go to standard error again. A report on its way may still reach it.
pub fn take_report_hook() {
    let old = HOOK.write().unwrap_or_else(PoisonError::into_inner).take();
    drop(old);
}

/// Tells a report on the calling thread.
pub(super) fn deliver(report: &Report) {
    let hook = HOOK.read().unwrap_or_else(PoisonError::into_inner).clone();
    match hook {
        // A panic has told the panic hook, and the payload could panic again.
        Some(hook) => std::mem::forget(panic::catch_unwind(AssertUnwindSafe(|| hook(report)))),
        // Where nobody listens there is nobody to tell.
        None => drop(writeln!(std::io::stderr(), "morestack: {report}")),
    }
}

/// Has a report told soon, by a thread that may take its time.
pub(super) fn send(report: Report) {
    static REPORTER: Mutex<Option<Sender<Report>>> = Mutex::new(None);
    let mut reporter = locked(&REPORTER);
    if reporter.is_none() {
        let (sender, reports) = mpsc::channel::<Report>();
        let tell_all = move || {
            for mut report in reports {
                if let Report::Stuck { place, .. }
                | Report::Blocked { place, .. }
                | Report::LockAcrossPark { place, .. } = &mut report
                {
                    place.resolve();
                }
                deliver(&report);
            }
        };
        // Without a thread for it, the report is lost, and the next one tries again.
        if thread::Builder::new().name("reports".to_owned()).stack_size(OWN_THREAD_STACK).spawn(tell_all).is_ok() {
            OWN_THREADS.fetch_add(1, Ordering::Relaxed);
            *reporter = Some(sender);
        }
    }
    if let Some(sender) = &*reporter {
        // The thread ends with the sender, which is here.
        let _ = sender.send(report);
    }
}
