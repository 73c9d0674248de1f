//! `thread::current`, `Thread`, `ThreadId`: tasks and OS threads have numbers and names, told apart.

mod common;
#[path = "common/places.rs"]
mod places;

use morestack::thread::{self, Builder, Thread, ThreadId};
use places::everywhere;
use std::collections::HashSet;

#[test]
fn numbers_are_unique_among_tasks_and_os_threads() {
    everywhere(|| {
        let mut ids: HashSet<ThreadId> = HashSet::new();
        assert!(ids.insert(thread::current().id()));
        assert!(!ids.insert(thread::current().id()), "the same one has the same");
        for _ in 0..100 {
            let task = thread::spawn(|| thread::current().id());
            let id = task.thread().id();
            assert_eq!(task.join().unwrap(), id);
            assert!(ids.insert(id));
        }
        for _ in 0..10 {
            assert!(ids.insert(std::thread::spawn(|| thread::current().id()).join().unwrap()));
        }
    });
}

#[test]
fn current_on_an_os_thread_is_that_thread() {
    let os = std::thread::Builder::new().name("plain".to_owned());
    let both = os.spawn(|| (thread::current(), std::thread::current())).unwrap();
    let (ours, std) = both.join().unwrap();
    assert_eq!(ours.name(), Some("plain"));
    assert_eq!(format!("{:?}", ours.id()), format!("{:?}", std.id()));
}

#[test]
fn a_thread_is_named_after_its_end_too() {
    everywhere(|| {
        let task = Builder::new().name("gone".to_owned()).spawn(thread::current).unwrap();
        let (from_handle, from_inside): (Thread, Thread) = (task.thread().clone(), task.join().unwrap());
        assert_eq!(from_handle.id(), from_inside.id());
        assert_eq!(from_handle.name(), Some("gone"));
        // Nobody is there to be woken.
        from_handle.unpark();
        let text = format!("{from_inside:?}");
        assert!(text.starts_with("Thread { id: ThreadId(task ") && text.contains("name: Some(\"gone\")"), "{text}");
    });
}

#[test]
fn a_task_stays_on_its_os_thread() {
    everywhere(|| {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                thread::spawn(|| {
                    let (os, task) = (std::thread::current().id(), thread::current().id());
                    for _ in 0..50 {
                        thread::yield_now();
                        thread::spawn(|| ()).join().unwrap();
                        assert_eq!((std::thread::current().id(), thread::current().id()), (os, task));
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}
