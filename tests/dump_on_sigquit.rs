//! SIGQUIT writes a dump, and the process goes on; a second one at once ends it.

mod common;

use common::{role, run_child};
use morestack::{runtime, thread};
use std::time::Duration;

fn raise() {
    // SAFETY: without preconditions.
    assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGQUIT) }, 0);
}

/// A task that parks, and some signals.
fn child(signals: usize) {
    runtime::dump_on_sigquit();
    let sleeper = thread::Builder::new().name("sleeper".to_owned());
    drop(sleeper.spawn(|| thread::sleep(Duration::from_secs(3600))).unwrap());
    while !runtime::dump().to_string().contains("sleeper") {
        thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..signals {
        raise();
        // Two that are pending at once are one.
        std::thread::sleep(Duration::from_millis(50));
    }
    // Long enough for the dump, which says when it is written.
    std::thread::sleep(Duration::from_secs(3));
    eprintln!("it went on");
}

#[test]
fn it_tells_and_goes_on() {
    if role().is_some() {
        return child(1);
    }
    let ended = run_child("it_tells_and_goes_on", "child");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let text = &ended.stderr;
    assert!(text.contains("SIGQUIT") && text.contains("sleeper") && text.contains("waits for a time"), "{text}");
    assert!(text.contains("it went on"), "{text}");
}

#[test]
fn who_insists_ends_the_process() {
    if role().is_some() {
        return child(2);
    }
    let ended = run_child("who_insists_ends_the_process", "child");
    assert_eq!(ended.signal, Some(libc::SIGQUIT), "{ended:?}");
}

#[test]
fn a_handler_of_the_program_s_stays() {
    extern "C" fn own(_: libc::c_int) {}
    if role().is_some() {
        // SAFETY: a handler that does nothing.
        unsafe { libc::signal(libc::SIGQUIT, own as *const () as usize) };
        return child(2);
    }
    let ended = run_child("a_handler_of_the_program_s_stays", "child");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("morestack: SIGQUIT") && ended.stderr.contains("it went on"), "{ended:?}");
}
