//! A fault that is no copy's goes where it would go without us, as it came: to a handler that was installed before the first copy, or
//! after it, whatever its flags; to the default action; nowhere. And copies survive their faults beside each of them.

mod common;

use common::{role, run_child};
use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};
use morestack::safecopy;
use std::mem::{MaybeUninit, zeroed};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An address that is never mapped.
const NOWHERE: usize = 0x1230;
/// Exit code of a child that has come to its end.
const THROUGH: i32 = 42;
/// What a handler leads a faulting read to.
static READABLE: u8 = 99;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static FIRST: AtomicUsize = AtomicUsize::new(0);

fn check(is: bool, what: &str) {
    if !is {
        eprintln!("wrong: {what}");
        // SAFETY: ends the process without running anything else.
        unsafe { libc::_exit(1) };
    }
}

/// Reads by an instruction whose address is in %rdi.
fn read_byte(at: usize) -> u8 {
    let byte: u32;
    // SAFETY: faults only where a handler lets it go on elsewhere, or the process is to end.
    unsafe { std::arch::asm!("movzx {:e}, byte ptr [rdi]", out(reg) byte, inout("rdi") at => _, options(nostack)) };
    byte as u8
}

/// Copies go on to survive, wherever it is asked.
fn copies_survive() {
    let fault = safecopy::copy_in(&mut [0; 40], ptr::without_provenance(NOWHERE)).unwrap_err();
    check((fault.address, fault.done) == (NOWHERE, 0), "a copy's fault");
}

fn blocked(signal: c_int) -> bool {
    let mut now = MaybeUninit::uninit();
    // SAFETY: only asks, and the pointer is writable.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), now.as_mut_ptr());
        libc::sigismember(now.as_ptr(), signal) == 1
    }
}

/// Has the faulting read go on with a byte that is there.
fn repair(context: *mut c_void) {
    // SAFETY: the handler's context; it has interrupted `read_byte`.
    unsafe {
        (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RDI as usize] = (&raw const READABLE) as i64
    };
}

extern "C" fn with_everything(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the kernel's siginfo.
    let (number, code, address) = unsafe { ((*info).si_signo, (*info).si_code, (*info).si_addr() as usize) };
    // 1: SEGV_MAPERR.
    check((signal, number, code, address) == (SIGSEGV, SIGSEGV, 1, NOWHERE), "the siginfo");
    check(blocked(SIGSEGV) && blocked(libc::SIGUSR2) && !blocked(libc::SIGUSR1), "the mask");
    repair(context);
}

extern "C" fn deferring_nothing(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    check(!blocked(SIGSEGV), "SA_NODEFER");
    copies_survive();
    repair(context);
}

extern "C" fn plain(signal: c_int) {
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(if signal == SIGSEGV || signal == SIGBUS { THROUGH } else { 1 }) };
}

extern "C" fn sent(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the kernel's siginfo.
    let (number, code, sender) = unsafe { ((*info).si_signo, (*info).si_code, (*info).si_pid()) };
    // SAFETY: without preconditions.
    let myself = unsafe { libc::getpid() };
    check(signal == SIGSEGV && number == SIGSEGV && code <= 0 && sender == myself, "the sender");
    if code == libc::SI_QUEUE {
        // SAFETY: as above; it was sent with a value.
        check(unsafe { (*info).si_value().sival_ptr } as usize == 1234, "the value");
    }
}

/// Passes on to what it was told when it was installed, as handlers do that respect others.
extern "C" fn chaining(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the test has put the address of such a function there.
    let first: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
        unsafe { std::mem::transmute(FIRST.load(Ordering::Relaxed)) };
    first(signal, info, context);
}

fn action(handler: usize, flags: c_int) -> libc::sigaction {
    // SAFETY: all zeros is an action with an empty mask.
    unsafe {
        let mut action = libc::sigaction { sa_sigaction: handler, sa_flags: flags, ..zeroed() };
        libc::sigaddset(&mut action.sa_mask, libc::SIGUSR2);
        action
    }
}

fn install(signal: c_int, handler: usize, flags: c_int) -> libc::sigaction {
    // SAFETY: the handlers of this file are async-signal-safe.
    unsafe {
        let mut old = zeroed();
        assert_eq!(libc::sigaction(signal, &action(handler, flags), &mut old), 0);
        old
    }
}

fn asked(signal: c_int) -> libc::sigaction {
    // SAFETY: only asks; the pointer is writable.
    unsafe {
        let mut found = zeroed();
        assert_eq!(libc::sigaction(signal, ptr::null(), &mut found), 0);
        found
    }
}

