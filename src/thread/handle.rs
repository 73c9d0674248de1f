//! Handles: the right to a task's result, and the name of a task or an OS thread.

use crate::sched::{self, Task, task::Join};
use std::fmt;
use std::sync::OnceLock;
use std::thread as os;

/// The right to a task's result, as [`std::thread::JoinHandle`]. Dropping it detaches the task, which runs on.
pub struct JoinHandle<T>(Named<T>);

// SAFETY: as std's. Tasks are spawned with closures and results that are Send only, so the result may go wherever the handle does.
unsafe impl<T> Send for JoinHandle<T> {}
// SAFETY: through a shared one, others learn only whether the task has ended, and what it is called.
unsafe impl<T> Sync for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(crate) fn new(join: Join<T>) -> JoinHandle<T> {
        JoinHandle(Named::new(join))
    }

    /// The task.
    pub fn thread(&self) -> &Thread {
        self.0.thread()
    }

    /// Waits for the task's end, and returns its result. From any task and any OS thread. All that the task did before is
    /// visible then.
    ///
    /// # Errors
    /// The payload of the panic that ended the task: [`Cancelled`](crate::sched::Cancelled) if it was cancelled, or its runtime shut down, and a
    /// `&'static str` if that was before the task had started.
    ///
    /// # Panics
    /// In the task itself, which would wait for ever.
    pub fn join(self) -> os::Result<T> {
        self.0.join()
    }

    /// Whether the task has ended, so that [`join`](Self::join) does not wait. Does not wait itself.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Asks the task to end: the wait that it is in unwinds it, or else its next one, so that its destructors run. Joining it then
    /// gives [`Cancelled`](crate::sched::Cancelled). Does not wait for that, and does nothing if the task has ended. A task that has
    /// not started drops its closure; one of a mapped function, whose frames own nothing, ends where it parks.
    ///
    /// Everything of this library that waits looks, and so does [`yield_now`](super::yield_now). It is not preemption: code that
    /// does not wait runs on, and so do calls that block the thread, as std's do. These waits go on as well, and the next one that
    /// may be interrupted is:
    /// - those for somebody who borrows from the waiting stack: the end of a scope,
    ///   [`Runtime::run`](crate::runtime::Runtime::run), [`blocking`](crate::blocking),
    /// - those while the task is panicking, in destructors that run because of that,
    /// - those below a frame that a panic must not pass, such as a Rust function that C calls.
    ///
    /// What the task was waiting for is as if it had not asked: a message that it would have received goes to another, a lock that it
    /// would have had, too; and after a [`Condvar`](crate::sync::Condvar)'s wait, the mutex is locked again for as long as its
    /// guard lives. Locks of [`sync`](crate::sync) that it holds are unlocked and not poisoned. std's are poisoned, because
    /// std sees a panic.
    ///
    /// It unwinds as [`resume_unwind`](std::panic::resume_unwind) does, without the panic hook. A task that catches that is unwound
    /// by its next wait, and let alone after the third time.
    ///
    /// ```
    /// use morestack::sched::Cancelled;
    /// use morestack::thread;
    /// use std::time::Duration;
    ///
    /// let task = thread::spawn(|| thread::sleep(Duration::from_secs(3600)));
    /// task.cancel();
    /// assert!(task.join().unwrap_err().is::<Cancelled>());
    /// ```
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("thread", self.thread()).finish_non_exhaustive()
    }
}

/// What both kinds of handle are made of.
pub(super) struct Named<T> {
    join: Join<T>,
    /// Made when somebody asks: it counts as a reference to the task, which the join has already.
    thread: OnceLock<Thread>,
}

impl<T> Named<T> {
    pub(super) fn new(join: Join<T>) -> Named<T> {
        Named { join, thread: OnceLock::new() }
    }

    pub(super) fn thread(&self) -> &Thread {
        self.thread.get_or_init(|| Thread(Kind::Task(self.join.task())))
    }

    pub(super) fn join(self) -> os::Result<T> {
        assert!(!self.join.is_current(), "failed to join thread: a task cannot join itself, it would wait for ever");
        self.join.wait();
        self.join.take()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.join.is_finished()
    }

    pub(super) fn cancel(&self) {
        self.join.cancel();
    }
}

/// A task, or an OS thread outside tasks: its number and its name, and the way to [`unpark`](Self::unpark) it. As
/// [`std::thread::Thread`]. Clones name the same one.
#[derive(Clone)]
pub struct Thread(Kind);

#[derive(Clone)]
enum Kind {
    Task(Task),
    Os(os::Thread),
}

/// The task that runs here, or the OS thread outside tasks.
///
/// ```
/// use morestack::thread;
///
/// let outside = thread::current().id();
/// let inside = thread::spawn(|| thread::current().id()).join().unwrap();
/// assert_ne!(outside, inside);
/// ```
#[must_use]
pub fn current() -> Thread {
    Thread(match sched::current() {
        Some(task) => Kind::Task(task),
        None => Kind::Os(os::current()),
    })
}

impl Thread {
    /// A number that no other task or OS thread of the process has, or had.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        ThreadId(match &self.0 {
            Kind::Task(task) => Id::Task(task.id()),
            Kind::Os(thread) => Id::Os(thread.id()),
        })
    }

    /// The name that its builder gave it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Task(task) => task.name(),
            Kind::Os(thread) => thread.name(),
        }
    }

    /// Makes its [`park`](super::park) return: the one it is in, or else the next. From any task and any thread. What was done
    /// before is visible when the park has returned.
    pub fn unpark(&self) {
        match &self.0 {
            Kind::Task(task) => task.unpark(),
            Kind::Os(thread) => thread.unpark(),
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The number of a task or an OS thread. No two of a process have the same, also one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadId(Id);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Id {
    Task(u64),
    Os(os::ThreadId),
}

/// `ThreadId(task 7)`, with the number that reports have too; an OS thread's is written as std does.
impl fmt::Debug for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Task(id) => write!(f, "ThreadId(task {id})"),
            Id::Os(id) => id.fmt(f),
        }
    }
}
