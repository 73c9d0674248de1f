//! A frame that cannot be understood ends the process with its name; nothing is guessed.

mod common;
#[path = "common/mapped.rs"]
mod mapped;

use common::{debug_mode, role, run_child};
use mapped::{by_name, entry, on_fresh_task, table};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/frame_without_metadata.s")));

/// Runs `good.<case>`, which calls `bad.<case>`, in a child, and returns its report.
fn report_of(test: &str, case: &str) -> Option<String> {
    if role().is_some() {
        // SAFETY: takes and returns nothing. What it calls is wrong on purpose, which is why this is a child.
        on_fresh_task(unsafe { by_name::<(), ()>(&format!("good.{case}")) }, ());
        println!("the child has survived");
        return None;
    }
    let ended = run_child(test, case);
    println!("{}", ended.stderr.trim());
    assert_eq!(ended.signal, Some(libc::SIGABRT), "a report, not a crash: {ended:?}");
    let report = ended.stderr.split_once("morestack: fatal: ").expect("a fatal report").1.to_owned();
    let task = report.strip_prefix("the stack of task ").and_then(|rest| rest.split_once(" cannot grow: "));
    assert!(task.is_some_and(|(id, _)| id.parse::<u64>().is_ok()), "{report}");
    Some(report)
}

/// The program counters that a report gives, as offsets from the entry of `name`. A child has other addresses than its
/// parent, but pages are the same.
fn names_pc_in(report: &str, name: &str) -> bool {
    let f = entry(name);
    report.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.strip_prefix("0x")).any(|hex| {
        usize::from_str_radix(hex, 16).is_ok_and(|pc| {
            let calls = table().calls().filter(|(caller, _)| caller.name == name).map(|(_, call)| call.pc);
            calls.chain([f.restart]).any(|known| known % 4096 == pc % 4096)
        })
    })
}

#[test]
fn a_frame_without_a_map_of_its_locals_is_named() {
    let Some(report) = report_of("a_frame_without_a_map_of_its_locals_is_named", "no_locals_map") else { return };
    assert!(report.contains("bad.no_locals_map (pc 0x"), "{report}");
    assert!(report.contains("has no stack map of its locals"), "{report}");
    assert!(names_pc_in(&report, "bad.no_locals_map"), "{report}");
    // The frames around it are listed, wherever the stack is now.
    for frame in ["#0 bad.leaf at ", "#1 bad.no_locals_map at ", "#2 good.no_locals_map at "] {
        assert!(report.contains(frame), "{report}");
    }
    assert!(!report.contains("corrupt"), "{report}");
}

#[test]
fn a_frame_without_a_map_of_its_arguments_is_named() {
    let Some(report) = report_of("a_frame_without_a_map_of_its_arguments_is_named", "no_args_map") else { return };
    assert!(report.contains("bad.no_args_map (pc 0x"), "{report}");
    assert!(report.contains("has no stack map of its arguments"), "{report}");
    assert!(names_pc_in(&report, "bad.no_args_map"), "{report}");
    // Under `move` it has to move at its own check, before it calls.
    let leaf = if debug_mode("move") { &[][..] } else { &["bad.leaf"] };
    for (depth, name) in leaf.iter().chain(&["bad.no_args_map", "good.no_args_map"]).enumerate() {
        assert!(report.contains(&format!("#{depth} {name} at ")), "{report}");
    }
    assert!(!report.contains("corrupt"), "{report}");
}

#[test]
fn at_its_entry_a_function_has_arguments_but_no_locals() {
    // SAFETY: takes and returns nothing; its locals are not there yet when it grows.
    on_fresh_task(unsafe { by_name::<(), ()>("good.no_locals_map_grows") }, ());

    let test = "at_its_entry_a_function_has_arguments_but_no_locals";
    let Some(report) = report_of(test, "no_args_map_grows") else { return };
    assert!(report.contains("bad.no_args_map_grows (pc 0x"), "{report}");
    assert!(report.contains("has no stack map of its arguments"), "{report}");
    assert!(names_pc_in(&report, "bad.no_args_map_grows"), "{report}");
    assert!(report.contains("#1 good.no_args_map_grows at "), "{report}");
}

#[test]
fn an_unregistered_call_is_named() {
    let Some(report) = report_of("an_unregistered_call_is_named", "raw_call") else { return };
    assert!(report.contains("return address 0x"), "{report}");
    assert!(report.contains("(bad.raw_call)"), "{report}");
    assert!(report.contains("is no registered call of a mapped function"), "{report}");
    assert!(report.contains("#0 bad.leaf at "), "{report}");
}

#[test]
fn a_wrong_frame_pointer_is_named() {
    let Some(report) = report_of("a_wrong_frame_pointer_is_named", "frame_pointer") else { return };
    assert!(report.contains("corrupt frame of bad.frame_pointer (pc 0x"), "{report}");
    assert!(names_pc_in(&report, "bad.frame_pointer"), "{report}");
}

#[test]
fn a_wrong_frame_size_is_named() {
    let Some(report) = report_of("a_wrong_frame_size_is_named", "frame_size") else { return };
    assert!(report.contains("corrupt frame of bad.frame_size (pc 0x"), "{report}");
    assert!(names_pc_in(&report, "bad.frame_size"), "{report}");
}
