//! Panic state belongs to the task, though std keeps it per OS thread.
//!
//! std counts a thread's panics in a private thread-local, `Cell<(usize, bool)>`: how many are being unwound, and whether the
//! panic hook runs. A task that switches away in the middle (a destructor parks, or the hook does) would leave that behind for
//! its neighbours: they would see `panicking()`, their mutex guards would take no note of real panics, the mutexes that they
//! lock outside the panic would be poisoned by it or not at random, and a panic of theirs would abort the process while the
//! hook's flag is set.
//!
//! So the pair travels: [`leave`] takes it from the thread before the switch, [`enter`] puts it back after. (std's count of all
//! threads' panics stays as it is. It only says whether looking at the thread's own is worth while.)
//!
//! # Where the pair is
//!
//! Nothing in std's interface tells; so it is found once, by experiment, on a thread made for that, where no other code
//! uses the thread-locals that are tried. `resume_unwind` raises the count and runs no hook, so nobody notices.
//! - std is part of the executable, so the word lies in the executable's block of thread-locals, at the same offset from the
//!   thread pointer in each thread. The block's bounds are known.
//! - The count is the one word there which is 0, 1, 2, 3, 2, 1, 0 as destructors nest and return, and which, set to 0 in
//!   such a destructor, makes `panicking()` false.
//! - The flag stands where it stands in our own `(usize, bool)`: a type has one layout in a program. That std's pair is of
//!   this type is checked by its effect: the flag is 0 during `resume_unwind`, and when it is set in the destructor, the
//!   end of the unwinding clears it, because std then writes the pair as a whole. A byte of anything else would stay set. The
//!   flag cannot be looked at while it is set, because this takes a panic hook, which is the program's; a test does that.
//!
//! If any of this does not come out so (std is a shared library, or a future one counts otherwise, or there is no thread
//! to try on, or panics abort), `leave` takes nothing, and the mechanism is the other one: a task that panics does not switch,
//! it blocks its thread.
//!
//! # Why nothing is cached
//!
//! The accesses are assembly, which the compiler takes to write any memory, and between `leave` and another task's code lies a
//! switch, an unknown function that may well have called into std and panicked. Inside one function, std's own
//! accesses are calls or atomic loads followed by a call. If LTO split the pair in two, the experiment would not find the flag;
//! with fat LTO of today's compiler it finds both.
//!
//! What remains std's: a hook that parks does so under the lock by which std guards the hook, so `set_hook` waits until it is
//! done. And C++ has counts of its own, which do not travel.

use crate::arch;
use crate::stack::split;
use std::mem::offset_of;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What happens when a task wants to switch while it panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// It switches, and its panic state goes with it.
    Travels,
    /// It does not switch; its thread blocks.
    Blocks,
}

/// A task's panic state, off its thread.
#[must_use = "the task goes on with this, or std's count of panics is wrong for ever"]
#[derive(Debug)]
pub(super) struct Saved {
    panics: usize,
    in_hook: bool,
    /// Belongs to this thread.
    not_send: std::marker::PhantomData<*mut ()>,
}

/// Where the pair is, in bytes from the thread pointer.
#[derive(Clone, Copy, Debug)]
struct Place {
    panics: isize,
    in_hook: isize,
}

/// The pair of std, by its type.
type Pair = (usize, bool);

/// Set by tests of the other mechanism.
static FORCED: AtomicBool = AtomicBool::new(false);

/// What happens when a task wants to switch while it panics. Decided by the first call, which takes some 100 us.
pub(crate) fn mechanism() -> Mechanism {
    if place().is_some() { Mechanism::Travels } else { Mechanism::Blocks }
}

/// Takes the panic state from this thread: `panicking()` is false afterwards. For a task that is about to switch.
///
/// None: it may not switch.
pub(super) fn leave() -> Option<Saved> {
    let Place { panics, in_hook } = place()?.on_this_thread();
    // SAFETY: `find` has made sure of both places. No code of std is running on this thread, so none is in between reading and
    // writing them.
    unsafe {
        let saved = Saved {
            panics: arch::load_word(panics),
            in_hook: arch::load_byte(in_hook) != 0,
            not_send: Default::default(),
        };
        split::panic_is_aside(true);
        arch::store_word(panics, 0);
        arch::store_byte(in_hook, 0);
        Some(saved)
    }
}

/// Puts the panic state back, when the task goes on: on the same thread, where nobody else is in a panic.
pub(super) fn enter(saved: Saved) {
    let place = place_found().expect("saved by leave, which knew the place");
    let Place { panics, in_hook } = place.on_this_thread();
    // SAFETY: as in leave.
    unsafe {
        debug_assert_eq!((arch::load_word(panics), arch::load_byte(in_hook)), (0, 0), "another task panics here");
        arch::store_word(panics, saved.panics);
        arch::store_byte(in_hook, saved.in_hook.into());
    }
    split::panic_is_aside(false);
}