#[test]
fn child() {
    let Some(role) = role() else { return };
    let (order, kind) = role.split_once(' ').unwrap();
    // Who waits for a signal that has gone astray ends by this one.
    // SAFETY: without preconditions.
    unsafe { libc::alarm(60) };
    if order == "after" {
        copies_survive();
    }
    let info = with_everything as *const () as usize;
    let (signal, handler, flags) = match kind {
        "info" => (SIGSEGV, info, libc::SA_SIGINFO),
        "once" => (SIGSEGV, info, libc::SA_SIGINFO | libc::SA_RESETHAND),
        "nodefer" => (SIGSEGV, deferring_nothing as *const () as usize, libc::SA_SIGINFO | libc::SA_NODEFER),
        "plain" => (SIGSEGV, plain as *const () as usize, 0),
        "bus" => (SIGBUS, plain as *const () as usize, libc::SA_RESTART),
        "sent" | "busy" => (SIGSEGV, sent as *const () as usize, libc::SA_SIGINFO),
        "default" => (SIGSEGV, libc::SIG_DFL, 0),
        "ignored" | "ignored fault" => (SIGSEGV, libc::SIG_IGN, 0),
        "chain" => {
            install(SIGSEGV, info, libc::SA_SIGINFO);
            FIRST.store(info, Ordering::Relaxed);
            (SIGSEGV, chaining as *const () as usize, libc::SA_SIGINFO)
        }
        _ => (0, 0, 0),
    };
    match kind {
        "std" => {}
        "signal" => {
            // SAFETY: async-signal-safe.
            unsafe { libc::signal(SIGSEGV, plain as *const () as usize) };
        }
        _ => {
            let old = install(signal, handler, flags);
            check(kind != "chain" || old.sa_sigaction == info, "the handler before");
        }
    }
    copies_survive();
    match kind {
        "info" | "nodefer" | "chain" => {
            let each = if kind == "chain" { 2 } else { 1 };
            for i in 1..=10 {
                check(read_byte(NOWHERE) == READABLE, "the byte");
                check(CALLS.load(Ordering::Relaxed) == each * i, "each fault once");
                copies_survive();
            }
            check(CALLS.load(Ordering::Relaxed) == each * 10, "no fault of a copy");
            let found = asked(SIGSEGV);
            let info = libc::SA_SIGINFO;
            let flags =
                found.sa_flags & (info | libc::SA_NODEFER | libc::SA_RESETHAND | libc::SA_ONSTACK | libc::SA_RESTART);
            let handler = [
                deferring_nothing as *const () as usize,
                with_everything as *const () as usize,
                chaining as *const () as usize,
            ];
            check(handler.contains(&found.sa_sigaction), "the handler that is reported");
            check(
                flags == if kind == "nodefer" { info | libc::SA_NODEFER } else { info },
                "the flags that are reported",
            );
            // SAFETY: a mask that the kernel has written.
            check(unsafe { libc::sigismember(&found.sa_mask, libc::SIGUSR2) } == 1, "the mask that is reported");
        }
        "once" => {
            check(read_byte(NOWHERE) == READABLE, "the byte");
            copies_survive();
            check(asked(SIGSEGV).sa_sigaction == libc::SIG_DFL, "it serves once");
            read_byte(NOWHERE);
        }
        "bus" => {
            // SAFETY: nothing else is done with it: a page behind the end of an empty file.
            let page = unsafe {
                let empty = libc::memfd_create(c"empty".as_ptr(), 0);
                libc::mmap(ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, empty, 0)
            };
            check(safecopy::load_u32(page.cast()).is_err(), "a copy's SIGBUS");
            read_byte(page as usize);
        }
        "sent" => {
            // SAFETY: to this very process and thread.
            unsafe {
                libc::raise(SIGSEGV);
                check(CALLS.load(Ordering::Relaxed) == 1, "raised");
                libc::sigqueue(libc::getpid(), SIGSEGV, libc::sigval { sival_ptr: ptr::without_provenance_mut(1234) });
            }
            while CALLS.load(Ordering::Relaxed) < 2 {
                std::thread::yield_now();
            }
        }
        "busy" => copies_among_signals(),
        "ignored" => {
            // SAFETY: it is ignored.
            unsafe { libc::raise(SIGSEGV) };
        }
        _ => {
            read_byte(NOWHERE);
        }
    }
    copies_survive();
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(THROUGH) };
}

/// Signals that are merely sent meet copies in the middle: those are none of theirs.
fn copies_among_signals() {
    const SIGNALS: usize = 500;
    // SAFETY: without preconditions.
    let copying = unsafe { libc::pthread_self() };
    let sending = std::thread::spawn(move || {
        for sent in 0..SIGNALS {
            // SAFETY: the thread waits for this one.
            unsafe { libc::pthread_kill(copying, SIGSEGV) };
            while CALLS.load(Ordering::Acquire) <= sent {
                std::thread::yield_now();
            }
        }
    });
    let from = vec![7; 100_000];
    let mut to = vec![0; 100_000];
    while CALLS.load(Ordering::Relaxed) < SIGNALS {
        to.fill(0);
        check(safecopy::copy_in(&mut to, from.as_ptr()).is_ok() && to == from, "a copy that is disturbed");
    }
    sending.join().unwrap();
}

/// Runs the role with the handler installed before the first copy, and after it: signal and exit code are these.
fn ends(kind: &str, with: (Option<i32>, Option<i32>)) {
    for order in ["before", "after"] {
        let ended = run_child("child", &format!("{order} {kind}"));
        assert_eq!((ended.signal, ended.code), with, "{order} {kind}: {ended:?}");
    }
}

#[test]
fn handlers_get_all_that_the_kernel_tells() {
    ends("info", (None, Some(THROUGH)));
    ends("plain", (None, Some(THROUGH)));
    ends("signal", (None, Some(THROUGH)));
    ends("bus", (None, Some(THROUGH)));
}

#[test]
fn flags_keep_their_meaning() {
    ends("nodefer", (None, Some(THROUGH)));
    ends("once", (Some(SIGSEGV), None));
}

#[test]
fn handlers_that_pass_on_reach_the_one_before() {
    ends("chain", (None, Some(THROUGH)));
}

#[test]
fn what_is_sent_arrives_as_it_was_sent() {
    ends("sent", (None, Some(THROUGH)));
    ends("busy", (None, Some(THROUGH)));
}

#[test]
fn the_default_action_kills() {
    ends("default", (Some(SIGSEGV), None));
    ends("std", (Some(SIGSEGV), None));
}

#[test]
fn what_is_ignored_is_ignored_but_for_faults() {
    ends("ignored", (None, Some(THROUGH)));
    ends("ignored fault", (Some(SIGSEGV), None));
}
