//! All three prologue forms give right results through any growth: mutual recursion through all of them, and functions with 0
//! to 40 words of arguments and results that grow at each call.

mod common;
#[path = "common/mapped.rs"]
mod mapped;

use common::caps;
use mapped::{by_name, entry, every_check_fails, moves_during, on_fresh_task};
use morestack::stack::layout::{STACK_BIG, STACK_SMALL};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/prologue_forms.s")));
morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/argument_words.s")));

const FORMS: [(&str, usize); 6] = [
    ("forms.small_32", 32),
    ("forms.small_128", STACK_SMALL),
    ("forms.medium_136", STACK_SMALL + 8),
    ("forms.medium_4088", STACK_BIG - 8),
    ("forms.large_4096", STACK_BIG),
    ("forms.large_20000", 20_000),
];

#[test]
fn mutual_recursion_through_all_forms() {
    // Six frames together take 28 KB.
    let depth = (caps::depth(20_000) / 10) as u64;
    for (name, need) in FORMS {
        assert_eq!(entry(name).need(), need);
        // SAFETY: see the assembly.
        let function = unsafe { by_name::<(u64,), u64>(name) };
        // Short ones first: then each form in turn is the one at which the stack grows.
        for n in (0..40.min(depth)).chain([depth]) {
            assert_eq!(on_fresh_task(function, (n,)), n * (n + 1) / 2, "{n} frames from {name}");
        }
        assert_eq!(function.call((depth,)), depth * (depth + 1) / 2, "the same on the thread's own g");
    }
}

#[test]
fn up_to_40_words_of_arguments_and_results_survive_growth_at_the_call() {
    let exact = !every_check_fails("that there is one move for each");
    for n in 0..=40 {
        let input: Vec<u64> = (0..n).map(|i| 0x0101_0101_0101 * (i + 1)).collect();
        let mut output = vec![0u64; input.len()];
        // SAFETY: see the assembly; both vectors have n words.
        let call = unsafe { by_name::<(*const u64, *mut u64), ()>(&format!("arguments.call_{n}")) };
        let ((), moves) = moves_during(|| on_fresh_task(call, (input.as_ptr(), output.as_mut_ptr())));
        let expected: Vec<u64> = (0..).zip(&input).map(|(i, word)| 5 * word + i).collect();
        assert_eq!(output, expected, "{n} words");
        assert_eq!(entry(&format!("arguments.take_{n}")).args as u64, 16 * n);
        if exact {
            assert_eq!(moves.len(), 1, "{n} words: grown at the entry of the callee");
            assert_eq!(moves[0].frames, 2);
        } else {
            assert!(!moves.is_empty());
        }
    }
}
