//! Whoever installs a signal handler, however and whenever: it runs on the alternate stack.

mod common;

use std::mem::zeroed;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::{SA_ONSTACK, SA_RESTART, SIGUSR1, SIGUSR2, SIGWINCH, c_int, sighandler_t};
use morestack::sigstack::{AltStack, prepare_process, rescan};

/// Where the last handler ran.
static RAN_AT: AtomicUsize = AtomicUsize::new(0);

/// The tests change the process's handlers.
static ALONE: Mutex<()> = Mutex::new(());

extern "C" fn record(_: c_int) {
    let local = 0u8;
    RAN_AT.store(std::hint::black_box(&raw const local) as usize, Ordering::Relaxed);
}

fn handler() -> sighandler_t {
    record as *const () as sighandler_t
}

fn action(flags: c_int) -> libc::sigaction {
    // SAFETY: all zeros is an action with an empty mask.
    libc::sigaction { sa_sigaction: handler(), sa_flags: flags, ..unsafe { zeroed() } }
}

/// Raises the signal; asserts that its handler ran on the given stack, exactly once.
#[track_caller]
fn assert_runs_on(alternate: &AltStack, signal: c_int) {
    RAN_AT.store(0, Ordering::Relaxed);
    // SAFETY: the handlers of these tests only store a number.
    unsafe { libc::raise(signal) };
    let (lo, hi) = alternate.bounds();
    let at = RAN_AT.load(Ordering::Relaxed);
    assert!((lo..hi).contains(&at), "signal {signal} ran at {at:#x}, not in {lo:#x}-{hi:#x}");
}

/// Installs by the raw system call, past every libc.
fn install_raw(signal: c_int, flags: c_int) {
    const SA_RESTORER: u64 = 0x0400_0000;
    let mut current = [0u64; 4];
    // SAFETY: reads the action of SIGSEGV, whose restorer (glibc's, from std's handler) serves ours too, then installs a
    // handler that is fit to run at any moment.
    unsafe {
        let null = std::ptr::null::<u64>();
        assert_eq!(libc::syscall(libc::SYS_rt_sigaction, libc::SIGSEGV, null, current.as_mut_ptr(), 8), 0);
        assert_ne!(current[2], 0);
        let new = [handler() as u64, flags as u64 | SA_RESTORER, current[2], 0];
        assert_eq!(libc::syscall(libc::SYS_rt_sigaction, signal, new.as_ptr(), null, 8), 0);
    }
}

/// In a process of its own, where no other test has made the start yet.
#[test]
fn installed_before_the_start() {
    if common::role().is_none() {
        let ended = common::run_child("installed_before_the_start", "child");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        return;
    }
    install_raw(SIGUSR1, 0);
    install_raw(SIGUSR2, SA_ONSTACK);
    prepare_process();
    let alternate = AltStack::install().unwrap();
    assert_runs_on(&alternate, SIGUSR1);
    assert_runs_on(&alternate, SIGUSR2);
}

#[test]
fn installed_after_the_start_by_any_function() {
    unsafe extern "C" {
        fn bsd_signal(signal: c_int, handler: sighandler_t) -> sighandler_t;
        fn ssignal(signal: c_int, handler: sighandler_t) -> sighandler_t;
        fn sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t;
        fn __sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t;
        fn sigset(signal: c_int, handler: sighandler_t) -> sighandler_t;
    }
    let _alone = ALONE.lock().unwrap();
    prepare_process();
    let alternate = AltStack::install().unwrap();
    for flags in [0, SA_ONSTACK, SA_RESTART] {
        // SAFETY: the handler is fit to run at any moment.
        assert_eq!(unsafe { libc::sigaction(SIGUSR1, &action(flags), std::ptr::null_mut()) }, 0);
        assert_runs_on(&alternate, SIGUSR1);
    }
    for install in [libc::signal, bsd_signal, ssignal, sysv_signal, __sysv_signal, sigset] {
        // SAFETY: the handler is fit to run at any moment.
        unsafe {
            libc::signal(SIGUSR1, libc::SIG_DFL);
            assert_eq!(install(SIGUSR1, handler()), libc::SIG_DFL);
        }
        assert_runs_on(&alternate, SIGUSR1);
    }
    install_raw(SIGUSR2, 0);
    rescan();
    assert_runs_on(&alternate, SIGUSR2);
}