/// Keeps the calling thread's panic state away for as long as it lives: others run on the thread.
///
/// Where panic states do not travel it does nothing: then those others see a panic that is not theirs.
pub(super) struct Away(Option<Saved>);

impl Away {
    pub(super) fn new() -> Away {
        Away(if thread::panicking() { leave() } else { None })
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        if let Some(state) = self.0.take() {
            enter(state);
        }
    }
}

/// From now on panic states do not travel: for tests.
#[doc(hidden)]
pub fn force_blocking() {
    FORCED.store(true, Ordering::Relaxed);
}

fn place() -> Option<Place> {
    if FORCED.load(Ordering::Relaxed) { None } else { place_found() }
}

fn place_found() -> Option<Place> {
    static PLACE: OnceLock<Option<Place>> = OnceLock::new();
    *PLACE.get_or_init(|| {
        // Where panics abort, raising one would too.
        if cfg!(panic = "abort") {
            return None;
        }
        thread::Builder::new().name("panic-probe".into()).spawn(find).ok()?.join().ok()?
    })
}

impl Place {
    /// The addresses in this thread.
    fn on_this_thread(self) -> Place {
        let base = arch::thread_pointer() as isize;
        Place { panics: base + self.panics, in_hook: base + self.in_hook }
    }
}

/// The experiment, on a thread of its own.
fn find() -> Option<Place> {
    let block = executable_thread_locals()?;
    let panics = find_count(block.clone())?;
    let in_hook = find_flag(panics, block)?;
    let base = arch::thread_pointer() as isize;
    Some(Place { panics: panics - base, in_hook: in_hook - base })
}

fn find_count(block: std::ops::Range<isize>) -> Option<isize> {
    let mut words: Vec<isize> = block.step_by(size_of::<usize>()).collect();
    // SAFETY: the words are this thread's thread-locals; they can be read, and as assembly does it, whatever their types.
    let mut keep = |value| words.retain(|&word| unsafe { arch::load_word(word) } == value);
    keep(0);
    while_unwinding(|| {
        keep(1);
        while_unwinding(|| {
            keep(2);
            while_unwinding(|| keep(3));
            keep(2);
        });
        keep(1);
    });
    keep(0);
    let [word] = words[..] else { return None };

    let (mut without, mut with) = (true, false);
    while_unwinding(|| {
        // SAFETY: a word that has followed the count so far. If it is not the count, it is another variable of this thread,
        // which nobody uses before it is put back.
        unsafe { arch::store_word(word, 0) };
        without = thread::panicking();
        // SAFETY: as before.
        unsafe { arch::store_word(word, 1) };
        with = thread::panicking();
    });
    (!without && with).then_some(word)
}

/// The flag beside the count at `panics`.
fn find_flag(panics: isize, block: std::ops::Range<isize>) -> Option<isize> {
    let pair = panics - offset_of!(Pair, 0) as isize;
    if pair < block.start || pair + size_of::<Pair>() as isize > block.end {
        return None;
    }
    let flag = pair + offset_of!(Pair, 1) as isize;
    // SAFETY: in the block.
    let is_set = || unsafe { arch::load_byte(flag) != 0 };
    let mut clear = !is_set();
    while_unwinding(|| {
        clear &= !is_set();
        if clear {
            // SAFETY: in the block. If it is not the flag, it belongs to another variable of this thread, which nobody uses
            // before it is put back.
            unsafe { arch::store_byte(flag, 1) };
        }
    });
    if clear && is_set() {
        // SAFETY: as before.
        unsafe { arch::store_byte(flag, 0) };
        return None;
    }
    clear.then_some(flag)
}

/// Calls `inside` in a destructor while this thread unwinds; ends the unwinding.
fn while_unwinding(inside: impl FnMut()) {
    struct OnDrop<F: FnMut()>(F);
    impl<F: FnMut()> Drop for OnDrop<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let _on_drop = OnDrop(inside);
        panic::resume_unwind(Box::new(()));
    }));
    drop(caught);
}

