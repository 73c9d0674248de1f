//! Signals arrive while tasks recurse, panic and call foreign code on stacks of any size. The handlers, which recurse themselves,
//! disturb nothing, whether they asked for the alternate stack or not.

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/libc_callbacks.rs"]
mod libc_callbacks;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/watchdog.rs"]
mod watchdog;

use common::{role, run_child};
use fresh::{ROOMY, below, depth};
use libc::{siginfo_t, ucontext_t};
use morestack::{runtime, thread};
use quiet::{Expected, number, quiet};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::mem::zeroed;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use watchdog::Watchdog;

/// Handled by workers, and of these with a wrong result.
static HANDLED: AtomicUsize = AtomicUsize::new(0);
static WRONG: AtomicUsize = AtomicUsize::new(0);

#[inline(never)]
fn recurse(n: u64, seed: u64) -> u64 {
    let local = black_box([n ^ seed; 4]);
    let below = if n == 0 { 0 } else { black_box(recurse(n - 1, seed)) };
    if black_box(local) == [n ^ seed; 4] { below + n } else { u64::MAX / 2 }
}

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
    static HANDLERS: Cell<usize> = const { Cell::new(0) };
}

/// Handlers that interrupt each other on one thread, which recurse: not optimised, four of them take more than the 64 KB that
/// handlers have, and on a busy machine signals come as fast as that.
const NESTED: usize = 3;

/// Recurses 50 frames deep. The kernel passes all three arguments, asked (`SA_SIGINFO`) or not.
extern "C" fn handler(signal: c_int, _: *mut siginfo_t, context: *mut c_void) {
    if !IS_WORKER.get() {
        // Timers signal any thread. Others than workers, whose alternate stack is std's, block it on return.
        // SAFETY: the kernel's frame, and only this handler refers to it; an initialised set, a valid signal.
        unsafe { libc::sigaddset(&mut (*context.cast::<ucontext_t>()).uc_sigmask, signal) };
        return;
    }
    HANDLERS.set(HANDLERS.get() + 1);
    if HANDLERS.get() <= NESTED && recurse(50, signal as u64) != 1275 {
        WRONG.fetch_add(1, SeqCst);
    }
    HANDLERS.set(HANDLERS.get() - 1);
    HANDLED.fetch_add(1, SeqCst);
}

fn install(signal: c_int, flags: c_int) {
    // SAFETY: the handler computes and counts; all zeros is an action with an empty mask.
    unsafe {
        let address = handler as *const () as usize;
        let action = libc::sigaction { sa_sigaction: address, sa_flags: flags | libc::SA_RESTART, ..zeroed() };
        assert_eq!(libc::sigaction(signal, &action, null_mut()), 0);
    }
}

/// What a signal may interrupt: growth, unwinding, foreign code, a switch.
fn work(i: usize) {
    let n = depth(50 + i % 5 * 400) as u64;
    assert_eq!(recurse(n, i as u64), n * (n + 1) / 2);
    let panicking = || below(40 + i % 100, &mut || panic_any(Expected(i as u64)));
    assert_eq!(number(catch_unwind(AssertUnwindSafe(panicking)).unwrap_err()), i as u64);
    let mut numbers: Vec<usize> = (0..60).map(|k| (k * 37 + i) % 101).collect();
    libc_callbacks::sort(&mut numbers, |a, b| {
        if (a * b).is_multiple_of(30) {
            thread::yield_now();
        }
        a.cmp(b)
    });
    assert!(numbers.is_sorted());
    assert_eq!(foreign::descend(20, 256, || foreign::call(|| recurse(100, 9))), 20 + 5050);
    assert_eq!(format!("{:>9.3}", 1.5 * i as f64).trim_start().parse(), Ok(1.5 * i as f64));
}

/// Runs `work` on two workers until it has been interrupted so often, and for a while at least.
fn work_until(handled: usize, worker_threads: &Arc<[AtomicI32; 2]>) {
    let runtime = runtime::Builder::new().workers(2).build().unwrap();
    for worker in 0..2 {
        let threads = worker_threads.clone();
        let tell = thread::Builder::new().affinity(worker).spawn_on(&runtime, move || {
            // SAFETY: no preconditions.
            threads[worker].store(unsafe { libc::gettid() }, SeqCst);
            IS_WORKER.set(true);
            // Blocked perhaps in who made this thread.
            // SAFETY: an initialised set.
            unsafe {
                let mut all = zeroed();
                libc::sigfillset(&mut all);
                assert_eq!(libc::pthread_sigmask(libc::SIG_UNBLOCK, &all, null_mut()), 0);
            }
        });
        tell.unwrap().join().unwrap();
    }
    let (begin, before, mut i) = (Instant::now(), HANDLED.load(SeqCst), 0);
    while HANDLED.load(SeqCst) < before + handled || begin.elapsed() < Duration::from_millis(700) {
        let tasks: Vec<_> = (0..20)
            .map(|k| thread::Builder::new().stack_size(ROOMY).spawn_on(&runtime, move || work(i + k)).unwrap())
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        i += 20;
    }
    worker_threads.iter().for_each(|thread| thread.store(0, SeqCst));
}

