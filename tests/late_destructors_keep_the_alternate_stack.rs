//! Mapped code that runs in the destructor of a thread-local has an alternate stack, though std has disabled it by then, as it
//! does for each thread whose main function has returned: a signal's frame is larger than a segment.

use std::cell::RefCell;
use std::ffi::c_int;
use std::mem::zeroed;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use libc::{siginfo_t, ucontext_t};
use morestack::sched::Scheduler;

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/interrupted.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn descend(k: u64, n: u64) -> u64 = "interrupted.descend";
        fn traps(k: u64) -> u64 = "interrupted.traps";
    }
}

/// Handlers that ran on an alternate stack, and those that did not.
static ON_ALTERNATE: AtomicUsize = AtomicUsize::new(0);
static ELSEWHERE: AtomicUsize = AtomicUsize::new(0);

/// Handlers and their counts are the process's.
static ALONE: Mutex<()> = Mutex::new(());

extern "C" fn handler(signal: c_int, _: *mut siginfo_t, context: *mut ucontext_t) {
    // SAFETY: the kernel's frame, to which only this handler refers. The kernel is asked for what it has.
    let on_alternate = unsafe {
        if signal == libc::SIGILL {
            // Behind the two bytes of ud2.
            (*context).uc_mcontext.gregs[libc::REG_RIP as usize] += 2;
        }
        let mut stack: libc::stack_t = zeroed();
        libc::syscall(libc::SYS_sigaltstack, std::ptr::null::<libc::stack_t>(), &mut stack);
        stack.ss_flags & libc::SS_ONSTACK != 0
    };
    if on_alternate { &ON_ALTERNATE } else { &ELSEWHERE }.fetch_add(1, Relaxed);
}

/// Where the mapped code that signals hit runs.
#[derive(Clone, Copy, Debug)]
enum Where {
    Tasks,
    Borrowed,
}

/// Depths at which signals are raised: segments of 2 KB and 4 KB are full at some of them.
const DEPTHS: u64 = 60;

/// On destruction runs mapped code that raises two signals at each depth.
struct Late(Where, Scheduler);

impl Drop for Late {
    fn drop(&mut self) {
        for k in 0..DEPTHS {
            let reached = match self.0 {
                Where::Borrowed => traps(k),
                Where::Tasks => {
                    // Segments beside the one that is hit.
                    let neighbours: Vec<_> = (0..4).map(|_| self.1.spawn_mapped(descend::function(), (k, 5))).collect();
                    let task = self.1.spawn_mapped(traps::function(), (k,));
                    self.1.run();
                    for neighbour in neighbours {
                        assert_eq!(neighbour.join_or_resume(), 5);
                    }
                    task.join_or_resume()
                }
            };
            assert_eq!(reached, k);
        }
        DROPPED.fetch_add(1, Relaxed);
    }
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

fn check(of: Where, older: bool) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for signal in [libc::SIGTRAP, libc::SIGILL] {
        // SAFETY: the handler is async-signal-safe, and goes on behind the instruction that raised the signal.
        unsafe {
            let action =
                libc::sigaction { sa_sigaction: handler as *const () as usize, sa_flags: libc::SA_SIGINFO, ..zeroed() };
            assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
        }
    }
    let before = (ON_ALTERNATE.load(Relaxed), ELSEWHERE.load(Relaxed), DROPPED.load(Relaxed));
    std::thread::spawn(move || {
        if older {
            // Registers its destructor, which runs after those of all that are made later.
            LATE.with(|_| ());
        }
        assert_eq!(descend(0, 5), 5);
        LATE.set(Some(Late(of, Scheduler::new())));
    })
    .join()
    .unwrap();
    assert_eq!(DROPPED.load(Relaxed) - before.2, 1);
    assert_eq!(ELSEWHERE.load(Relaxed) - before.1, 0, "handlers ran on the interrupted stack");
    assert_eq!(ON_ALTERNATE.load(Relaxed) - before.0, 2 * DEPTHS as usize);
}

#[test]
fn under_a_scheduler_older_than_the_thread_s_own_part() {
    check(Where::Tasks, true);
}

#[test]
fn under_a_newer_scheduler() {
    check(Where::Tasks, false);
}

#[test]
fn in_calls_outside_any_task_after_the_thread_s_own_part() {
    check(Where::Borrowed, true);
}

#[test]
fn in_calls_outside_any_task_before_it() {
    check(Where::Borrowed, false);
}
