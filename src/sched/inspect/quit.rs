//! A dump when SIGQUIT comes, which ctrl-\ sends.
//!
//! The handler does nothing but wake a thread, by a semaphore: what is allowed in a handler (signal-safety(7)) is not enough for a dump.

use super::dump;
use crate::sched::timers;
use crate::sched::{OWN_THREAD_STACK, OWN_THREADS};
use crate::stack::locked;
use std::cell::UnsafeCell;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

/// Two signals that come in so short a time, in nanoseconds, end the process: somebody insists.
const INSISTS: u64 = 1_000_000_000;

struct Semaphore(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: a semaphore is made for that.
unsafe impl Sync for Semaphore {}

static ASKED: Semaphore = Semaphore(UnsafeCell::new(MaybeUninit::uninit()));

/// When the last signal came; 0 for none.
static LAST: AtomicU64 = AtomicU64::new(0);

/// From now on, SIGQUIT has [`dump`](super::dump())'s text written to standard error, and the process goes on. A second one within a
/// second does what it does without this: it ends the process. `#[morestack::main]` calls this.
///
/// Does nothing if the program has a handler for SIGQUIT, or ignores it, or there is no thread to be had for it.
pub fn dump_on_sigquit() {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = locked(&INSTALLED);
    if !*installed {
        *installed = install().is_ok();
    }
}

fn install() -> io::Result<()> {
    let mut previous = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only asks.
    if unsafe { libc::sigaction(libc::SIGQUIT, ptr::null(), previous.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has written it.
    if unsafe { previous.assume_init() }.sa_sigaction != libc::SIG_DFL {
        return Ok(());
    }
    // SAFETY: nobody uses it before this has returned.
    if unsafe { libc::sem_init((*ASKED.0.get()).as_mut_ptr(), 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    thread::Builder::new().name("dumps".to_owned()).stack_size(OWN_THREAD_STACK).spawn(answer)?;
    OWN_THREADS.fetch_add(1, Relaxed);
    // SAFETY: all zeros is a valid action, with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_signal as *const () as usize;
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the handler is async-signal-safe.
    match unsafe { libc::sigaction(libc::SIGQUIT, &action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The thread.
fn answer() {
    loop {
        // SAFETY: made before this thread. It may be interrupted, by a signal.
        if unsafe { libc::sem_wait((*ASKED.0.get()).as_mut_ptr()) } == 0 {
            let text = format!("morestack: SIGQUIT\n{}\n", dump::gather());
            // Where nobody listens there is nobody to tell.
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }
}

/// The handler. Async-signal-safe.
extern "C" fn on_signal(signal: libc::c_int) {
    // SAFETY: this thread's errno, to be put back; the semaphore is there before the handler; the rest is async-signal-safe.
    unsafe {
        let errno = *libc::__errno_location();
        let now = timers::now();
        if now.saturating_sub(LAST.swap(now, Relaxed)) < INSISTS {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
        libc::sem_post((*ASKED.0.get()).as_mut_ptr());
        *libc::__errno_location() = errno;
    }
}
