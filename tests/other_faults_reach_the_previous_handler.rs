//! Faults that are no overflow of a big stack end as they would without us.

mod common;

use std::mem::zeroed;

use common::{role, run_child};
use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};
use morestack::sigstack::{AltStack, prepare_process};

/// An address that is never mapped.
const NOWHERE: usize = 0x1230;

/// Exit code of a child whose own handler was reached with everything right.
const REACHED: i32 = 42;

fn fault() {
    // SAFETY: none; this is the fault under test.
    unsafe { (NOWHERE as *mut u8).write_volatile(1) };
}

fn install(signal: c_int, handler: usize, flags: c_int) {
    // SAFETY: all zeros is an action with an empty mask; the handlers below only exit.
    unsafe {
        let action = libc::sigaction { sa_sigaction: handler, sa_flags: flags, ..zeroed() };
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

extern "C" fn expect_the_address(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel's siginfo.
    let right = signal == SIGSEGV && unsafe { (*info).si_addr() } as usize == NOWHERE;
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(if right { REACHED } else { 1 }) };
}

extern "C" fn plain(signal: c_int) {
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(if signal == SIGSEGV { REACHED } else { 1 }) };
}

#[test]
fn whatever_it_is() {
    let Some(role) = role() else { return };
    match role.as_str() {
        "siginfo" => install(SIGSEGV, expect_the_address as *const () as usize, libc::SA_SIGINFO),
        "once" => install(SIGSEGV, plain as *const () as usize, libc::SA_RESETHAND),
        "default" | "sent" => install(SIGSEGV, libc::SIG_DFL, 0),
        "ignored" => install(SIGSEGV, libc::SIG_IGN, 0),
        "sent bus" => install(SIGBUS, libc::SIG_DFL, 0),
        _ => {}
    }
    prepare_process();
    let _alternate = AltStack::install().unwrap();
    // SAFETY: the actions above end the process or ignore.
    unsafe {
        match role.as_str() {
            "sent" => drop(libc::kill(libc::getpid(), SIGSEGV)),
            "sent bus" => drop(libc::raise(SIGBUS)),
            "ignored" => drop(libc::raise(SIGSEGV)),
            "thread" => {
                fn recurse(depth: u64) -> u64 {
                    let here = [depth; 64];
                    if std::hint::black_box(&here)[0] == u64::MAX { 0 } else { recurse(depth + 1) + here[1] }
                }
                println!("{}", recurse(0));
            }
            _ => fault(),
        }
    }
    if role == "sent" {
        // The process's signal may go to another thread first.
        std::thread::sleep(std::time::Duration::from_secs(10));
    }
    std::process::exit(REACHED);
}

/// Runs the role; its signal and exit code.
fn end_of(role: &str) -> (Option<i32>, Option<i32>) {
    let ended = run_child("whatever_it_is", role);
    assert!(!ended.stderr.contains("morestack: fatal"), "{ended:?}");
    (ended.signal, ended.code)
}

#[test]
fn a_handler_gets_the_address() {
    assert_eq!(end_of("siginfo"), (None, Some(REACHED)));
    assert_eq!(end_of("once"), (None, Some(REACHED)));
}

#[test]
fn the_default_action_kills() {
    assert_eq!(end_of("default"), (Some(SIGSEGV), None));
    assert_eq!(end_of("sent"), (Some(SIGSEGV), None));
    assert_eq!(end_of("sent bus"), (Some(SIGBUS), None));
    assert_eq!(end_of("std"), (Some(SIGSEGV), None));
}

#[test]
fn an_ignored_signal_is_ignored() {
    assert_eq!(end_of("ignored"), (None, Some(REACHED)));
}

#[test]
fn std_reports_the_overflow_of_a_thread() {
    let ended = run_child("whatever_it_is", "thread");
    assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
    assert!(ended.stderr.contains("has overflowed its stack"), "{ended:?}");
}
