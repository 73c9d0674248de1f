//! The monitor costs an idle program nothing, is one thread for all runtimes, and works for each of them.

use morestack::runtime::{Builder, Runtime, set_report_hook};
use morestack::thread;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The threads of this process called "monitor": their numbers.
fn monitors() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |tid: &String| std::fs::read_to_string(format!("/proc/self/task/{tid}/comm")).unwrap_or_default();
    let all = tasks.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    all.filter(|tid| name(tid).trim() == "monitor").collect()
}

/// How often the thread went to sleep so far.
fn sleeps(tid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/self/task/{tid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

/// What the thread has run, in clock ticks of 10 ms.
fn ticks(tid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{tid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn one_worker() -> Runtime {
    Builder::new().workers(1).build().unwrap()
}

/// One test, because there is one monitor.
#[test]
fn and_wakes_when_one_does() {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    set_report_hook(|_| {
        REPORTS.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!(monitors(), [""; 0], "before there is a runtime");
    let (first, second) = (one_worker(), Builder::new().workers(3).build().unwrap());
    first.run(|| ());
    second.run(|| ());
    // A thread gives itself its name.
    while monitors().is_empty() {
        std::thread::yield_now();
    }
    let monitors = monitors();
    let [monitor] = &monitors[..] else { panic!("one monitor, not {monitors:?}") };

    // A sleeping task is nobody's work.
    let sleeper = second.spawn(|| thread::sleep(Duration::from_millis(1300)));
    std::thread::sleep(Duration::from_millis(100));
    let before = (sleeps(monitor), ticks(monitor));
    std::thread::sleep(Duration::from_millis(1000));
    let after = (sleeps(monitor), ticks(monitor));
    assert!(after.0 - before.0 <= 5, "it woke up {} times", after.0 - before.0);
    assert!(after.1 - before.1 <= 1, "it ran for {} ticks", after.1 - before.1);
    sleeper.join().unwrap();

    // Of whichever runtime the worker is, the monitor wakes with it; also when others have come and gone.
    for turn in 1..=3 {
        drop(one_worker());
        std::thread::sleep(Duration::from_millis(50));
        let runtime = if turn == 2 { &second } else { &first };
        runtime.run(move || {
            let started = Instant::now();
            while REPORTS.load(Ordering::SeqCst) < turn {
                assert!(started.elapsed() < Duration::from_secs(60), "never reported");
            }
        });
    }
    drop((first, second));
    let before = sleeps(monitor);
    std::thread::sleep(Duration::from_millis(200));
    assert!(sleeps(monitor) - before <= 5, "no runtime is left");
    // And again.
    one_worker().run(|| {
        let started = Instant::now();
        while REPORTS.load(Ordering::SeqCst) < 4 {
            assert!(started.elapsed() < Duration::from_secs(60), "never reported");
        }
    });
}