/// This thread's block of the executable's thread-locals.
fn executable_thread_locals() -> Option<std::ops::Range<isize>> {
    unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _: usize, found: *mut libc::c_void) -> libc::c_int {
        // SAFETY: what the dynamic linker hands out, and the place that was passed.
        unsafe {
            let (info, found) = (&*info, &mut *found.cast::<Option<std::ops::Range<isize>>>());
            let headers = std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into());
            let start = info.dlpi_tls_data as isize;
            if let Some(header) = headers.iter().find(|header| header.p_type == libc::PT_TLS)
                && start != 0
            {
                // Whole words only.
                *found = Some((start + 7) & !7..(start + header.p_memsz as isize) & !7);
            }
        }
        // The first object is the executable: no need to see the others.
        1
    }
    let mut found: Option<std::ops::Range<isize>> = None;
    // SAFETY: `first` gets the place that it expects.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut found).cast()) };
    // Below the thread pointer, where it is for the executable on this architecture.
    found.filter(|block| block.end <= arch::thread_pointer() as isize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::process::Command;
    use std::sync::Mutex;

    /// Whether std is a shared library here.
    fn std_is_shared() -> bool {
        std::fs::read_to_string("/proc/self/maps").unwrap().contains("/libstd-")
    }

    #[test]
    fn the_count_is_found_where_std_is_linked_in() {
        assert_eq!(mechanism(), if std_is_shared() { Mechanism::Blocks } else { Mechanism::Travels });
    }

    /// What a neighbour does while a task is parked in the middle of a panic: as if there were no panic at all.
    fn neighbour() {
        assert!(!thread::panicking());
        let mutex = Mutex::new(());
        drop(mutex.lock().unwrap());
        assert!(!mutex.is_poisoned());
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let _guard = mutex.lock();
            panic!("expected");
        }));
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"expected"));
        assert!(mutex.is_poisoned(), "a real panic poisons");
        assert!(!thread::panicking());
    }

    #[test]
    fn a_panic_is_away_between_leave_and_enter() {
        if std_is_shared() {
            return;
        }
        let (before, after) = (Mutex::new(()), Mutex::new(()));
        while_unwinding(|| {
            let _held = before.lock();
            while_unwinding(|| {
                assert!(thread::panicking());
                let saved = leave().unwrap();
                assert_eq!((saved.panics, saved.in_hook), (2, false));
                neighbour();
                // A neighbour may leave as well.
                while_unwinding(|| {
                    let other = leave().unwrap();
                    neighbour();
                    enter(other);
                });
                enter(saved);
                assert!(thread::panicking());
            });
            assert!(thread::panicking());
        });
        assert!(!thread::panicking());
        assert!(!before.is_poisoned(), "locked while panicking already");
        drop(after.lock().unwrap());
        neighbour();
    }

    #[test]
    fn on_many_threads_at_once() {
        if std_is_shared() {
            return;
        }
        let thread = |count: usize| {
            while_unwinding(move || {
                for _ in 0..count {
                    let saved = leave().unwrap();
                    assert!(!thread::panicking());
                    thread::yield_now();
                    enter(saved);
                    assert!(thread::panicking());
                }
            });
            assert!(!thread::panicking());
        };
        thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| thread(1000)))));
    }

    /// Runs the test of that name in a process of its own, where it sees the variable.
    fn in_child(test: &str, variable: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{}::{test}", module_path!().split_once("::").unwrap().1), "--nocapture"])
            .env(variable, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{}\n{text}", output.status);
    }

    /// The hook is the process's, so this has one to itself.
    #[test]
    fn a_hook_can_be_left_and_entered() {
        const CHILD: &str = "MORESTACK_TEST_HOOK";
        thread_local! {
            static DEPTH: Cell<u32> = const { Cell::new(0) };
        }
        if std::env::var_os(CHILD).is_none() {
            return in_child("a_hook_can_be_left_and_entered", CHILD);
        }
        if std_is_shared() {
            return;
        }
        panic::set_hook(Box::new(|_| {
            DEPTH.set(DEPTH.get() + 1);
            if DEPTH.get() < 3 {
                let saved = leave().unwrap();
                assert_eq!((saved.panics, saved.in_hook), (1, true));
                // With the flag set, this panic would abort the process. It comes to this hook again.
                neighbour();
                enter(saved);
                assert!(thread::panicking());
            }
        }));
        let caught = panic::catch_unwind(|| panic!("the first")).unwrap_err();
        assert_eq!(caught.downcast_ref::<&str>(), Some(&"the first"));
        assert_eq!(DEPTH.get(), 3);
        assert!(!thread::panicking());
        neighbour();
        drop(panic::take_hook());
    }

    #[test]
    fn forced_to_block_there_is_nothing_to_leave() {
        const CHILD: &str = "MORESTACK_TEST_BLOCKING";
        if std::env::var_os(CHILD).is_none() {
            return in_child("forced_to_block_there_is_nothing_to_leave", CHILD);
        }
        force_blocking();
        assert_eq!(mechanism(), Mechanism::Blocks);
        while_unwinding(|| {
            assert!(leave().is_none());
            assert!(thread::panicking(), "nothing has been taken");
        });
    }
}