#[test]
fn installed_by_a_shared_library() {
    let _alone = ALONE.lock().unwrap();
    prepare_process();
    let alternate = AltStack::install().unwrap();
    // Shared libraries are bound to what this search finds.
    for (name, function) in [
        (c"sigaction", libc::sigaction as *const ()),
        (c"signal", libc::signal as *const ()),
        (c"bsd_signal", std::ptr::null()),
        (c"ssignal", std::ptr::null()),
        (c"sysv_signal", std::ptr::null()),
        (c"__sysv_signal", std::ptr::null()),
        (c"sigset", std::ptr::null()),
        (c"siginterrupt", std::ptr::null()),
    ] {
        // SAFETY: the name is a C string; `dladdr` is asked about an address of code and writes to a valid place.
        let (found, ours, theirs) = unsafe {
            let found = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
            let place = |address: *const libc::c_void| {
                let mut info: libc::Dl_info = zeroed();
                assert_ne!(libc::dladdr(address, &mut info), 0);
                info.dli_fbase
            };
            (found, place(record as *const _), place(found))
        };
        assert_eq!(ours, theirs, "{name:?} is found in the program itself");
        assert!(function.is_null() || found.cast_const() == function.cast());
    }
    // SAFETY: the function found has this signature; the handler is fit to run at any moment.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, c"signal".as_ptr());
        let signal: extern "C" fn(c_int, sighandler_t) -> sighandler_t = std::mem::transmute(found);
        signal(SIGWINCH, handler());
    }
    assert_runs_on(&alternate, SIGWINCH);
}

#[test]
fn the_reported_action_is_the_one_asked_for() {
    let _alone = ALONE.lock().unwrap();
    prepare_process();
    for flags in [0, SA_RESTART, SA_ONSTACK, SA_RESTART | SA_ONSTACK] {
        // SAFETY: the handler is fit to run at any moment; an action is all integers, so zeros are one.
        unsafe {
            let mut old: libc::sigaction = zeroed();
            assert_eq!(libc::sigaction(SIGUSR2, &action(flags), std::ptr::null_mut()), 0);
            assert_eq!(libc::sigaction(SIGUSR2, std::ptr::null(), &mut old), 0);
            assert_eq!(old.sa_flags & (SA_RESTART | SA_ONSTACK), flags);
            assert_eq!(old.sa_sigaction, handler());
        }
    }
}

#[test]
fn signal_and_siginterrupt_keep_their_meaning() {
    unsafe extern "C" {
        fn siginterrupt(signal: c_int, interrupt: c_int) -> c_int;
        fn sigset(signal: c_int, handler: sighandler_t) -> sighandler_t;
    }
    const SIG_HOLD: sighandler_t = 2;
    let _alone = ALONE.lock().unwrap();
    prepare_process();
    let restarts = || {
        // SAFETY: only asks.
        unsafe {
            let mut old: libc::sigaction = zeroed();
            libc::sigaction(SIGUSR1, std::ptr::null(), &mut old);
            old.sa_flags & SA_RESTART != 0
        }
    };
    // SAFETY: the handler is fit to run at any moment.
    unsafe {
        libc::signal(SIGUSR1, handler());
        assert!(restarts());
        assert_eq!(siginterrupt(SIGUSR1, 1), 0);
        assert!(!restarts());
        libc::signal(SIGUSR1, handler());
        assert!(!restarts(), "siginterrupt lasts");
        assert_eq!(siginterrupt(SIGUSR1, 0), 0);
        assert!(restarts());
        assert_eq!(libc::signal(65, handler()), libc::SIG_ERR);
        assert_eq!(libc::signal(SIGUSR1, libc::SIG_ERR), libc::SIG_ERR);
        assert_eq!(libc::signal(libc::SIGKILL, handler()), libc::SIG_ERR);

        assert_eq!(sigset(SIGUSR1, SIG_HOLD), handler(), "what is installed");
        assert_eq!(sigset(SIGUSR1, handler()), SIG_HOLD, "it was blocked");
        assert_eq!(sigset(SIGUSR1, handler()), handler(), "and is no more");
    }
}

#[test]
fn nested_alternate_stacks_are_one_and_the_old_one_returns() {
    // Past libc's function, which hides what the crate does.
    let current = || {
        // SAFETY: only asks.
        unsafe {
            let mut stack: libc::stack_t = zeroed();
            libc::syscall(libc::SYS_sigaltstack, std::ptr::null::<libc::stack_t>(), &mut stack);
            (stack.ss_sp as usize, stack.ss_size, stack.ss_flags)
        }
    };
    let before = current();
    let outer = AltStack::install().unwrap();
    let inner = AltStack::install().unwrap();
    assert_eq!(outer.bounds(), inner.bounds());
    assert_eq!(current().0, outer.bounds().0);
    drop(outer);
    assert_eq!(current().0, inner.bounds().0, "still in use");
    drop(inner);
    assert_eq!(current(), before);
}
