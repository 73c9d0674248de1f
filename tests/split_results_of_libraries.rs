//! What std and other crates compute in a fresh task is what they compute on an ordinary OS thread, wherever in them the task's
//! stack grows.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/work.rs"]
mod work;

use fresh::{ROOMY, below, os_thread, task_with};
use work::SECTIONS;

fn expected() -> Vec<String> {
    SECTIONS.iter().map(|(_, section)| os_thread(*section)).collect()
}

#[test]
fn from_the_first_growth_on() {
    for ((name, section), expected) in SECTIONS.iter().zip(expected()) {
        assert_eq!(task_with(ROOMY, *section), expected, "{name}");
    }
}

/// A task's 2 KB are full at another place for each number of frames.
#[test]
fn wherever_the_stack_grows() {
    for ((name, section), expected) in SECTIONS.iter().zip(expected()) {
        for frames in (1..32).step_by(3) {
            let text = task_with(ROOMY, move || below(frames, &mut || section()));
            assert_eq!(text, expected, "{name}, {frames} frames down");
        }
    }
}

/// One after the other in one task, on a stack that has grown; the other way round; and in tasks that take turns.
#[test]
fn on_stacks_that_have_grown() {
    let all = expected();
    let (forwards, backwards) = task_with(ROOMY, || {
        let forwards: Vec<_> = SECTIONS.iter().map(|(_, section)| section()).collect();
        (forwards, SECTIONS.iter().rev().map(|(_, section)| section()).collect::<Vec<_>>())
    });
    assert_eq!(forwards, all);
    assert!(backwards.iter().rev().eq(&all));

    let runtime = morestack::runtime::Builder::new().workers(2).build().unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|i| {
            let section = SECTIONS[i % SECTIONS.len()].1;
            let run = move || {
                morestack::thread::yield_now();
                let text = section();
                morestack::thread::yield_now();
                assert_eq!(section(), text);
                text
            };
            morestack::thread::Builder::new().stack_size(ROOMY).spawn_on(&runtime, run).unwrap()
        })
        .collect();
    for (i, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join().unwrap(), all[i % SECTIONS.len()], "{}", SECTIONS[i % SECTIONS.len()].0);
    }
}
