//! NOSPLIT chains run within the slack below the guard, to its last byte; what could leave it is refused when the table is
//! built.

#[path = "common/mapped.rs"]
mod mapped;

use mapped::{every_check_fails, moves_during, on_fresh_task};
use morestack::stack::layout::{STACK_GUARD, STACK_NOSPLIT};
use morestack::stack::table::{CallSite, Function, Table, TableError, flags};

const SEGMENT: usize = 8 * 1024;

morestack::mapped_asm!(
    ".set STACK_GUARD, {guard}; .set STACK_NOSPLIT, {nosplit}; .set SEGMENT, {segment}",
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/nosplit_chains.s"));
    guard = const STACK_GUARD, nosplit = const STACK_NOSPLIT, segment = const SEGMENT
);

morestack::mapped! {
    unsafe extern "ABI0" {
        fn unchecked() -> (u64, u64) = "nosplit.outer_unchecked";
        fn checked() -> (u64, u64) = "nosplit.outer_checked";
    }
}

#[test]
fn a_chain_at_the_edge_of_the_guard_uses_the_slack_to_its_end() {
    // Under `fence` the page below faults, under `poison` what was there would show.
    let ((lowest, moved), moves) = moves_during(|| on_fresh_task(unchecked::function(), ()));
    if every_check_fails("where the chain ends: it begins higher") {
        assert!(lowest >= 8);
        return;
    }
    assert_eq!(moves.len(), 1, "to get the segment: {moves:?}");
    assert_eq!(moves[0].new.1, SEGMENT);
    assert_eq!(moved, 0);
    assert_eq!(lowest, 8, "bytes from the bottom of the segment to the chain's lowest");
}

#[test]
fn a_chain_may_end_in_a_check_that_fails() {
    let ((_, moved), moves) = moves_during(|| on_fresh_task(checked::function(), ()));
    assert_eq!(moved, 1);
    if every_check_fails("where the check fails: others do before") {
        return;
    }
    let sizes: Vec<_> = moves.iter().map(|m| (m.old.1, m.new.1)).collect();
    assert_eq!(sizes, [(2048, SEGMENT), (SEGMENT, 2 * SEGMENT)]);
    // Below the stack pointer at the entry lies morestack's return address.
    assert_eq!(SEGMENT - moves[1].used - 8, 8, "the slack is used to its end");
    assert_eq!(moves[1].frames, 8, "the chain's frames are moved like others");
}

/// A table of functions `f0`, `f1`, ... of which each calls the next, or what `calls` says.
struct Program {
    functions: Vec<Function>,
    calls: Vec<CallSite>,
}

const NAMES: [&str; 8] = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"];

impl Program {
    fn new(functions: &[(u32, u32)], calls: &[(usize, Option<usize>)]) -> Program {
        let entry = |i: usize| 0x1000 + 0x100 * i;
        let functions = functions.iter().enumerate().map(|(i, &(flags, frame))| Function {
            entry: entry(i),
            end: entry(i) + 0x100,
            body: entry(i) + 0x10,
            restart: if flags & flags::NOSPLIT != 0 { 0 } else { entry(i) + 0xf0 },
            frame,
            pushes: 0,
            args: 0,
            flags,
            line: 0,
            name: NAMES[i],
            file: "",
            args_map: None,
            locals_map: None,
            lines: None,
        });
        let calls = calls.iter().enumerate().map(|(n, &(from, to))| CallSite {
            pc: entry(from) + 0x20 + n,
            callee: to.map(entry),
            map: 0,
            line: 7,
            pushed: 0,
        });
        Program { functions: functions.collect(), calls: calls.collect() }
    }

    fn refusal(self) -> TableError {
        Table::build(self.functions, self.calls).expect_err("is refused")
    }

    fn accept(self) {
        Table::build(self.functions, self.calls).expect("is accepted");
    }
}

const CHECKED: u32 = 0;
const NOSPLIT: u32 = flags::NOSPLIT;
const LEAF: u32 = flags::NOSPLIT | flags::NOFRAME;

