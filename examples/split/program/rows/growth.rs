//! How stacks grow: of all growths, the share that were copies of the stack to a larger one. The rest are links, where some
//! frame could not be moved.
//!
//! Each program runs in a fresh task, so it begins on a stack of 2 KB. In a plain build nothing grows.

use super::{fib, json, regex};
use crate::program::measure::line;
use morestack::runtime::Builder;
use rhai::Engine;
use std::hint::black_box;

/// Copies and links of the process so far, as the runtime counts them. None in a plain build, which has neither.
fn copies_and_links() -> Option<(u64, u64)> {
    let stats = morestack::stack::stats();
    cfg!(morestack_split).then_some((stats.split_copies, stats.split_links))
}

const PROGRAMS: [(&str, fn()); 6] = [
    ("growth_fib", || _ = black_box(fib::fib::<1>(black_box(25)))),
    ("growth_tree", || {
        let tree = Tree::grow(black_box(2000));
        black_box(tree.map(|tree| tree.sum()));
    }),
    ("growth_parser", || {
        let text = format!("{}1{}", "(2*".repeat(500), "+3)".repeat(500));
        black_box(Parser { text: text.as_bytes(), at: 0 }.sum());
    }),
    ("growth_json", || {
        let nested = format!("{}{}{}", "[".repeat(100), json::document(), "]".repeat(100));
        black_box(serde_json::from_str::<serde_json::Value>(&nested).expect("a document that we wrote"));
    }),
    ("growth_regex", || {
        let (pattern, text) = (regex::pattern(), regex::log(100));
        black_box(pattern.captures_iter(&text).count());
    }),
    ("growth_rhai", || {
        let script = "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(12)";
        let mut engine = Engine::new();
        // A debug build has a lower limit.
        engine.set_max_call_levels(64);
        assert_eq!(engine.eval::<i64>(script).expect("a valid script"), 144);
    }),
];

pub fn run() {
    let runtime = Builder::new().workers(1).build().expect("a runtime of one worker");
    for (name, program) in PROGRAMS {
        let before = copies_and_links();
        runtime
            .run(move || {
                // In a plain build the task has to say what it needs.
                let builder = morestack::thread::Builder::new();
                let builder = if cfg!(morestack_split) { builder } else { builder.stack_size(8 << 20) };
                builder.spawn(program).expect("memory for a task").join()
            })
            .expect("a program without panics");
        let (Some(before), Some(after)) = (before, copies_and_links()) else { continue };
        let (copies, links) = (after.0 - before.0, after.1 - before.1);
        line(&format!("{name}_copies"), copies as f64, "copies");
        line(&format!("{name}_links"), links as f64, "links");
        line(name, copies as f64 / (copies + links).max(1) as f64, "of growths");
    }
    if copies_and_links().is_none() {
        eprintln!("growth: this build does not count how its stacks grow");
    }
}

/// A list of that many nodes, in the shape of a tree whose left children have no children: as deep as it can be.
struct Tree {
    value: u64,
    children: [Option<Box<Tree>>; 2],
}

impl Tree {
    fn grow(depth: u64) -> Option<Box<Tree>> {
        let leaf = Box::new(Tree { value: 1, children: [None, None] });
        let node = |depth: u64| Box::new(Tree { value: depth, children: [Some(leaf), Tree::grow(depth - 1)] });
        (depth > 0).then(|| node(depth))
    }

    fn sum(&self) -> u64 {
        self.value + self.children.iter().flatten().map(|child| child.sum()).sum::<u64>()
    }
}

/// Sums and products of digits in parentheses, by recursive descent.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn sum(&mut self) -> u64 {
        let mut sum = self.product();
        while self.eat(b'+') {
            sum = u64::wrapping_add(sum, self.product());
        }
        sum
    }

    fn product(&mut self) -> u64 {
        let mut product = self.atom();
        while self.eat(b'*') {
            product = u64::wrapping_mul(product, self.atom());
        }
        product
    }

    fn atom(&mut self) -> u64 {
        if self.eat(b'(') {
            let sum = self.sum();
            assert!(self.eat(b')'), "a closing parenthesis at {}", self.at);
            return sum;
        }
        let digit = self.text[self.at];
        self.at += 1;
        u64::from(digit - b'0')
    }
}
