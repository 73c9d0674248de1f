//! What all tests of routines share: how a routine is called at the end of a stack that began with 2 KB.

#![allow(dead_code, reason = "each test binary uses a part")]

#[path = "../../../../tests/common/seed.rs"]
pub mod seed;

pub mod bytes;

use goasm::MappedFn;
use morestack::sched::Scheduler;
use morestack::stack::layout::STACK_MIN;

/// A driver that `DEEP` of `asm/deep.h` has made.
pub type Driver = MappedFn<(*mut Words, u64), (u64, u64, u64)>;

/// A routine's arguments and results as they lie on the stack.
pub type Words = [u64; 14];

/// How often the drivers call themselves at most: with 128 bytes each, two doublings from 2 KB.
const MAX_DEPTH: u64 = 40;

/// Calls drivers in fresh tasks, at each depth in turn, and counts the growths it saw.
#[derive(Default)]
pub struct Deep {
    calls: u64,
    above: u64,
    inside: u64,
}

impl Deep {
    /// Calls a driver as the outermost function of a task, and at every second time by a closure in a task. What it returns are the
    /// words of the arguments and, behind them, the results.
    ///
    /// # Safety
    /// The arguments are right for the driver's routine.
    pub unsafe fn call(&mut self, driver: Driver, args: Args) -> Words {
        let depth = self.calls / 2 % (MAX_DEPTH + 1);
        let mut result = args.words;
        let words = &raw mut result;
        let (first, before, after) = match self.calls % 2 {
            0 => Scheduler::new().spawn_mapped(driver, (words, depth)).join_or_resume(),
            _ => Scheduler::new().spawn(move || driver.call((words, depth))).join_or_resume(),
        };
        self.calls += 1;
        assert_eq!(first, STACK_MIN as u64, "a task begins on 2 KB");
        assert!(before >= first && after >= before, "stacks that are in use never shrink: {first}, {before}, {after}");
        self.above += u64::from(before > first);
        self.inside += u64::from(after > before);
        result
    }

    /// The stack grew below the outermost function and above the routine.
    pub fn assert_grown_above(&self) {
        println!("{} calls, the stack grew above {}, at the checks of {}", self.calls, self.above, self.inside);
        assert!(self.above > 0, "no stack grew in {} calls", self.calls);
    }

    /// As [`assert_grown_above`](Self::assert_grown_above); and at the routine's own check.
    pub fn assert_grown_inside(&self) {
        self.assert_grown_above();
        assert!(self.inside > 0, "the routine's check never failed in {} calls", self.calls);
    }
}

/// Arguments, put one behind the other.
#[derive(Default)]
pub struct Args {
    words: Words,
    used: usize,
}

impl Args {
    /// None yet.
    pub fn new() -> Args {
        Args::default()
    }

    /// A word, which may be several small arguments.
    pub fn word(mut self, word: u64) -> Args {
        self.words[self.used] = word;
        self.used += 1;
        self
    }

    /// How many words there are: the index of the first result, if that is a word.
    pub fn used(&self) -> usize {
        self.used
    }

    /// An address.
    pub fn address<T>(self, address: *const T) -> Args {
        self.word(address as u64)
    }

    /// A slice: address, length, capacity.
    pub fn slice<T>(self, slice: *const [T]) -> Args {
        self.string(slice).word(slice.len() as u64)
    }

    /// A string: address, length.
    pub fn string<T>(self, string: *const [T]) -> Args {
        self.address(string.cast::<T>()).word(string.len() as u64)
    }
}

/// Whether the processor has all of these. What it lacks is printed: the routine is left out then.
#[allow(unused_macros, reason = "each test binary uses a part")]
macro_rules! has {
    ($($feature:tt),*) => {
        [$(($feature, std::arch::is_x86_feature_detected!($feature))),*].iter().all(|(feature, is_there)| {
            if !is_there {
                println!("SKIPPED: the processor has no {feature}");
            }
            *is_there
        })
    };
}
#[allow(unused_imports, reason = "each test binary uses a part")]
pub(crate) use has;
