//! A dump has every task that has started, with what it waits for, how much of its stack it uses, and where it is.

mod common;
#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::{everywhere, pair};
use morestack::channel::{self, Sender};
use morestack::runtime::{self, Builder, Runtime, State, TaskInfo, WaitsFor};
use morestack::sync::{Arc, Barrier, Condvar, Mutex, Semaphore};
use morestack::thread;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Looks until `find` finds something, which takes a moment where tasks have yet to come to their waits.
fn look<T>(find: impl Fn(&[TaskInfo]) -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        let tasks: Vec<_> = runtime::dump().tasks().cloned().collect();
        if let Some(found) = find(&tasks) {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "not found in {tasks:#?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn named(name: &str) -> impl Fn(&[TaskInfo]) -> Option<TaskInfo> {
    move |tasks| tasks.iter().find(|task| task.task.name.as_deref() == Some(name)).cloned()
}

/// A task of this name that waits for this.
fn waits_for(name: &str, what: WaitsFor) -> TaskInfo {
    look(|tasks| {
        named(name)(tasks).filter(|task| matches!(task.state, State::Waiting { what: found, .. } if found == what))
    })
}

fn spawn(runtime: &Runtime, name: &str, f: impl FnOnce() + Send + 'static) {
    drop(thread::Builder::new().name(name.to_owned()).spawn_on(runtime, f).unwrap());
}

#[test]
fn whatever_they_wait_for() {
    let runtime = Builder::new().workers(2).build().unwrap();
    let (s, r) = channel::bounded::<()>(0);
    let (full, _r) = channel::bounded(1);
    full.send(()).unwrap();
    let (mutex, semaphore) = (Arc::new(Mutex::new(())), Arc::new(Semaphore::new(0)));
    let held = mutex.lock().unwrap();
    let (its_mutex, its_semaphore) = (mutex.clone(), semaphore.clone());
    spawn(&runtime, "parks", || {
        loop {
            thread::park();
        }
    });
    spawn(&runtime, "sleeps", || thread::sleep(Duration::from_secs(3600)));
    spawn(&runtime, "joins", || drop(thread::spawn(thread::park).join()));
    spawn(&runtime, "scopes", || {
        thread::scope(|scope| {
            scope.spawn(|| thread::sleep(Duration::from_millis(500)));
        });
    });
    spawn(&runtime, "sends", move || _ = full.send(()));
    let receiver = r.clone();
    spawn(&runtime, "receives", move || _ = receiver.recv());
    spawn(&runtime, "selects", move || {
        channel::select! {
            recv(r) -> _ => {}
            recv(channel::never::<()>()) -> _ => {}
        }
    });
    spawn(&runtime, "locks", move || drop(its_mutex.lock()));
    spawn(&runtime, "acquires", move || its_semaphore.acquire().forget());
    spawn(&runtime, "condition", || {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        drop(condvar.wait(mutex.lock().unwrap()));
    });
    spawn(&runtime, "barrier", || _ = Barrier::new(2).wait());
    spawn(&runtime, "reads", || {
        let (mut one, _other) = pair();
        let _ = one.read(&mut [0]);
    });
    let all = [
        ("parks", WaitsFor::Unpark),
        ("sleeps", WaitsFor::Time),
        ("joins", WaitsFor::Join),
        ("scopes", WaitsFor::ScopeEnd),
        ("sends", WaitsFor::Send),
        ("receives", WaitsFor::Receive),
        ("selects", WaitsFor::Select),
        ("locks", WaitsFor::Mutex),
        ("acquires", WaitsFor::Semaphore),
        ("condition", WaitsFor::Condvar),
        ("barrier", WaitsFor::Barrier),
        ("reads", WaitsFor::Readable),
    ];
    for (name, what) in all {
        let task = waits_for(name, what);
        let stack = task.stack.expect("it stands still");
        assert!(stack.used > 0 && stack.used <= stack.size, "{task:?}");
        let text = task.to_string();
        assert!(text.contains(name) && text.contains(&what.to_string()) && text.contains("bytes"), "{text}");
    }
    // The trace leads to the code that waits.
    let sleeper = waits_for("sleeps", WaitsFor::Time);
    assert!(sleeper.to_string().contains("whatever_they_wait_for"), "{sleeper}");
    drop((s, held));
}

#[test]
fn who_waits_for_the_same_says_so() {
    let runtime = Builder::new().workers(2).build().unwrap();
    let (sender, receiver): (Sender<()>, _) = channel::bounded(0);
    for name in ["first", "second"] {
        let receiver = receiver.clone();
        spawn(&runtime, name, move || _ = receiver.recv());
    }
    let which = |name| match waits_for(name, WaitsFor::Receive).state {
        State::Waiting { which, .. } => which.expect("a channel has an address"),
        other => panic!("{other:?}"),
    };
    assert_eq!(which("first"), which("second"));
    drop(sender);
}

#[test]
fn who_is_joined_is_named() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let forever = || loop {
        thread::park();
    };
    let task = thread::Builder::new().name("is joined".to_owned()).spawn_on(&runtime, forever).unwrap();
    let id = waits_for("is joined", WaitsFor::Unpark).task.id;
    spawn(&runtime, "joins it", move || drop(task.join()));
    let joiner = waits_for("joins it", WaitsFor::Join);
    assert!(matches!(joiner.state, State::Waiting { which: Some(which), .. } if which == id), "{joiner:?}");
}

#[test]
fn time_passes() {
    let runtime = Builder::new().workers(1).build().unwrap();
    // Not as long as the sleeper above: the compiler may make one function of two that are alike, and that one has the trace.
    spawn(&runtime, "waits long", || thread::sleep(Duration::from_secs(7200)));
    look(|tasks| {
        named("waits long")(tasks)
            .filter(|task| matches!(task.state, State::Waiting { time, .. } if time >= Duration::from_millis(50)))
    });
}

#[test]
fn a_task_that_keeps_its_worker_is_shown_as_running() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let its = stop.clone();
    spawn(&runtime, "spins", move || {
        while !its.load(SeqCst) {
            std::hint::spin_loop();
        }
    });
    let start = Instant::now();
    loop {
        let dump = runtime::dump();
        let kept = dump.workers.iter().find(|worker| !worker.answered);
        if let Some(task) = kept.and_then(|worker| worker.tasks.first()) {
            assert_eq!((task.task.name.as_deref(), &task.state), (Some("spins"), &State::Running));
            assert!(dump.to_string().contains("kept by a task"), "{dump}");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{dump}");
    }
    stop.store(true, SeqCst);
}

#[test]
fn asked_from_everywhere() {
    everywhere(|| {
        let count = runtime::dump().tasks().count();
        let text = runtime::dump().to_string();
        assert!(text.contains(" on "), "{count} tasks: {text}");
    });
}

#[test]
fn figures_add_up() {
    let runtime = Builder::new().workers(2).build().unwrap();
    let before = runtime::metrics();
    let tasks: Vec<_> = (0..100).map(|_| runtime.spawn(|| thread::sleep(Duration::from_millis(200)))).collect();
    let mut most = 0;
    while !tasks.iter().all(|task| task.is_finished()) {
        most = most.max(runtime::metrics().tasks_waiting);
        std::thread::sleep(Duration::from_millis(5));
    }
    let after = runtime::metrics();
    assert!(most >= 100, "{most} waited at a time");
    assert!(after.spawned >= before.spawned + 100 && after.started >= before.started + 100);
    assert!(after.switches > before.switches && after.wakes >= before.wakes + 100);
    assert!(after.workers >= 2);
}
