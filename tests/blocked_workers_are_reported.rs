//! A worker whose task is blocked in the kernel is reported if other tasks of that worker are ready, and only then.

use morestack::net::TcpListener;
use morestack::runtime::{Builder, Report, Runtime, set_report_hook};
use morestack::thread;
use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard, mpsc};
use std::time::Duration;

static REPORTS: Mutex<Vec<Report>> = Mutex::new(Vec::new());

/// The hook is the process's: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    set_report_hook(|report| REPORTS.lock().unwrap().push(report.clone()));
    REPORTS.lock().unwrap().clear();
    guard
}

fn one_worker() -> Runtime {
    Builder::new().workers(1).build().unwrap()
}

/// Waits for one report, and makes sure that it stays the only one.
fn the_report() -> Report {
    for _ in 0..6000 {
        if !REPORTS.lock().unwrap().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    let reports = REPORTS.lock().unwrap();
    assert_eq!(reports.len(), 1, "{reports:?}");
    println!("{}", reports[0]);
    reports[0].clone()
}

#[inline(never)]
fn read_from_a_pipe(mut pipe: std::io::PipeReader) -> u8 {
    let mut byte = [0];
    pipe.read_exact(&mut byte).unwrap();
    byte[0]
}

/// A task that is, or will soon be, blocked until something is written.
fn blocked(runtime: &Runtime) -> (thread::JoinHandle<u8>, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let (started, wait) = mpsc::channel();
    let task = thread::Builder::new().name("the reader".to_owned()).spawn_on(runtime, move || {
        started.send(()).unwrap();
        read_from_a_pipe(reader)
    });
    wait.recv().unwrap();
    (task.unwrap(), writer)
}

#[test]
fn with_a_fresh_task_behind_it() {
    let _alone = alone();
    let runtime = one_worker();
    let (task, mut writer) = blocked(&runtime);
    let waiting = runtime.spawn(|| 1);
    let report = the_report();
    let Report::Blocked { worker: 0, task: label, system_call, place, time, .. } = &report else {
        panic!("{report:?}")
    };
    assert_eq!(label.name.as_deref(), Some("the reader"));
    assert!(*time >= Duration::from_millis(100));
    // Where the kernel tells the call, the place is known too: this one is restarted after the question.
    if let Some(call) = system_call {
        assert_eq!(call.name(), Some("read"));
        let functions: Vec<_> = place.frames().iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert!(functions.iter().any(|name| name.ends_with("read_from_a_pipe")), "{functions:?}");
    }
    writer.write_all(&[7]).unwrap();
    assert_eq!((task.join().unwrap(), waiting.join().unwrap()), (7, 1));
}

#[test]
fn with_a_started_task_behind_it() {
    let _alone = alone();
    let runtime = one_worker();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let task = runtime.spawn(move || {
        // It yields as soon as it has started, so it is in the ring when its parent is blocked.
        let neighbour = thread::spawn(|| (0..100).for_each(|_| thread::yield_now()));
        for _ in 0..20 {
            thread::yield_now();
        }
        assert!(!neighbour.is_finished());
        read_from_a_pipe(reader)
    });
    let report = the_report();
    assert!(matches!(report, Report::Blocked { .. }), "{report:?}");
    writer.write_all(&[7]).unwrap();
    task.join().unwrap();
}

#[test]
fn with_a_task_behind_it_that_was_woken_meanwhile() {
    let _alone = alone();
    let runtime = one_worker();
    let (sender, parked) = mpsc::channel();
    let sleeper = runtime.spawn(move || {
        sender.send(morestack::sched::current().unwrap()).unwrap();
        morestack::sched::park();
    });
    let parked = parked.recv().unwrap();
    let (task, mut writer) = blocked(&runtime);
    std::thread::sleep(Duration::from_millis(300));
    assert!(REPORTS.lock().unwrap().is_empty(), "nobody waits yet");
    parked.unpark();
    assert!(matches!(the_report(), Report::Blocked { .. }));
    writer.write_all(&[7]).unwrap();
    task.join().unwrap();
    sleeper.join().unwrap();
}

#[test]
fn with_a_task_behind_it_whose_data_has_come() {
    let _alone = alone();
    let runtime = one_worker();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut server = listener.accept().unwrap().0;
    let waiting = runtime.spawn(move || {
        let mut byte = [0];
        server.read_exact(&mut byte).unwrap();
        byte[0]
    });
    // It waits, by now or soon: then nobody is behind the reader.
    std::thread::sleep(Duration::from_millis(50));
    let (task, mut writer) = blocked(&runtime);
    client.write_all(&[3]).unwrap();
    assert!(matches!(the_report(), Report::Blocked { worker: 0, .. }));
    writer.write_all(&[7]).unwrap();
    assert_eq!((task.join().unwrap(), waiting.join().unwrap()), (7, 3));
}

#[test]
fn not_with_nobody_behind_it() {
    let _alone = alone();
    let runtime = one_worker();
    let (task, mut writer) = blocked(&runtime);
    std::thread::sleep(Duration::from_millis(400));
    writer.write_all(&[7]).unwrap();
    task.join().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let reports = REPORTS.lock().unwrap();
    assert!(reports.is_empty(), "{reports:?}");
}

#[test]
fn a_sleep_is_not_cut_short() {
    let _alone = alone();
    let runtime = one_worker();
    let (started, wait) = mpsc::channel();
    // Past std, which would sleep the rest: as a C library does.
    let task = runtime.spawn(move || {
        started.send(()).unwrap();
        let time = libc::timespec { tv_sec: 0, tv_nsec: 600_000_000 };
        // SAFETY: the time is valid.
        unsafe { libc::nanosleep(&time, std::ptr::null_mut()) }
    });
    wait.recv().unwrap();
    let waiting = runtime.spawn(|| ());
    let report = the_report();
    assert!(matches!(report, Report::Blocked { .. }), "{report:?}");
    assert_eq!(task.join().unwrap(), 0, "interrupted");
    waiting.join().unwrap();
}
