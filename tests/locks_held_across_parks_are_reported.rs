//! A std lock that a parked task holds, and another task of the same worker wants, is a deadlock: it is reported with both names.

mod common;

use common::{role, run_child};
use morestack::runtime::{self, Builder, Report};
use morestack::thread;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

/// How the child ends when it is told.
const TOLD: i32 = 17;

/// Long enough to be told.
const PATIENCE: u32 = 30;

fn child(hold: impl FnOnce() + Send + 'static, want: impl FnOnce() + Send + 'static) {
    runtime::set_report_hook(|report| {
        if let Report::LockAcrossPark { task, holder, .. } = report {
            assert_eq!(
                (task.name.as_deref(), holder.name.as_deref()),
                (Some("wants it"), Some("holds it")),
                "{report}"
            );
            eprintln!("{report}");
            std::process::exit(TOLD);
        }
    });
    // SAFETY: the default action, which ends the process.
    unsafe { libc::alarm(PATIENCE) };
    let runtime = Builder::new().workers(1).build().unwrap();
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let holder = named("holds it").spawn_on(&runtime, hold).unwrap();
    let wanter = named("wants it").spawn_on(&runtime, want).unwrap();
    holder.join().unwrap();
    wanter.join().unwrap();
}

fn is_told(name: &str) {
    let ended = run_child(name, "child");
    assert_eq!(ended.code, Some(TOLD), "{ended:?}");
    assert!(ended.stderr.contains("seems to hold it"), "{ended:?}");
}

#[test]
fn a_mutex() {
    if role().is_none() {
        return is_told("a_mutex");
    }
    let mutex = Arc::new(Mutex::new(5u64));
    let its = mutex.clone();
    child(
        move || {
            let held = its.lock().unwrap();
            thread::sleep(Duration::from_millis(50));
            drop(held);
        },
        move || *mutex.lock().unwrap() += 1,
    );
}

#[test]
fn a_lock_that_is_read() {
    if role().is_none() {
        return is_told("a_lock_that_is_read");
    }
    let lock = Arc::new(RwLock::new([0u8; 100]));
    let its = lock.clone();
    child(
        move || {
            let held = its.read().unwrap();
            thread::sleep(Duration::from_millis(50));
            drop(held);
        },
        move || lock.write().unwrap()[0] = 1,
    );
}

#[test]
fn not_ours() {
    if role().is_none() {
        let ended = run_child("not_ours", "child");
        return assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let mutex = morestack::sync::Arc::new(morestack::sync::Mutex::new(5u64));
    let its = mutex.clone();
    child(
        move || {
            let held = its.lock().unwrap();
            thread::sleep(Duration::from_millis(300));
            drop(held);
        },
        move || *mutex.lock().unwrap() += 1,
    );
}