/// Runs the test in a process of its own, for its handlers and timers.
fn in_child(name: &str, body: fn()) {
    match role() {
        Some(_) => {
            let _watchdog = Watchdog::new(100);
            quiet(&[]);
            body();
            eprintln!("{name}: {HANDLED:?} handled");
            assert_eq!(WRONG.load(SeqCst), 0, "handlers that computed something else");
        }
        None => {
            let ended = run_child(name, "child");
            print!("{}", ended.stderr);
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }
}

#[test]
fn from_another_thread() {
    in_child("from_another_thread", || {
        const SIGNALS: [(c_int, c_int); 3] =
            [(libc::SIGUSR1, 0), (libc::SIGUSR2, libc::SA_ONSTACK), (libc::SIGWINCH, libc::SA_NODEFER)];
        SIGNALS.iter().for_each(|(signal, flags)| install(*signal, *flags));
        let threads = Arc::new([AtomicI32::new(0), AtomicI32::new(0)]);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut sent = 0_usize;
                while !done.load(SeqCst) {
                    let thread = threads[sent % 2].load(SeqCst);
                    if thread != 0 {
                        // SAFETY: no preconditions. The thread may have ended: then it fails.
                        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, SIGNALS[sent % 3].0) };
                    }
                    sent += 1;
                    (0..sent % 20_000).for_each(|_| std::hint::spin_loop());
                }
            });
            work_until(500, &threads);
            done.store(true, SeqCst);
        });
    });
}

#[test]
fn from_timers() {
    in_child("from_timers", || {
        install(libc::SIGALRM, 0);
        install(libc::SIGPROF, libc::SA_ONSTACK);
        let timer = |which, microseconds| {
            let every = libc::timeval { tv_sec: 0, tv_usec: microseconds };
            let timer = libc::itimerval { it_interval: every, it_value: every };
            // SAFETY: a valid timer; the old one is not asked for.
            assert_eq!(unsafe { libc::setitimer(which, &timer, null_mut()) }, 0);
        };
        let threads = Arc::new([AtomicI32::new(0), AtomicI32::new(0)]);
        for which in [libc::ITIMER_REAL, libc::ITIMER_PROF] {
            timer(which, 150);
            // The kernel rounds the interval of the second one up to its tick.
            work_until(if which == libc::ITIMER_REAL { 500 } else { 50 }, &threads);
            timer(which, 0);
        }
    });
}

/// Not in the middle of anything, but at each place: in each frame, in callbacks, in destructors.
#[test]
fn raised_by_the_task_itself() {
    in_child("raised_by_the_task_itself", || {
        install(libc::SIGUSR1, 0);
        install(libc::SIGUSR2, libc::SA_ONSTACK);
        IS_WORKER.set(true);
        fn raise(i: usize) {
            // SAFETY: both have handlers.
            assert_eq!(unsafe { libc::raise([libc::SIGUSR1, libc::SIGUSR2][i % 2]) }, 0);
        }
        struct Raises(usize);
        impl Drop for Raises {
            fn drop(&mut self) {
                raise(self.0);
            }
        }
        #[inline(never)]
        fn descend(n: usize) -> usize {
            let _raises = Raises(n);
            raise(n);
            match n {
                0 => panic_any(Expected(8)),
                _ if n.is_multiple_of(10) => foreign::call(|| {
                    raise(n);
                    descend(n - 1) as u64
                }) as usize,
                _ => black_box(descend(n - 1)) + 1,
            }
        }
        let mut expected = 0;
        for n in (0..60).chain([500]) {
            let caught = fresh::caught_with(ROOMY, move || descend(n));
            assert_eq!(number(caught.unwrap_err()), 8);
            expected += 2 * (n + 1) + n / 10;
        }
        assert_eq!(HANDLED.load(SeqCst), expected);
    });
}
