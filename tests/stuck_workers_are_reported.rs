//! A worker that runs one task without a switch for over 100 ms is reported once, with the task and the place.

use morestack::runtime::{Builder, Report, set_report_hook};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static REPORTS: Mutex<Vec<Report>> = Mutex::new(Vec::new());

/// Works until a report of its task is there, and some time longer.
#[inline(never)]
fn compute_for_too_long(seen: &AtomicBool) {
    let started = Instant::now();
    while !seen.load(Ordering::Relaxed) {
        assert!(started.elapsed() < Duration::from_secs(60), "never reported");
        for _ in 0..1000 {
            std::hint::black_box(seen);
        }
    }
    let more = Instant::now();
    while more.elapsed() < Duration::from_millis(300) {
        std::hint::black_box(seen);
    }
}

/// One test, because the hook is the process's.
#[test]
fn once_with_task_and_place() {
    static SEEN: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];
    set_report_hook(|report| {
        let mut reports = REPORTS.lock().unwrap();
        if let Some(seen) = SEEN.get(reports.len()) {
            seen.store(true, Ordering::Relaxed);
        }
        reports.push(report.clone());
    });
    let runtime = Builder::new().workers(1).build().unwrap();
    let busy = morestack::thread::Builder::new().name("the busy one".to_owned());
    let busy = busy.spawn_on(&runtime, || {
        compute_for_too_long(&SEEN[0]);
        // Another stretch of the same task is another time.
        morestack::thread::yield_now();
        compute_for_too_long(&SEEN[1]);
    });
    busy.unwrap().join().unwrap();
    let reports = REPORTS.lock().unwrap();
    assert_eq!(reports.len(), 2, "{reports:?}");
    for report in &*reports {
        let Report::Stuck { worker: 0, task, place, time, .. } = report else { panic!("{report:?}") };
        assert_eq!(task.name.as_deref(), Some("the busy one"));
        assert!(*time >= Duration::from_millis(100));
        let functions: Vec<_> = place.frames().iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert!(functions.iter().any(|name| name.ends_with("compute_for_too_long")), "{functions:?}");
        let text = report.to_string();
        println!("{text}");
        assert!(text.contains("\"the busy one\"") && text.contains("compute_for_too_long"), "{text}");
    }
    let Report::Stuck { task: first, .. } = &reports[0] else { unreachable!() };
    let Report::Stuck { task: second, .. } = &reports[1] else { unreachable!() };
    assert_eq!(first, second);
}
