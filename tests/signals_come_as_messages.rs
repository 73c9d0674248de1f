//! Signals that a program asks for come out of a channel, as often as somebody asks, and do what they did before when nobody listens.

mod common;
#[path = "common/everywhere.rs"]
mod everywhere;

use common::{role, run_child};
use everywhere::everywhere;
use morestack::channel::{RecvTimeoutError, TryRecvError, select};
use morestack::signal::{Signal, notify};
use morestack::{runtime, thread};
use std::io::ErrorKind;
use std::time::Duration;

/// Longer than any machine is busy.
const LONG: Duration = Duration::from_secs(30);

fn raise(signal: Signal) {
    // SAFETY: without preconditions.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal.as_raw()) }, 0);
}

#[test]
fn to_tasks_and_threads() {
    everywhere(|| {
        let receiver = notify(&[Signal::USER_1]).unwrap();
        for _ in 0..3 {
            raise(Signal::USER_1);
            assert_eq!(receiver.recv_timeout(LONG), Ok(Signal::USER_1));
        }
    });
}

#[test]
fn to_all_who_ask_for_them() {
    let (alarm, window) = (Signal::ALARM, Signal::WINDOW);
    let (both, one) = (notify(&[alarm, window]).unwrap(), notify(&[alarm]).unwrap());
    raise(alarm);
    assert_eq!((both.recv_timeout(LONG), one.recv_timeout(LONG)), (Ok(alarm), Ok(alarm)));
    raise(window);
    assert_eq!((both.recv_timeout(LONG), one.try_recv()), (Ok(window), Err(TryRecvError::Empty)));
}

#[test]
fn to_a_selection() {
    let signals = notify(&[Signal::USER_2]).unwrap();
    let task = thread::spawn(move || {
        select! {
            recv(signals) -> signal => signal,
            default(LONG) => panic!("no signal comes"),
        }
    });
    // It may select by now or later: the channel keeps it.
    raise(Signal::USER_2);
    assert_eq!(task.join().unwrap(), Ok(Signal::USER_2));
}

#[test]
fn who_does_not_look_loses_some_and_holds_up_nobody() {
    let real_time = Signal::from_raw(libc::SIGRTMIN() + 3);
    let (idle, busy) = (notify(&[real_time]).unwrap(), notify(&[real_time]).unwrap());
    for _ in 0..200 {
        raise(real_time);
        assert_eq!(busy.recv_timeout(LONG), Ok(real_time));
    }
    assert_eq!(idle.try_iter().count(), 64);
}

#[test]
fn what_cannot_be_is_refused() {
    for number in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, 0, -1, 65, 1000] {
        let error = notify(&[Signal::USER_1, Signal::from_raw(number)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}: {error}");
        assert!(error.to_string().contains("cannot be received"), "{error}");
    }
}

#[test]
fn names_are_shown() {
    assert_eq!(
        format!("{} {:?} {}", Signal::INTERRUPT, Signal::TERMINATE, Signal::from_raw(1000)),
        "SIGINT SIGTERM signal 1000"
    );
}

#[test]
fn when_nobody_listens_any_more_the_process_ends() {
    if role().is_some() {
        let receiver = notify(&[Signal::INTERRUPT]).unwrap();
        raise(Signal::INTERRUPT);
        assert_eq!(receiver.recv_timeout(LONG), Ok(Signal::INTERRUPT));
        drop(receiver);
        raise(Signal::INTERRUPT);
        std::thread::sleep(LONG);
        return;
    }
    let ended = run_child("when_nobody_listens_any_more_the_process_ends", "child");
    assert_eq!(ended.signal, Some(libc::SIGINT), "{ended:?}");
}

#[test]
fn a_process_that_waits_for_signals_is_not_dead() {
    if role().is_some() {
        runtime::set_report_hook(|report| eprintln!("reported: {report}"));
        let receiver = notify(&[Signal::TERMINATE]).unwrap();
        let waits = thread::spawn(move || receiver.recv());
        // All that there is sleeps meanwhile.
        std::thread::sleep(Duration::from_secs(1));
        raise(Signal::TERMINATE);
        assert_eq!(waits.join().unwrap(), Ok(Signal::TERMINATE));
        return;
    }
    let ended = run_child("a_process_that_waits_for_signals_is_not_dead", "child");
    assert_eq!((ended.code, ended.stderr.contains("reported")), (Some(0), false), "{ended:?}");
}

#[test]
fn what_is_asked_for_and_dropped_leaves_nothing_behind() {
    let hang_up = Signal::HANG_UP;
    for _ in 0..10_000 {
        drop(notify(&[hang_up]).unwrap());
    }
    let receiver = notify(&[hang_up]).unwrap();
    raise(hang_up);
    assert_eq!(receiver.recv_timeout(LONG), Ok(hang_up));
    assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
}