#[test]
fn the_limit_is_exact() {
    // 8 for each return address, 8 for each saved BP: 8 + 8 + 384, and the same again.
    let chain = |last| Program::new(&[(CHECKED, 16), (NOSPLIT, 384), (NOSPLIT, last)], &[(0, Some(1)), (1, Some(2))]);
    chain(384).accept();
    let refused = chain(392).refusal();
    let expected = "f1 (392) -> f2 (400)".to_owned();
    assert_eq!(
        refused,
        TableError::NosplitOverflow { chain: expected, bytes: STACK_NOSPLIT + 8, limit: STACK_NOSPLIT }
    );
    let message = refused.to_string();
    for part in ["f1 (392) -> f2 (400)", "808", "800", "NOSPLIT"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_function_by_itself_is_a_chain() {
    Program::new(&[(NOSPLIT, 784)], &[]).accept();
    assert!(matches!(Program::new(&[(NOSPLIT, 792)], &[]).refusal(), TableError::NosplitOverflow { bytes: 808, .. }));
    // Called or not: it could be, through a pointer.
    assert!(matches!(
        Program::new(&[(CHECKED, 16), (NOSPLIT, 792)], &[]).refusal(),
        TableError::NosplitOverflow { bytes: 808, .. }
    ));
}

#[test]
fn a_check_at_the_end_takes_the_return_address_of_morestack() {
    let chain = |frame| Program::new(&[(NOSPLIT, frame), (CHECKED, 100_000)], &[(0, Some(1))]);
    // 8 + 8 + frame for the first, 8 for the call, 8 for morestack's.
    chain(768).accept();
    assert!(matches!(chain(776).refusal(), TableError::NosplitOverflow { bytes: 808, .. }));
    // A leaf without a frame takes its return address alone.
    let leaf = |frame| Program::new(&[(NOSPLIT, frame), (LEAF, 0)], &[(0, Some(1))]);
    leaf(776).accept();
    assert!(matches!(leaf(784).refusal(), TableError::NosplitOverflow { bytes: 808, .. }));
}

#[test]
fn the_deepest_of_several_ways_counts() {
    // f0 -> f1 -> f3 is short, f0 -> f2 -> f3 is not.
    let calls = [(0, Some(1)), (0, Some(2)), (1, Some(3)), (2, Some(3))];
    let program = |deep| Program::new(&[(NOSPLIT, 84 - 4), (NOSPLIT, 0), (NOSPLIT, deep), (NOSPLIT, 200)], &calls);
    // 96 + (16 + deep) + 216.
    program(472).accept();
    let TableError::NosplitOverflow { chain, bytes, .. } = program(480).refusal() else { panic!("another refusal") };
    assert_eq!((chain.as_str(), bytes), ("f0 (88) -> f2 (488) -> f3 (208)", 808));
}

#[test]
fn what_is_pushed_counts() {
    let pushes = |flags, frame, pushes| {
        let mut program = Program::new(&[(flags, frame), (NOSPLIT, 384)], &[(0, Some(1))]);
        program.functions[0].pushes = pushes;
        program.calls[0].pushed = pushes as i32;
        program
    };
    // 8 + 8 + 0 + 384 for the first, the same for the second.
    pushes(NOSPLIT, 0, 384).accept();
    assert!(matches!(pushes(NOSPLIT, 0, 392).refusal(), TableError::NosplitOverflow { bytes: 808, .. }));
    // A check has left room for the frame, and 800 bytes below: 400 of them for the callee.
    pushes(CHECKED, 1000, 400).accept();
    assert!(matches!(pushes(CHECKED, 1000, 408).refusal(), TableError::NosplitOverflow { bytes: 808, .. }));

    let mut alone = Program::new(&[(CHECKED, 16)], &[]);
    alone.functions[0].pushes = 808;
    assert!(matches!(alone.refusal(), TableError::NosplitOverflow { bytes: 808, .. }), "where nothing is called");

    let mut indirect = Program::new(&[(CHECKED, 16)], &[(0, None)]);
    (indirect.functions[0].pushes, indirect.calls[0].pushed) = (8, 8);
    assert_eq!(indirect.refusal(), TableError::PushedIndirect { name: "f0", line: 7 });
}

#[test]
fn a_jump_out_of_a_function_goes_on_with_its_chain() {
    let jump = |last| {
        let mut program = Program::new(&[(LEAF, 0), (NOSPLIT, last)], &[(0, Some(1))]);
        program.calls[0].pushed = CallSite::TAIL;
        program
    };
    // As if the second had been called in the first place.
    jump(784).accept();
    assert!(matches!(jump(792).refusal(), TableError::NosplitOverflow { bytes: 808, .. }));
    let program = jump(0);
    let pc = program.calls[0].pc;
    let table = Table::build(program.functions, program.calls).unwrap();
    assert!(table.find_call(pc).is_none(), "nothing returns there");
}

#[test]
fn recursion_is_refused() {
    let direct = Program::new(&[(NOSPLIT, 0)], &[(0, Some(0))]).refusal();
    assert_eq!(direct, TableError::NosplitRecursion { chain: "f0 -> f0".into() });
    let circle = Program::new(&[(NOSPLIT, 0), (NOSPLIT, 0), (NOSPLIT, 0)], &[(0, Some(1)), (1, Some(2)), (2, Some(1))]);
    assert_eq!(circle.refusal(), TableError::NosplitRecursion { chain: "f1 -> f2 -> f1".into() });
    // A check in the circle bounds it.
    Program::new(&[(NOSPLIT, 0), (CHECKED, 0)], &[(0, Some(1)), (1, Some(0))]).accept();
}

#[test]
fn an_indirect_call_without_a_check_is_refused() {
    let refused = Program::new(&[(NOSPLIT, 0)], &[(0, None)]).refusal();
    assert_eq!(refused, TableError::NosplitIndirect { name: "f0", line: 7 });
    // Below a check it may lead anywhere, because every NOSPLIT function is taken to be called at the deepest point.
    Program::new(&[(CHECKED, 0)], &[(0, None)]).accept();
    // What a top frame calls runs on a segment entered afresh.
    Program::new(&[(NOSPLIT | flags::TOPFRAME, 0)], &[(0, None)]).accept();
}

#[test]
fn a_call_out_of_mapped_code_is_refused() {
    for kind in [NOSPLIT, CHECKED] {
        let mut program = Program::new(&[(kind, 0)], &[(0, Some(0))]);
        // The middle of a function is no function either.
        for callee in [0x5000, 0x1004] {
            program.calls[0].callee = Some(callee);
            let refused = Table::build(program.functions.clone(), program.calls.clone()).expect_err("is refused");
            assert_eq!(refused, TableError::UnknownCallee { name: "f0", line: 7, callee });
        }
    }
}
