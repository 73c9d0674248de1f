//! Programs that compute in short stretches, wait, sleep and do I/O the green way hear nothing from the monitor.

use morestack::runtime::{Builder, Report, set_report_hook};
use morestack::thread;
use std::sync::Mutex;
use std::time::{Duration, Instant};

static REPORTS: Mutex<Vec<Report>> = Mutex::new(Vec::new());

#[test]
fn nothing_is_said() {
    set_report_hook(|report| REPORTS.lock().unwrap().push(report.clone()));
    let started = Instant::now();
    let runtime = Builder::new().workers(2).build().unwrap();
    let yielding: Vec<_> = (0..4)
        .map(|_| {
            runtime.spawn(move || {
                while started.elapsed() < Duration::from_millis(500) {
                    thread::yield_now();
                }
            })
        })
        .collect();
    let sleeping: Vec<_> = (0..100)
        .map(|i| {
            runtime.spawn(move || {
                for _ in 0..3 {
                    thread::sleep(Duration::from_millis(50 + i));
                }
            })
        })
        .collect();
    // Nobody waits for these workers, who sleep for much longer than what counts as stuck.
    let idle = Builder::new().workers(2).build().unwrap();
    idle.run(|| thread::sleep(Duration::from_millis(400)));
    // Blocked, but nobody is behind it.
    idle.run(|| std::thread::sleep(Duration::from_millis(300)));
    yielding.into_iter().chain(sleeping).for_each(|task| task.join().unwrap());
    drop(runtime);
    let reports = REPORTS.lock().unwrap();
    assert!(reports.is_empty(), "{reports:?}");
}
