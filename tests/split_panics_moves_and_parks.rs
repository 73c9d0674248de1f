//! Panics, growth, waits, locks and foreign calls in any combination: random programs, each run in tasks that take turns on one
//! worker, do what they do on an OS thread.

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/libc_callbacks.rs"]
mod libc_callbacks;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/seed.rs"]
mod seed;
#[path = "common/watchdog.rs"]
mod watchdog;

use fresh::{ROOMY, depth};
use morestack::{runtime, thread};
use quiet::{Expected, number, quiet};
use rand::Rng;
use rand::rngs::SmallRng;
use std::fmt;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use watchdog::Watchdog;

/// A program.
#[derive(Clone, Debug)]
enum Step {
    /// Runs it below so many frames.
    Below(usize, Vec<Step>),
    /// Catches what it panics with; or passes it on, if the flag says so.
    Catch(bool, Vec<Step>),
    /// Runs the first with the second in a destructor, which runs with or without a panic and catches what it panics with itself.
    Finally(Vec<Step>, Vec<Step>),
    /// Holds the lock of that number meanwhile, which a panic poisons.
    Locked(usize, Vec<Step>),
    /// In a `Display`, a comparator of `sort_by`, a foreign function, a comparator of qsort.
    Displayed(Vec<Step>),
    Sorting(Vec<Step>),
    Foreign(u64, Vec<Step>),
    SortingInC(Vec<Step>),
    Yield,
    Sleep,
    Spawn(u64),
    Panic(u64),
    /// In a task, or thread, of its own.
    PanicElsewhere(u64),
}

fn program(random: &mut SmallRng, size: &mut usize, levels: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..random.random_range(1..4) {
        if *size == 0 {
            break;
        }
        *size -= 1;
        let kind = if levels == 0 { random.random_range(8..13) } else { random.random_range(0..13) };
        let code = random.random_range(1..1000);
        let frames = [0, 3, 17, 60, 300, 3000][random.random_range(0..6)];
        let flag = random.random_bool(0.3);
        let mut sub = || program(random, size, levels.saturating_sub(1));
        steps.push(match kind {
            0 => Step::Below(frames, sub()),
            1 => Step::Catch(flag, sub()),
            2 => Step::Finally(sub(), sub()),
            3 => Step::Locked(code as usize % LOCKS, sub()),
            4 => Step::Displayed(sub()),
            5 => Step::Sorting(sub()),
            6 => Step::Foreign(code % 20, sub()),
            7 => Step::SortingInC(sub()),
            8 => Step::Yield,
            9 => Step::Sleep,
            10 => Step::Spawn(code),
            11 => Step::Panic(code),
            _ => Step::PanicElsewhere(code),
        });
    }
    steps
}

const LOCKS: usize = 4;

/// What a run of a program has and leaves.
struct Run {
    locks: [Mutex<u64>; LOCKS],
    log: Mutex<Vec<u64>>,
}

impl Run {
    fn log(&self, what: u64) {
        self.log.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(what);
    }

    fn all(&self, steps: &[Step]) {
        steps.iter().for_each(|step| self.step(step));
    }

