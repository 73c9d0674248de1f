//! The function table refuses what contradicts itself, and finds the function of every program counter.

#[path = "common/mapped.rs"]
mod mapped;

use mapped::table;
use morestack::stack::StackMap;
use morestack::stack::table::{CallSite, Function, Table, TableError};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/argument_words.s")));

fn function(name: &'static str, entry: usize, end: usize) -> Function {
    Function {
        entry,
        end,
        body: entry,
        restart: 0,
        frame: 32,
        pushes: 0,
        args: 24,
        flags: 0,
        line: 0,
        name,
        file: "",
        args_map: None,
        locals_map: None,
        lines: None,
    }
}

fn call(pc: usize) -> CallSite {
    CallSite { pc, callee: None, map: 0, line: 7, pushed: 0 }
}

fn refusal(functions: &[Function], calls: &[CallSite]) -> TableError {
    Table::build(functions.to_vec(), calls.to_vec()).expect_err("is refused")
}

#[test]
fn an_empty_table_knows_nothing() {
    let table = Table::build(Vec::new(), Vec::new()).unwrap();
    assert!(table.find_function(0x1000).is_none() && table.find_call(0x1000).is_none());
    assert!(table.functions().is_empty() && table.calls().next().is_none());
}

#[test]
fn functions_are_found_from_first_to_last_byte() {
    // Out of order, side by side and with gaps.
    let functions = vec![function("c", 0x300, 0x301), function("a", 0x100, 0x180), function("b", 0x180, 0x200)];
    let table = Table::build(functions, vec![call(0x1ff), call(0x180), call(0x110)]).unwrap();
    let found = |pc| table.find_function(pc).map(|f| f.name);
    for (pc, name) in [
        (0, None),
        (0xff, None),
        (0x100, Some("a")),
        (0x17f, Some("a")),
        (0x180, Some("b")),
        (0x1ff, Some("b")),
        (0x200, None),
        (0x2ff, None),
        (0x300, Some("c")),
        (0x301, None),
        (usize::MAX, None),
    ] {
        assert_eq!(found(pc), name, "{pc:#x}");
    }
    // A return address belongs to the call before it: that at 0x180 is the end of `a`.
    let calls: Vec<_> = table.calls().map(|(f, call)| (f.name, call.pc)).collect();
    assert_eq!(calls, [("a", 0x110), ("a", 0x180), ("b", 0x1ff)]);
    assert_eq!(table.find_call(0x180).map(|(f, _)| f.name), Some("a"));
    assert!(table.find_call(0x181).is_none());
}

#[test]
fn duplicates_and_overlaps_are_refused() {
    let (a, b) = (function("a", 0x100, 0x180), function("b", 0x17f, 0x200));
    let overlap = |at| TableError::Overlap { first: "a", second: if at == 0x100 { "a" } else { "b" }, at };
    assert_eq!(refusal(&[a.clone(), a.clone()], &[]), overlap(0x100));
    assert_eq!(refusal(&[b.clone(), a.clone()], &[]), overlap(0x17f));
    let inside = function("b", 0x110, 0x120);
    assert_eq!(refusal(&[a.clone(), inside], &[]), overlap(0x110));
    assert_eq!(refusal(&[a], &[call(0x120), call(0x120)]), TableError::DuplicateCall { name: "a", pc: 0x120 });
}

#[test]
fn a_function_without_code_is_refused() {
    for end in [0x100, 0xff] {
        let refused = refusal(&[function("a", 0x100, end)], &[]);
        assert_eq!(refused, TableError::Backwards { name: "a", entry: 0x100, end });
    }
}

#[test]
fn a_call_outside_functions_is_refused() {
    for pc in [0, 1, 0x100, 0x181, 0x1000] {
        let refused = refusal(&[function("a", 0x100, 0x180)], &[call(pc)]);
        assert_eq!(refused, TableError::StrayCall { pc, line: 7 }, "the return address of no call in the function");
    }
}

#[test]
fn a_map_that_is_not_there_is_refused() {
    let mut a = function("a", 0x100, 0x180);
    let asks = |map| CallSite { map, ..call(0x110) };
    a.args_map = Some(StackMap::new(3, 3, &[1, 2, 3]));
    a.locals_map = Some(StackMap::new(2, 1, &[0, 1]));
    Table::build(vec![a.clone()], vec![asks(1)]).unwrap();
    let refused = |map, kind, count| TableError::NoSuchMap { name: "a", line: 7, map, kind, count };
    assert_eq!(refusal(&[a.clone()], &[asks(2)]), refused(2, "locals", 2));
    assert_eq!(refusal(&[a.clone()], &[asks(3)]), refused(3, "arguments", 3));
    // Go's "no map yet": a call cannot have it.
    assert_eq!(refusal(&[a], &[asks(u32::MAX)]), refused(u32::MAX, "arguments", 3));
}

#[test]
fn a_map_longer_than_its_frame_is_refused() {
    let mut a = function("a", 0x100, 0x180);
    a.args_map = Some(StackMap::new(1, 3, &[7]));
    a.locals_map = Some(StackMap::new(1, 4, &[15]));
    Table::build(vec![a.clone()], Vec::new()).unwrap();
    let longer = |kind, bits, words| TableError::MapTooLong { name: "a", kind, bits, words };
    a.args_map = Some(StackMap::new(1, 4, &[0]));
    assert_eq!(refusal(&[a.clone()], &[]), longer("arguments", 4, 3));
    a.args_map = None;
    a.locals_map = Some(StackMap::new(1, 5, &[0]));
    assert_eq!(refusal(&[a], &[]), longer("locals", 5, 4));
}

#[test]
fn every_byte_of_the_program_is_found() {
    let table = table();
    assert!(table.functions().iter().any(|f| f.name == "arguments.take_40"), "the test's functions are there");
    assert!(table.functions().iter().any(|f| f.name == "morestack_enter"), "and the library's");
    for f in table.functions() {
        for pc in f.entry..f.end {
            assert_eq!(table.find_function(pc).map(|found| found.name), Some(f.name), "{pc:#x}");
        }
        assert!(table.find_function(f.entry - 1).is_none_or(|found| found.end == f.entry), "{}", f.name);
        assert!(table.find_function(f.end).is_none_or(|found| found.entry == f.end), "{}", f.name);
        assert!((f.entry..f.end).contains(&f.body), "{}", f.name);
        assert!(f.restart == 0 || (f.entry..f.end).contains(&f.restart), "{}", f.name);
        assert_eq!(f.restart == 0, f.is_nosplit(), "{}: only a function without a check is never restarted", f.name);
    }
}

#[test]
fn every_call_of_the_program_is_found() {
    let table = table();
    let mut calls = 0;
    for (f, call) in table.calls() {
        calls += 1;
        let (found, same) = table.find_call(call.pc).expect("registered");
        assert!(std::ptr::eq(found, f) && std::ptr::eq(same, call));
        assert!(f.entry < call.pc && call.pc <= f.end, "{}", f.name);
        if let Some(callee) = call.callee {
            assert_eq!(table.find_function(callee).map(|f| f.entry), Some(callee), "{}: an entry", f.name);
        }
    }
    assert!(calls > 41, "{calls}");
    // Between them there are none.
    let all: Vec<usize> = table.calls().map(|(_, call)| call.pc).collect();
    for f in table.functions() {
        for pc in f.entry..f.end {
            assert_eq!(table.find_call(pc).is_some(), all.binary_search(&pc).is_ok(), "{pc:#x}");
        }
    }
}
