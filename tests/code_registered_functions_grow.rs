//! Functions that a compiler adds at run time run on stacks that begin with 2 KB and grow by moving, like the program's own.

mod common;
#[path = "../examples/jit/compiler.rs"]
mod compiler;
#[path = "common/mapped.rs"]
mod mapped;

use common::caps;
use compiler::{LEAST_FRAME, Plan, compile};
use mapped::moves_during;
use morestack::code::{self, Registration};
use morestack::sched::Scheduler;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

morestack::mapped_export! {
    #[unsafe(export_name = "jit.bottom")]
    fn bottom(n: u64) -> u64 { n }
}

morestack::mapped! {
    unsafe extern "ABI0" {
        fn mapped_bottom(n: u64) -> u64 = "jit.bottom";
    }
}

/// Its text is leaked with it: tests that fail leave it registered.
fn registered(frame: i32) -> Registration {
    let compiled = compile(Plan { frame, bottom: mapped_bottom::code().start }).unwrap();
    // SAFETY: code of the form that is asked for, for good.
    unsafe { code::register(compiled.text.leak(), &[compiled.function]).unwrap() }
}

fn sum(n: u64) -> u64 {
    n * (n + 1) / 2
}

#[test]
fn from_2_kb_on_a_task_of_their_own() {
    // One for each form of the check, and both sides of where the forms change.
    for frame in [LEAST_FRAME, 120, 128, 512, 4080, 4088, 4096, 40_000] {
        let registration = registered(frame);
        let depth = caps::depth((1 << 20) / (frame as usize + 16)) as u64;
        // SAFETY: it takes a number and returns one.
        let function = unsafe { registration.function::<(u64,), u64>("jit.sum").unwrap() };
        let using = registration.keep();
        // SAFETY: kept until the task has ended.
        let task = unsafe { function.mapped() };
        let (result, moves) = moves_during(|| Scheduler::new().spawn_mapped(task, (depth,)).join_or_resume());
        drop(using);
        assert_eq!(result, sum(depth), "{frame}");
        assert_eq!(moves[0].old.1, 2048, "{frame}");
        let last = moves.iter().map(|m| m.new.1).max().unwrap();
        assert!(last >= depth as usize * (frame as usize + 16), "{frame}: {last}");
        println!("frame {frame}, depth {depth}: {} moves, to {last} bytes", moves.len());
        registration.unregister().unwrap();
    }
}

#[test]
fn called_from_rust_on_tasks_and_threads() {
    let registration = registered(LEAST_FRAME);
    let depth = caps::often(2000) as u64;
    // SAFETY: as above.
    let function = unsafe { registration.function::<(u64,), u64>("jit.sum").unwrap() };
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                assert_eq!(function.call((depth,)), Ok(sum(depth)));
                done.fetch_add(1, Relaxed);
            });
        }
    });
    morestack::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                assert_eq!(function.call((depth,)), Ok(sum(depth)));
                done.fetch_add(1, Relaxed);
            });
        }
    });
    assert_eq!(done.into_inner(), 22);
    registration.unregister().unwrap();
}

#[test]
fn while_others_come_and_go() {
    let registration = registered(LEAST_FRAME);
    // SAFETY: as above.
    let function = unsafe { registration.function::<(u64,), u64>("jit.sum").unwrap() };
    let depth = caps::often(300) as u64;
    std::thread::scope(|scope| {
        let stays = scope.spawn(|| {
            for _ in 0..500 {
                assert_eq!(function.call((depth,)), Ok(sum(depth)));
            }
        });
        let mut times = 0;
        while !stays.is_finished() || times < 20 {
            let registration = registered(LEAST_FRAME + 8 * (times % 30));
            // SAFETY: as above.
            let comes = unsafe { registration.function::<(u64,), u64>("jit.sum").unwrap() };
            assert_eq!(comes.call((depth,)), Ok(sum(depth)));
            registration.unregister().unwrap();
            times += 1;
        }
        println!("{times} registrations");
    });
    registration.unregister().unwrap();
}
