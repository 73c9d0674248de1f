//! A thread that called mapped code leaves no mapping behind when it ends, though std has taken the alternate stack away (as
//! it sees it) by the time ours is to be removed.

mod common;
#[path = "common/tasks.rs"]
mod tasks;

use common::mappings;
use std::sync::Mutex;
use tasks::add;

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

/// What one test unmaps, the other's threads might map again.
static ALONE: Mutex<()> = Mutex::new(());

/// Mappings that come and go with allocator arenas, thread stacks that glibc keeps, slabs.
const NOISE: usize = 100;

fn run(threads: u32) {
    for i in 0..threads {
        let i = u64::from(i);
        assert_eq!(std::thread::spawn(move || add(i, 1)).join().unwrap(), i + 1);
    }
}

/// Two mappings each, if left.
#[test]
fn when_it_ends() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let threads = 2_000;
    // Under `fence` freed segments have mappings too, until 4,096 newer ones have been freed.
    run(if morestack::stack::debug::modes().fence { 5_000 } else { 100 });
    let before = mappings();
    run(threads);
    let after = mappings();
    println!("{before} mappings, {after} after {threads} threads");
    assert!(after < before + NOISE, "{before} mappings, {after} after {threads} threads");
}

/// Somebody disabled it by the system call itself.
#[test]
fn when_it_was_taken_away_past_libc() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let alternate = morestack::sigstack::AltStack::install().unwrap();
    let (lo, hi) = alternate.bounds();
    // SAFETY: no handler is running; the stack of zero bytes is none.
    unsafe {
        let disable = libc::stack_t { ss_flags: libc::SS_DISABLE, ..std::mem::zeroed() };
        assert_eq!(libc::syscall(libc::SYS_sigaltstack, &disable, std::ptr::null_mut::<libc::stack_t>()), 0);
    }
    drop(alternate);
    assert!(common::faults(lo) && common::faults(hi - 1));
}
