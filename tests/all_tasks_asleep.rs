//! When every thread waits for a task and every task waits for something that only they could bring, that is reported, with what each
//! waits for; and nothing else is taken for it.
//!
//! Without libtest's harness, whose threads might be about to do something: each case is a process of its own.

use morestack::channel::{self, Sender};
use morestack::runtime::{self, Report};
use morestack::sync::{Arc, Mutex};
use morestack::thread;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// What the process says to its parent when it is told of a deadlock.
const TOLD: i32 = 17;

/// Long enough to be told of a deadlock: what is promised is only that it is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// Long enough for a report that must not come.
const A_WHILE: Duration = Duration::from_millis(1500);

type Case = (&'static str, fn(), bool);

const CASES: &[Case] = &[
    ("two locks in two orders", two_locks, true),
    ("a receiver that has the sender", own_sender, true),
    ("a park without an unpark", park, true),
    #[cfg(feature = "debug-page")]
    ("a park under a live page", park_under_a_page, true),
    ("a sleeper", sleeper, false),
    ("another thread", another_thread, false),
    ("a blocking call", blocking_call, false),
];

fn named(name: &str, f: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(f).unwrap()
}

fn two_locks() {
    let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let tasks = [("a then b", a.clone(), b.clone()), ("b then a", b, a)].map(|(name, first, second)| {
        named(name, move || {
            let _first = first.lock().unwrap();
            thread::sleep(Duration::from_millis(20));
            let _second = second.lock().unwrap();
        })
    });
    tasks.into_iter().for_each(|task| task.join().unwrap());
}

fn own_sender() {
    let (s, r): (Sender<()>, _) = channel::bounded(0);
    named("keeps its sender", move || _ = (r.recv(), s)).join().unwrap();
}

fn park() {
    named("parks", || {
        loop {
            thread::park();
        }
    })
    .join()
    .unwrap();
}

/// Its threads wake nobody, though they look at the workers each second.
#[cfg(feature = "debug-page")]
fn park_under_a_page() {
    morestack::debug::serve("127.0.0.1:0").unwrap();
    park();
}

fn sleeper() {
    named("sleeps", || thread::sleep(A_WHILE)).join().unwrap();
}

fn another_thread() {
    let (s, r) = channel::bounded(0);
    std::thread::spawn(move || {
        std::thread::sleep(A_WHILE);
        s.send(()).unwrap();
    });
    named("receives", move || r.recv().unwrap()).join().unwrap();
}

fn blocking_call() {
    named("has something done", || morestack::blocking(|| std::thread::sleep(A_WHILE))).join().unwrap();
}

/// One case, as a process.
fn run(case: &str) -> ExitCode {
    runtime::set_report_hook(|report| {
        if let Report::AllAsleep { .. } = report {
            eprintln!("{report}");
            std::process::exit(TOLD);
        }
    });
    // Nothing else may be left to wait for: a case that is none would never end.
    let (_, case, dead) = CASES.iter().find(|(name, ..)| *name == case).expect("a case");
    if *dead {
        // SAFETY: the default action, which ends the process.
        unsafe { libc::alarm(PATIENCE.as_secs() as u32) };
    }
    case();
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [flag, case] = &*arguments
        && flag == "--case"
    {
        return run(case);
    }
    // What libtest's harness is asked.
    if arguments.iter().any(|argument| argument == "--list") {
        CASES.iter().for_each(|(name, ..)| println!("{}: test", name.replace(' ', "_")));
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for &(name, _, dead) in CASES {
        let out = Command::new(std::env::current_exe().unwrap()).args(["--case", name]).output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr);
        let told = out.status.code() == Some(TOLD);
        let right =
            if dead { told && text.contains("deadlock") && text.contains("waits for") } else { out.status.success() };
        println!("test {name} ... {}", if right { "ok" } else { "FAILED" });
        if !right {
            println!("{:?}\n{text}", out.status);
            failed += 1;
        }
        if dead && right && name.starts_with("two") {
            assert!(["a then b", "b then a", "mutex"].iter().all(|part| text.contains(part)), "{text}");
        }
    }
    println!(
        "\ntest result: {}. {} passed; {failed} failed",
        if failed == 0 { "ok" } else { "FAILED" },
        CASES.len() - failed
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
