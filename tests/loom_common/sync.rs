//! loom's atomics in the place of `src/sched/sync.rs`, and orderings that are wrong on purpose.
//!
//! A model that passes shows little unless it also fails when the code is wrong. So the shipped file is checked as it is, and
//! then again and again, each time with one of its orderings weakened: what acquires does not, what releases does not, a
//! fence is not there. Some model has to fail each time. Nobody lists the orderings: the first pass notes from which line
//! each comes.

#![allow(dead_code, unused_imports, reason = "each model uses some of it")]

use loom::sync::atomic as checked;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::panic::{self, Location};
pub use std::sync::atomic::Ordering;
pub use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Instant;

macro_rules! const_fn {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $of:ty),*) -> $type:ty $body:block)*) => {
        $($(#[$doc])* $vis fn $name($($arg: $of),*) -> $type $body)*
    };
}
pub(crate) use const_fn;

/// Lets the other threads of the model go on, without which nothing changes.
pub fn pause(_: &mut u32) {
    loom::thread::yield_now();
}

/// Time does not help in a model: all that another thread may have done by then is tried anyway.
pub fn spin(_: &mut u32) -> bool {
    false
}

/// What one ordering in the file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Acquire,
    Release,
    Fence,
}

/// One ordering in the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    file: &'static str,
    line: u32,
    column: u32,
    part: Part,
}

impl Site {
    #[track_caller]
    fn here(part: Part) -> Site {
        let at = Location::caller();
        Site { file: at.file(), line: at.line(), column: at.column(), part }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {:?}", self.file.trim_start_matches("tests/../"), self.line, self.column, self.part)
    }
}

// loom runs the threads of a model on the thread that checks it, so these are one model's.
thread_local! {
    static SITES: RefCell<BTreeSet<Site>> = const { RefCell::new(BTreeSet::new()) };
    static SEEDED: Cell<Option<Site>> = const { Cell::new(None) };
}

/// Notes the site. Whether it is the one that is wrong now.
#[track_caller]
fn is_seeded(part: Part) -> bool {
    let site = Site::here(part);
    SITES.with_borrow_mut(|sites| sites.insert(site));
    SEEDED.get() == Some(site)
}

/// The ordering asked for, or less.
#[track_caller]
fn weaken(ordering: Ordering) -> Ordering {
    match ordering {
        Relaxed => Relaxed,
        Acquire if is_seeded(Part::Acquire) => Relaxed,
        Release if is_seeded(Part::Release) => Relaxed,
        // Both are asked, so that both are noted.
        AcqRel => match (is_seeded(Part::Acquire), is_seeded(Part::Release)) {
            (true, _) => Release,
            (_, true) => Acquire,
            _ => AcqRel,
        },
        Acquire | Release => ordering,
        other => panic!("loom takes {other:?} at a place for less; use a fence"),
    }
}

// loom runs an operation both before and after another thread's only where it takes the two for dependent. But of the
// operations on an atomic it remembers the last alone, and a load of the thread's own hides what others did before: a thread
// that loads and then exchanges never comes before another's load (loom's issues 166 and 392). So each load takes a turn first:
// a read-modify-write, of which loom tries every order, on an atomic beside the one it loads. In the order in which its load
// comes before the other's, the thread's exchange is then tried before that too. Fences, which are no operations to loom, take
// turns on a common atomic. A relaxed turn orders nothing; only together with fences it could, and what it could add then loom
// has between any two SeqCst fences anyway.

struct Turns(checked::AtomicUsize);

impl Turns {
    fn new() -> Turns {
        Turns(checked::AtomicUsize::new(0))
    }

