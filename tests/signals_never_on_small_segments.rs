//! Signals hit threads whose tasks are deep in their small segments, at every distance from the guard. No handler ever runs
//! there, however and whenever it was installed, and the tasks compute what they would have computed.

mod common;

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::mem::zeroed;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use common::caps;
use libc::{SA_ONSTACK, SA_RESTART, SA_SIGINFO, siginfo_t, ucontext_t};
use morestack::sched::Scheduler;
use morestack::sigstack::AltStack;
use morestack::stack::table::Table;

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/interrupted.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn descend(k: u64, n: u64) -> u64 = "interrupted.descend";
        fn traps(k: u64) -> u64 = "interrupted.traps";
    }
}

thread_local! {
    /// The alternate stack of this thread, if it runs mapped code.
    static ALTERNATE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Handlers that ran on a thread with mapped code, by signal number.
static HANDLED: [AtomicUsize; 65] = [const { AtomicUsize::new(0) }; 65];
/// Those among them that had interrupted a mapped function.
static IN_MAPPED_CODE: AtomicUsize = AtomicUsize::new(0);
/// Those that did not run on the alternate stack.
static ELSEWHERE: AtomicUsize = AtomicUsize::new(0);

/// Any handler. The kernel passes all three arguments, asked (`SA_SIGINFO`) or not.
extern "C" fn handler(signal: c_int, _: *mut siginfo_t, context: *mut c_void) {
    let local = 0u8;
    let here = black_box(&raw const local) as usize;
    let (lo, hi) = ALTERNATE.get();
    // SAFETY: the kernel's frame; only this handler refers to it.
    let context = unsafe { &mut *context.cast::<ucontext_t>() };
    if lo == 0 {
        // A thread without mapped code, such as the harness's, gets the signals of timers first. It blocks them on return.
        // SAFETY: an initialised set, a valid signal.
        unsafe { libc::sigaddset(&mut context.uc_sigmask, signal) };
        return;
    }
    let registers = &mut context.uc_mcontext.gregs;
    let rip = registers[libc::REG_RIP as usize] as usize;
    // Built before, so this only reads.
    if Table::of_program().is_ok_and(|table| table.find_function(rip).is_some()) {
        IN_MAPPED_CODE.fetch_add(1, Relaxed);
    }
    if !(lo..hi).contains(&here) {
        ELSEWHERE.fetch_add(1, Relaxed);
    }
    if signal == libc::SIGILL {
        // Behind the two bytes of ud2.
        registers[libc::REG_RIP as usize] += 2;
    }
    HANDLED[signal as usize].fetch_add(1, Relaxed);
}

fn address() -> usize {
    handler as *const () as usize
}

fn install(signal: c_int, flags: c_int) {
    // SAFETY: the handler only stores numbers; all zeros is an action with an empty mask.
    unsafe {
        let action = libc::sigaction { sa_sigaction: address(), sa_flags: flags, ..zeroed() };
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

fn install_by_signal(signal: c_int) {
    // SAFETY: the handler only stores numbers.
    assert_ne!(unsafe { libc::signal(signal, address()) }, libc::SIG_ERR);
}

/// Past libc, so without its being noticed.
fn install_raw(signal: c_int) {
    const SA_RESTORER: u64 = 0x0400_0000;
    let mut segv = [0u64; 4];
    // SAFETY: reads the action of SIGSEGV, whose restorer (std's handler has libc's) serves ours too, then installs a handler
    // that only stores numbers.
    unsafe {
        let null = std::ptr::null::<u64>();
        assert_eq!(libc::syscall(libc::SYS_rt_sigaction, libc::SIGSEGV, null, segv.as_mut_ptr(), 8), 0);
        let new = [address() as u64, (SA_RESTART | SA_SIGINFO) as u64 | SA_RESTORER, segv[2], 0];
        assert_eq!(libc::syscall(libc::SYS_rt_sigaction, signal, new.as_ptr(), null, 8), 0);
    }
}

fn handled(signal: c_int) -> usize {
    HANDLED[signal as usize].load(Relaxed)
}

/// Makes this thread one with mapped code, for the handlers. They must find the function table built.
fn enter_thread() -> AltStack {
    let alternate = AltStack::install().unwrap();
    Table::of_program().unwrap();
    ALTERNATE.set(alternate.bounds());
    alternate
}

/// How often mapped code is to be hit at least. Under `move` it hardly runs.
fn hits() -> usize {
    if common::debug_mode("move") { 3 } else { 50 }
}

fn leave_thread(alternate: AltStack) {
    ALTERNATE.set((0, 0));
    drop(alternate);
}

const FIB: [u64; 16] = [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610];

/// Work on fresh segments: tasks of both kinds that go `k` frames down, for each k at which a segment of 2 KB or 4 KB is
/// nearly full, and compute there.
fn round(scheduler: &Scheduler) {
    let n = if common::debug_mode("move") { 8 } else { 15 };
    for k in (0..60).step_by(if common::debug_mode("move") { 7 } else { 1 }) {
        let mapped = scheduler.spawn_mapped(descend::function(), (k, n));
        let closure = scheduler.spawn(move || descend(k, n));
        assert_eq!(mapped.join().unwrap(), FIB[n as usize]);
        assert_eq!(closure.join().unwrap(), FIB[n as usize]);
    }
}

/// Runs the test in a process of its own, where nothing has been started yet. Whether this is that process.
fn in_child(name: &str) -> bool {
    if common::role().is_some() {
        return true;
    }
    let ended = common::run_child(name, "child");
    println!("{}", ended.stderr);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    false
}

#[test]
fn from_another_thread() {
    if !in_child("from_another_thread") {
        return;
    }
    const SIGNALS: [c_int; 6] =
        [libc::SIGUSR1, libc::SIGUSR2, libc::SIGWINCH, libc::SIGURG, libc::SIGIO, libc::SIGCHLD];
    // Before the start.
    install(SIGNALS[0], SA_SIGINFO | SA_RESTART);
    install_raw(SIGNALS[1]);
    install_by_signal(SIGNALS[2]);
    drop(Scheduler::new());
    // After it.
    install(SIGNALS[3], SA_SIGINFO | SA_ONSTACK | SA_RESTART);
    install(SIGNALS[4], 0);
    install_by_signal(SIGNALS[5]);

    let given = std::env::var("MORESTACK_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64) | 1;
    eprintln!("MORESTACK_TEST_SEED={seed}");
    let mut state = seed;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as usize % below
    };

    const WORKERS: usize = 2;
    let done = AtomicBool::new(false);
    let (targets, addresses) = std::sync::mpsc::channel();
    let rounds: usize = std::thread::scope(|scope| {
        let work = |targets: std::sync::mpsc::Sender<_>| {
            let alternate = enter_thread();
            // SAFETY: without preconditions.
            targets.send(unsafe { (libc::pthread_self(), libc::gettid()) }).unwrap();
            let scheduler = Scheduler::new();
            let mut rounds = 0;
            while !done.load(Relaxed) {
                round(&scheduler);
                rounds += 1;
            }
            leave_thread(alternate);
            rounds
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| targets.clone()).map(|t| scope.spawn(move || work(t))).collect();
        let threads: Vec<_> = addresses.iter().take(WORKERS).collect();
        // Bounded, but not over before each kind has been handled and mapped code has been hit often.
        let mut sent = 0;
        while sent < 20_000 || SIGNALS.iter().any(|&s| handled(s) < 50) || IN_MAPPED_CODE.load(Relaxed) < hits() {
            let (signal, (thread, tid)) = (SIGNALS[random(SIGNALS.len())], threads[random(WORKERS)]);
            // SAFETY: the workers live until they are told that it is done.
            let status = unsafe {
                match random(2) {
                    0 => libc::pthread_kill(thread, signal) as i64,
                    _ => libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, signal),
                }
            };
            assert_eq!(status, 0);
            sent += 1;
            // Of a kind that is pending already another is lost: let them in.
            for _ in 0..random(2000) {
                std::hint::spin_loop();
            }
        }
        done.store(true, Relaxed);
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let counts = SIGNALS.map(handled);
    eprintln!("{rounds} rounds, {counts:?} handled, {} in mapped code", IN_MAPPED_CODE.load(Relaxed));
    assert_eq!(ELSEWHERE.load(Relaxed), 0, "handlers ran beside the alternate stack");
}

#[test]
fn from_timers() {
    if !in_child("from_timers") {
        return;
    }
    install_by_signal(libc::SIGALRM);
    install(libc::SIGPROF, SA_RESTART);
    let scheduler = Scheduler::new();
    let alternate = enter_thread();
    let timer = |which, microseconds| {
        let every = libc::timeval { tv_sec: 0, tv_usec: microseconds };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        // SAFETY: a valid timer; the old one is not asked for.
        assert_eq!(unsafe { libc::setitimer(which, &timer, std::ptr::null_mut()) }, 0);
    };
    for (which, signal) in [(libc::ITIMER_REAL, libc::SIGALRM), (libc::ITIMER_PROF, libc::SIGPROF)] {
        let before = IN_MAPPED_CODE.load(Relaxed);
        timer(which, 300);
        while handled(signal) < 20 || IN_MAPPED_CODE.load(Relaxed) < before + hits().div_ceil(10) {
            round(&scheduler);
        }
        timer(which, 0);
        eprintln!(
            "signal {signal}: {} handled, {} in mapped code",
            handled(signal),
            IN_MAPPED_CODE.load(Relaxed) - before
        );
    }
    leave_thread(alternate);
    assert_eq!(ELSEWHERE.load(Relaxed), 0, "handlers ran beside the alternate stack");
}

#[test]
fn raised_by_an_instruction() {
    if !in_child("raised_by_an_instruction") {
        return;
    }
    install(libc::SIGTRAP, SA_SIGINFO);
    let scheduler = Scheduler::new();
    install_by_signal(libc::SIGILL);
    let alternate = enter_thread();
    let depths = caps::depth(100) as u64;
    for k in 0..depths {
        assert_eq!(scheduler.spawn_mapped(traps::function(), (k,)).join().unwrap(), k);
        assert_eq!(scheduler.spawn(move || traps(k)).join().unwrap(), k);
        assert_eq!(traps(k), k);
    }
    leave_thread(alternate);
    let each = 3 * depths as usize;
    assert_eq!((handled(libc::SIGTRAP), handled(libc::SIGILL)), (each, each));
    // int3 is over when it traps, so the instruction behind it counts; both are in the function.
    assert_eq!(IN_MAPPED_CODE.load(Relaxed), 2 * each);
    assert_eq!(ELSEWHERE.load(Relaxed), 0, "handlers ran beside the alternate stack");
}
