//! Looking at a worker's thread from outside: what the kernel knows of it, and which task it runs.

use super::report::TaskLabel;
use crate::sched::header::Header;
use crate::sched::mailbox::{Mailbox, Running};
use crate::task::g::{G, Ident};
use std::fs;
use std::mem::{MaybeUninit, offset_of};
use std::time::Duration;

/// Longest part of a name that is read.
const NAME: usize = 256;

/// Copies what stands at an address of this process, where nothing need be: the kernel copies, and refuses what it cannot read.
///
/// What is read may be nonsense, and may change meanwhile. It is a `T` only if the caller finds out that one was there.
pub(in crate::sched) fn copy<T>(address: usize) -> Option<MaybeUninit<T>> {
    let mut value = MaybeUninit::<T>::uninit();
    copy_bytes(address, value.as_mut_ptr().cast(), size_of::<T>()).then_some(value)
}

/// Copies so many bytes to where the caller has room.
pub(super) fn copy_bytes(address: usize, to: *mut u8, len: usize) -> bool {
    let local = libc::iovec { iov_base: to.cast(), iov_len: len };
    let remote = libc::iovec { iov_base: address as *mut _, iov_len: len };
    // SAFETY: the callers here have room for it; what is read, the kernel makes sure of.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    usize::try_from(copied) == Ok(len)
}

/// The task that runs, unless another one does by now.
///
/// Its `G` and its header live as long as it runs. But it may end at any moment, so they are read by [`copy`], and what was read
/// counts if the worker says after it that nothing else has run: it takes the name off its pulse before the task is freed.
pub(super) fn task(running: Running, mailbox: &Mailbox) -> Option<TaskLabel> {
    let still = || mailbox.pulse.running() == Some(running);
    if running.g().is_null() {
        return None;
    }
    let ident = copy::<*const Ident>(running.g().addr() + offset_of!(G, ident)).filter(|_| still())?;
    // SAFETY: any bytes are an address. It is a live G's: the task ran before and after.
    label(unsafe { ident.assume_init() }.cast(), still)
}

/// What a task is called, that is there as long as `still` says so. An ident is the first part of a header.
pub(super) fn label(task: *const Header, still: impl Fn() -> bool) -> Option<TaskLabel> {
    let known = copy::<Ident>(task.addr() + offset_of!(Header, ident)).filter(|_| still())?;
    // SAFETY: likewise the ident of a live task, which does not change. It stays the task's: this one is not dropped.
    let known = unsafe { known.assume_init_ref() };
    let name = match &known.name {
        None => None,
        Some(name) => {
            let name = copy::<Box<str>>((&raw const **name).addr()).filter(|_| still())?;
            // SAFETY: likewise the name of a live task, not to be dropped.
            let name = unsafe { name.assume_init_ref() };
            // The task may end now: the text itself is not for us to touch, nor to borrow.
            let text: *const [u8] = &raw const **name as *const [u8];
            let (address, len) = (text.addr(), text.len().min(NAME));
            let mut text = vec![0; len];
            if !copy_bytes(address, text.as_mut_ptr(), len) || !still() {
                return None;
            }
            Some(String::from_utf8_lossy(&text).into_owned())
        }
    };
    Some(TaskLabel { id: known.id, name })
}

/// What a thread has run so far.
pub(super) fn cpu_time(tid: libc::pid_t) -> Option<Duration> {
    // The kernel's name for the clock of a thread: its number, negated, and CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED.
    let clock = (!tid << 3) | 6;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time can be written. A thread that is gone has no clock, which is an error.
    let status = unsafe { libc::clock_gettime(clock, &mut time) };
    (status == 0).then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// The threads of this process. None if the kernel does not tell.
pub(super) fn threads() -> Option<Vec<libc::pid_t>> {
    fs::read_dir("/proc/self/task").ok()?.map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The letter that `ps` shows for a thread: R for running, S and D for blocked.
pub(super) fn thread_state(tid: libc::pid_t) -> Option<u8> {
    let stat = fs::read(format!("/proc/self/task/{tid}/stat")).ok()?;
    // The name stands in parentheses, and may contain some.
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(name_end + 2).copied()
}

/// A system call that a thread is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) number: i64,
    /// Its first argument.
    first: u64,
}

/// The system call that blocks a thread. None if the kernel does not tell, or the thread runs.
pub(super) fn system_call(tid: libc::pid_t) -> Option<Call> {
    let line = fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).ok()?;
    let mut words = line.split_whitespace();
    let number = words.next()?.parse().ok().filter(|&number| number >= 0)?;
    let first = u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok()?;
    Some(Call { number, first })
}

impl Call {
    /// The word that it waits on, if it is a wait on a futex: what std's locks wait with.
    pub(super) fn futex(self) -> Option<usize> {
        (self.number == libc::SYS_futex).then_some(self.first as usize)
    }

    /// Whether a handler installed with `SA_RESTART` may interrupt it and nobody notices: see signal(7). Waits with a timeout, polls
    /// and sockets would return `EINTR`.
    pub(super) fn restarts(self) -> bool {
        match self.number {
            libc::SYS_futex | libc::SYS_flock | libc::SYS_wait4 | libc::SYS_waitid | libc::SYS_openat => true,
            libc::SYS_fsync | libc::SYS_fdatasync => true,
            libc::SYS_read | libc::SYS_write | libc::SYS_readv | libc::SYS_writev => {
                // A socket may have a timeout; and a descriptor of the kinds that count events is no file either.
                let mut stat = MaybeUninit::<libc::stat>::uninit();
                // SAFETY: only asks, with memory that can be written.
                if unsafe { libc::fstat(self.first as i32, stat.as_mut_ptr()) } != 0 {
                    return false;
                }
                // SAFETY: the call succeeded, so it wrote it.
                let kind = unsafe { stat.assume_init() }.st_mode & libc::S_IFMT;
                [libc::S_IFIFO, libc::S_IFREG, libc::S_IFCHR].contains(&kind)
            }
            _ => false,
        }
    }
}