    fn take(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

loom::lazy_static! {
    static ref FENCES: Turns = Turns::new();
}

#[track_caller]
pub fn fence(ordering: Ordering) {
    assert_eq!(ordering, SeqCst, "what is said of turns holds for these only");
    if !is_seeded(Part::Fence) {
        FENCES.take();
        checked::fence(ordering);
    }
}

macro_rules! atomic {
    ($name:ident$(<$t:ident>)?, $value:ty) => {
        pub struct $name$(<$t>)? {
            inner: checked::$name$(<$t>)?,
            turns: Turns,
        }

        impl$(<$t>)? $name$(<$t>)? {
            pub fn new(value: $value) -> Self {
                Self { inner: checked::$name::new(value), turns: Turns::new() }
            }
            #[track_caller]
            pub fn load(&self, ordering: Ordering) -> $value {
                self.turns.take();
                self.inner.load(weaken(ordering))
            }
            #[track_caller]
            pub fn store(&self, value: $value, ordering: Ordering) {
                self.inner.store(value, weaken(ordering))
            }
            #[track_caller]
            pub fn compare_exchange(&self, old: $value, new: $value, yes: Ordering, no: Ordering) -> Result<$value, $value> {
                self.inner.compare_exchange(old, new, weaken(yes), weaken(no))
            }
            #[track_caller]
            pub fn compare_exchange_weak(
                &self, old: $value, new: $value, yes: Ordering, no: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(old, new, yes, no)
            }
        }
    };
}

macro_rules! swapping {
    ($name:ident$(<$t:ident>)?, $value:ty) => {
        impl$(<$t>)? $name$(<$t>)? {
            #[track_caller]
            pub fn swap(&self, value: $value, ordering: Ordering) -> $value {
                self.inner.swap(value, weaken(ordering))
            }
        }
    };
}

impl AtomicBool {
    /// One that changes nothing is an exchange that fails. As a write, loom would not put it in order with a store of the thread
    /// whose value it has read, and who has swapped `true` for `true` would see its own for ever after the other's `false`.
    #[track_caller]
    pub fn swap(&self, value: bool, ordering: Ordering) -> bool {
        let (yes, no) = match weaken(ordering) {
            Release => (Release, Relaxed),
            AcqRel => (AcqRel, Acquire),
            other => (other, other),
        };
        self.inner.compare_exchange(!value, value, yes, no).unwrap_or_else(|same| same)
    }
}

macro_rules! counting {
    ($name:ident, $value:ty) => {
        counting!($name, $value, fetch_add, fetch_sub, fetch_and, fetch_or);
    };
    ($name:ident, $value:ty, $($change:ident),*) => {
        impl $name {
            $(
                #[track_caller]
                pub fn $change(&self, value: $value, ordering: Ordering) -> $value {
                    self.inner.$change(value, weaken(ordering))
                }
            )*
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicU8, u8);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);
atomic!(AtomicPtr<T>, *mut T);
swapping!(AtomicU8, u8);
swapping!(AtomicU64, u64);
swapping!(AtomicUsize, usize);
swapping!(AtomicPtr<T>, *mut T);
counting!(AtomicU8, u8);
counting!(AtomicU64, u64);
counting!(AtomicUsize, usize);

/// What others may reach, with loom looking at who does.
pub struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub fn new(value: T) -> Self {
        UnsafeCell(loom::cell::UnsafeCell::new(value))
    }

    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.0.with(f)
    }

    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

/// A model, its name, and how often loom may take the processor away from a thread that could go on; `None`: as often as
/// there are places for it, so that everything is tried.
pub type Model = (&'static str, fn(), Option<usize>);

/// Has loom run the model in all its interleavings, and with all that its loads may return in each. How often that was.
///
/// # Panics
/// If it fails in one of them.
fn check(&(_, model, preemptions): &Model) -> usize {
    let runs = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    // LOOM_MAX_PREEMPTIONS, which the builder has read, goes before.
    builder.preemption_bound = builder.preemption_bound.or(preemptions);
    // Models of more than one file need more steps than loom expects.
    builder.max_branches = 20_000;
    let counter = runs.clone();
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        // Made here, before there are other threads: making it orders.
        FENCES.take();
        model();
    });
    runs.load(Relaxed)
}

/// The same, or which model failed and why, in a line.
fn runs_or_failure(model: &Model) -> Result<usize, String> {
    panic::catch_unwind(|| check(model)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        format!("{} fails: {}", model.0, text.unwrap_or_default().lines().next().unwrap_or_default())
    })
}

/// Does all jobs, each on a thread of its own, and returns what they return. Panics of these, many of which are expected, print nothing.
fn in_parallel<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                hook(info);
            }
        }));
    });
    let job = &|job| {
        QUIET.set(true);
        work(job)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = jobs.iter().map(|it| scope.spawn(move || job(it))).collect();
        threads.into_iter().map(|it| it.join().unwrap_or_else(|payload| panic::resume_unwind(payload))).collect()
    })
}

/// The orderings that shipped files ask for.
pub struct Orderings(BTreeSet<Site>);

/// Checks the models with the orderings as they are. Returns those of the files whose paths end so.
///
/// # Panics
/// If a model fails.
pub fn all_pass(files: &[&str], models: &[Model]) -> Orderings {
    let checked = in_parallel(models, |model| {
        let begin = Instant::now();
        let runs = runs_or_failure(model)?;
        Ok((format!("{}: {runs} runs in {} ms", model.0, begin.elapsed().as_millis()), SITES.take()))
    });
    let mut all = BTreeSet::new();
    for model in checked {
        let (line, sites): (String, _) = model.unwrap_or_else(|failure: String| panic!("{failure}"));
        println!("{line}");
        all.extend(sites.into_iter().filter(|site| files.iter().any(|file| site.file.ends_with(file))));
    }
    for file in files {
        assert!(all.iter().any(|site| site.file.ends_with(file)), "the models do not use {file}");
    }
    Orderings(all)
}

impl Orderings {
    /// Checks the models again with one ordering weakened, then with the next. Each time one of them must fail.
    ///
    /// # Panics
    /// If they do not.
    pub fn are_needed(self, models: &[Model]) {
        let sites: Vec<Site> = self.0.into_iter().collect();
        let found = in_parallel(&sites, |site| {
            SEEDED.set(Some(*site));
            models.iter().find_map(|model| runs_or_failure(model).err())
        });
        for (site, found) in sites.iter().zip(&found) {
            println!("without {site}: {}", found.as_deref().unwrap_or("no model fails"));
        }
        assert!(found.iter().all(Option::is_some), "an ordering is not needed, or the models are too weak: see above");
    }
}
