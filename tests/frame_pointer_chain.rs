//! Saved frame pointers lead from Rust that mapped code called, by way of the boundary record, through every mapped frame to
//! the bridge or the task's base; and they do so again after the mapped frames have moved. Profilers walk like this.

mod common;

use std::cell::RefCell;

use common::caps;
use morestack::sched::Scheduler;
use morestack::stack::grow::{Move, set_move_hook};
use morestack::stack::table::{Function, Table};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/chain.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn outer(n: u64) -> u64 = "chain.outer";
        fn large() = "chain.large";
    }
}

/// A frame as a profiler sees it: the frame pointer, and the return address stored above what it points to.
type Pair = (usize, usize);

thread_local! {
    /// The chains found, before and after a move.
    static CHAINS: RefCell<Vec<Vec<Pair>>> = const { RefCell::new(Vec::new()) };
    static MOVES: RefCell<usize> = const { RefCell::new(0) };
}

/// The function that a return address is in.
fn function(pc: usize) -> Option<&'static Function> {
    Table::of_program().unwrap().find_function(pc - 1)
}

/// Follows the chain while it leads through mapped functions.
fn follow(mut bp: usize) -> Vec<Pair> {
    let mut chain = Vec::new();
    loop {
        // SAFETY: the record, or the frame of a mapped function, or of the bridge: all are on stacks in use.
        let [next, pc] = unsafe { *(bp as *const [usize; 2]) };
        let Some(function) = function(pc) else { return chain };
        chain.push((bp, pc));
        if ["morestack_enter", "morestack_mapped_start"].contains(&function.name) {
            chain.push((next, 0));
            return chain;
        }
        bp = next;
    }
}

/// Rust called by mapped code, with the frame pointer that it finds.
#[unsafe(no_mangle)]
extern "C" fn chain_walk(bp: usize) -> usize {
    CHAINS.with_borrow_mut(|chains| chains.push(follow(bp)));
    large();
    CHAINS.with_borrow_mut(|chains| chains.push(follow(bp)));
    0
}

/// Checks the two chains that a descent by `depth` has left.
fn check(depth: u64, base: &str) {
    let chains = CHAINS.take();
    let [before, after] = &chains[..] else { panic!("{} chains", chains.len()) };
    for chain in [before, after] {
        let names: Vec<_> = chain.iter().filter_map(|&(_, pc)| function(pc.max(1))).map(|f| f.name).collect();
        let mut expected = vec!["chain.rust"];
        expected.resize(depth as usize + 2, "chain.middle");
        expected.extend(["chain.outer", base]);
        assert_eq!(names, expected);
        // Each frame pointer is where the function's frame size says. The first is the record's.
        for frames in chain[1..].windows(2).take(names.len() - 2) {
            let ((bp, pc), (next, _)) = (frames[0], frames[1]);
            assert_eq!(next, bp + 16 + function(pc).unwrap().frame as usize);
        }
    }
    let pcs = |chain: &[Pair]| chain.iter().map(|&(_, pc)| pc).collect::<Vec<_>>();
    assert_eq!(pcs(before), pcs(after), "the frames are the same");
    assert_eq!(before[0], after[0], "the record is on Rust's stack and stays");
    // The last two are those of the base, and what it found.
    let frames = 1..before.len() - 1;
    let delta = after[1].0.wrapping_sub(before[1].0);
    assert_ne!(delta, 0, "the segment has moved");
    for (old, new) in before[frames.clone()].iter().zip(&after[frames]) {
        assert_eq!(new.0, old.0.wrapping_add(delta), "all moved by as much");
    }
    let end = (before.last().unwrap().0, after.last().unwrap().0);
    assert_eq!(end.0, end.1, "Rust's frames do not move");
    assert!(MOVES.take() > 0);
}

fn count_moves() {
    fn hook(_: &Move) {
        MOVES.with_borrow_mut(|moves| *moves += 1);
    }
    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(Some(hook)) };
}

#[test]
fn leads_to_the_bridge() {
    count_moves();
    for depth in [0, 1, 5, caps::depth(200) as u64] {
        std::thread::spawn(move || {
            assert_eq!(outer(depth), depth);
            check(depth, "morestack_enter");
        })
        .join()
        .unwrap();
        let scheduler = Scheduler::new();
        scheduler.spawn(move || assert_eq!(outer(depth), depth)).join().unwrap();
        check(depth, "morestack_enter");
    }
}

#[test]
fn leads_to_the_base_of_a_task() {
    count_moves();
    for depth in [0, 1, 5, caps::depth(200) as u64] {
        let scheduler = Scheduler::new();
        let task = scheduler.spawn_mapped(outer::function(), (depth,));
        assert_eq!(task.join().unwrap(), depth);
        check(depth, "morestack_mapped_start");
    }
}
