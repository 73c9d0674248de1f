//! A task that waits where its panic state cannot travel keeps its OS thread; one that refuses to end is left over. Both are told.

#[path = "common/tasks.rs"]
mod tasks;

use morestack::runtime::{Builder, Report, set_report_hook};
use morestack::sched::park;
use morestack::thread;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

/// The hook is the process's: one test at a time, with what it is told.
fn alone() -> (MutexGuard<'static, ()>, mpsc::Receiver<Report>) {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    // Without a receiver the test is over.
    set_report_hook(move |report| drop(sender.lock().unwrap().send(report.clone())));
    (guard, receiver)
}

/// Waits in mapped code when it is dropped.
struct WaitsInDrop;

impl Drop for WaitsInDrop {
    fn drop(&mut self) {
        let mut counter = 0;
        assert_eq!(tasks::sleep(&raw mut counter, 1), 1);
    }
}

#[test]
fn a_wait_in_mapped_code_while_the_task_panics() {
    let (_alone, reports) = alone();
    let runtime = Builder::new().workers(1).build().unwrap();
    let task = thread::Builder::new().name("panicking".to_owned()).spawn_on(&runtime, || {
        let _waits = WaitsInDrop;
        panic::resume_unwind(Box::new("on purpose"));
    });
    let task = task.unwrap();
    let report = reports.recv_timeout(Duration::from_secs(60)).unwrap();
    let Report::PanickingWait { task: label, times: 1, .. } = &report else { panic!("{report:?}") };
    assert_eq!(label.name.as_deref(), Some("panicking"));
    println!("{report}");
    task.thread().unpark();
    assert_eq!(task.join().unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
}

#[test]
fn a_task_that_refuses_to_end() {
    let (_alone, reports) = alone();
    let runtime = Builder::new().workers(1).build().unwrap();
    let (started, wait) = mpsc::channel();
    let task = thread::Builder::new().name("stubborn".to_owned()).spawn_on(&runtime, move || {
        started.send(()).unwrap();
        loop {
            drop(panic::catch_unwind(AssertUnwindSafe(park)));
        }
    });
    wait.recv().unwrap();
    drop(runtime);
    let report = reports.try_recv().expect("told before the drop is over");
    let Report::Leftover(leftover) = &report else { panic!("{report:?}") };
    println!("{report}");
    assert!(leftover.task.contains("\"stubborn\""));
    assert!(report.to_string().contains("\"stubborn\" was not ended when its runtime was dropped"), "{report}");
    drop(task);
}
