//! `process::exit` destroys the thread-locals of the thread that calls it, above live frames. Mapped calls and yields in their
//! destructors find everything that these frames use.

mod common;

use common::{role, run_child};
use morestack::sched::{Scheduler, current, yield_now};
use std::cell::OnceCell;
use std::hint::black_box;
use std::process::exit;
use std::rc::Rc;

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/process_exit.s"))
);
morestack::mapped! {
    unsafe extern "ABI0" {
        fn count(n: u64) -> u64 = "deep.count";
        fn calls_exit() = "exit.calls_rust";
    }
}
morestack::mapped_export! {
    #[unsafe(export_name = "exit.rust")]
    fn exits() { exit(0) }
}

/// Does something when it is dropped, after the heap was overwritten where it is free.
struct Late(fn());

impl Drop for Late {
    fn drop(&mut self) {
        let junk: Vec<_> = (1..200usize).flat_map(|n| (0..20).map(move |_| vec![0x41_u8; n * 8])).collect();
        black_box(&junk);
        (self.0)();
        eprintln!("survived");
    }
}

thread_local! {
    /// Older than the runtime's own part of the thread, so dropped after it.
    static LATE: OnceCell<Late> = const { OnceCell::new() };
    static SCHEDULER: OnceCell<Rc<Scheduler>> = const { OnceCell::new() };
}

fn on_a_thread(late: fn(), body: fn()) {
    std::thread::spawn(move || {
        LATE.with(|slot| slot.get_or_init(|| Late(late)).0);
        body();
    })
    .join()
    .unwrap();
}

fn survives(name: &str) {
    let ended = run_child(name, "exits");
    assert!(ended.code == Some(0) && ended.stderr.contains("survived"), "{ended:?}");
}

#[test]
fn in_a_task_of_a_scheduler_in_a_thread_local() {
    if role().is_none() {
        return survives("in_a_task_of_a_scheduler_in_a_thread_local");
    }
    fn late() {
        assert!(current().is_some());
        yield_now();
    }
    on_a_thread(late, || {
        SCHEDULER.with(|slot| {
            let scheduler = slot.get_or_init(|| Rc::new(Scheduler::new()));
            drop(scheduler.spawn(|| exit(0)));
            scheduler.run();
        });
    });
}

#[test]
fn in_rust_called_by_mapped_code_outside_any_task() {
    if role().is_none() {
        return survives("in_rust_called_by_mapped_code_outside_any_task");
    }
    fn late() {
        assert_eq!(count(100), 100);
    }
    on_a_thread(late, calls_exit);
}