    fn step(&self, step: &Step) {
        match step {
            Step::Below(frames, steps) => self.below(depth(*frames), steps),
            Step::Catch(pass_on, steps) => {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.all(steps))) {
                    let code = number(payload);
                    self.log(10_000 + code);
                    if *pass_on {
                        resume_unwind(Box::new(Expected(code + 1)));
                    }
                }
            }
            Step::Finally(steps, finally) => {
                let _finally = Finally(self, finally);
                self.all(steps);
            }
            Step::Locked(lock, steps) => {
                // A lock that is held here already: without it.
                let _guard = match self.locks[*lock].try_lock() {
                    Ok(guard) => Some(guard),
                    Err(std::sync::TryLockError::Poisoned(poisoned)) => {
                        self.log(20_000 + *lock as u64);
                        Some(poisoned.into_inner())
                    }
                    Err(std::sync::TryLockError::WouldBlock) => None,
                };
                self.all(steps);
            }
            Step::Displayed(steps) => {
                let text = format!("{:>3}|{}|{:?}", 1, Displayed(self, steps), 2.5);
                self.log(text.len() as u64);
            }
            Step::Sorting(steps) => {
                let mut first = true;
                let mut numbers = [3, 1, 2];
                numbers.sort_by(|a, b| {
                    if std::mem::take(&mut first) {
                        self.all(steps);
                    }
                    a.cmp(b)
                });
                self.log(numbers[2]);
            }
            Step::Foreign(frames, steps) => {
                let result = foreign::descend(*frames, 64, || {
                    foreign::call(|| {
                        self.all(steps);
                        5
                    })
                });
                self.log(result);
            }
            Step::SortingInC(steps) => {
                // libc's own frames need not be able to unwind: caught below them, and passed on above.
                let mut caught = None;
                let mut numbers = [2, 1];
                libc_callbacks::sort(&mut numbers, |a: &u64, b| {
                    caught = catch_unwind(AssertUnwindSafe(|| self.all(steps))).err();
                    a.cmp(b)
                });
                self.log(numbers[0]);
                if let Some(payload) = caught {
                    resume_unwind(payload);
                }
            }
            Step::Yield => thread::yield_now(),
            Step::Sleep => thread::sleep(Duration::from_micros(50)),
            Step::Spawn(code) => {
                let code = *code;
                let task = thread::Builder::new().stack_size(ROOMY).spawn(move || {
                    thread::yield_now();
                    format!("{code:>8}").len() as u64 + code
                });
                self.log(task.unwrap().join().unwrap());
            }
            Step::Panic(code) => {
                self.log(30_000 + code);
                panic_any(Expected(*code));
            }
            Step::PanicElsewhere(code) => {
                let code = *code;
                let run = move || {
                    thread::yield_now();
                    fresh::below(depth(code as usize), &mut || panic_any(Expected(code)))
                };
                let task = thread::Builder::new().stack_size(ROOMY).spawn(run).unwrap();
                thread::yield_now();
                self.log(40_000 + number(task.join().unwrap_err()));
            }
        }
        self.log(u64::from(std::thread::panicking()));
    }

    #[inline(never)]
    fn below(&self, frames: usize, steps: &[Step]) {
        let local = black_box([frames; 5]);
        match frames {
            0 => self.all(steps),
            _ => self.below(frames - 1, steps),
        }
        assert_eq!(black_box(local), [frames; 5]);
    }
}

struct Finally<'a>(&'a Run, &'a [Step]);

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        self.0.log(50_000 + u64::from(std::thread::panicking()));
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.0.all(self.1))) {
            self.0.log(60_000 + number(payload));
        }
    }
}

struct Displayed<'a>(&'a Run, &'a [Step]);

impl fmt::Display for Displayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<")?;
        self.0.all(self.1);
        f.write_str(">")
    }
}

/// Runs a program and says what it did.
fn run(steps: &[Step]) -> Vec<u64> {
    let run = Run { locks: Default::default(), log: Mutex::default() };
    match catch_unwind(AssertUnwindSafe(|| run.all(steps))) {
        Ok(()) => run.log(0),
        Err(payload) => run.log(70_000 + number(payload)),
    }
    run.locks.iter().for_each(|lock| run.log(u64::from(lock.is_poisoned())));
    run.log.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Programs, and how many run at once.
const PROGRAMS: u64 = 400;
const AT_ONCE: usize = 40;

#[test]
fn as_on_an_os_thread() {
    let _watchdog = Watchdog::new(120);
    quiet(&[]);
    let seed = seed::seed();
    let programs: Vec<Arc<Vec<Step>>> =
        (0..PROGRAMS).map(|index| Arc::new(program(&mut seed::generator(seed, index), &mut 60, 6))).collect();
    let (sizes, logs): (Vec<_>, Vec<_>) = programs
        .iter()
        .map(|program| {
            let program = program.clone();
            let log = fresh::os_thread(move || run(&program));
            (log.len(), log)
        })
        .unzip();
    println!("{} programs, {} events", sizes.len(), sizes.iter().sum::<usize>());
    for workers in [1, 2] {
        let runtime = runtime::Builder::new().workers(workers).build().unwrap();
        for (programs, logs) in programs.chunks(AT_ONCE).zip(logs.chunks(AT_ONCE)) {
            let tasks: Vec<_> = programs
                .iter()
                .map(|program| {
                    let program = program.clone();
                    thread::Builder::new().stack_size(ROOMY).spawn_on(&runtime, move || run(&program)).unwrap()
                })
                .collect();
            for ((task, log), program) in tasks.into_iter().zip(logs).zip(programs) {
                assert_eq!(&task.join().unwrap(), log, "seed {seed}: {program:#?}");
            }
        }
    }
}
