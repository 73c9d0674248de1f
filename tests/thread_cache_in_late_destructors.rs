//! The allocator works before `main`, in destructors of thread-locals, and in what the C library runs when the cache of the
//! thread is gone already.

use morestack::alloc::{ThreadCache, kept};
use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[path = "common/heap.rs"]
mod heap;

#[global_allocator]
static GLOBAL: ThreadCache = ThreadCache::new();

static BEFORE_MAIN: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);
static LATE: AtomicUsize = AtomicUsize::new(0);
static KEPT_LATE: AtomicUsize = AtomicUsize::new(0);

/// Allocates and frees, with blocks that stay for a while; the sum of what it put in.
fn work() -> usize {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    for i in 0..500 {
        parts.push((0..i % 50).collect());
        if i % 3 == 0 {
            parts.swap_remove(i / 7 % parts.len());
        }
    }
    parts.iter().flatten().sum()
}

extern "C" fn early() {
    BEFORE_MAIN.store(work(), Relaxed);
}

#[used]
// SAFETY: the dynamic linker calls what is listed there, once, before `main`.
#[unsafe(link_section = ".init_array")]
static EARLY: extern "C" fn() = early;

/// Dropped when its thread ends: it frees what was allocated before, and works itself.
struct Dropped(Vec<String>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.truncate(self.0.len() / 2);
        work();
        DROPPED.fetch_add(1, Relaxed);
    }
}

thread_local! {
    static FIRST: RefCell<Option<Dropped>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<Dropped>> = const { RefCell::new(None) };
}

fn dropped() -> Option<Dropped> {
    Some(Dropped((0..100).map(|i| format!("string {i}")).collect()))
}

/// Called by the C library after the cache has gone back, or before: it comes three times, between which every other key
/// has its turn.
unsafe extern "C" fn late(rounds: *mut c_void) {
    work();
    KEPT_LATE.fetch_max(kept(), Relaxed);
    LATE.fetch_add(1, Relaxed);
    if rounds.addr() > 1 {
        KEPT_LATE.store(0, Relaxed);
        // SAFETY: the key exists.
        assert_eq!(unsafe { libc::pthread_setspecific(key(), std::ptr::without_provenance(rounds.addr() - 1)) }, 0);
    }
}

fn key() -> libc::pthread_key_t {
    static KEY: std::sync::OnceLock<libc::pthread_key_t> = std::sync::OnceLock::new();
    *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the pointer is writable.
        assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(late)) }, 0);
        key
    })
}

#[test]
fn any_time_in_a_thread_s_life() {
    let expected = work();
    assert_eq!(BEFORE_MAIN.load(Relaxed), expected);
    let thread = || {
        std::thread::spawn(|| {
            FIRST.set(dropped());
            // SAFETY: the key exists.
            assert_eq!(unsafe { libc::pthread_setspecific(key(), std::ptr::without_provenance(3)) }, 0);
            work();
            SECOND.set(dropped());
        })
        .join()
        .unwrap();
    };
    thread();
    let before = heap::in_use();
    for _ in 0..1000 {
        thread();
    }
    assert_eq!((DROPPED.load(Relaxed), LATE.load(Relaxed)), (2002, 3003));
    assert_eq!(KEPT_LATE.load(Relaxed), 0, "after the cache has gone back nothing is kept");
    let more = heap::in_use().saturating_sub(before);
    assert!(more < heap::NOISE, "{more} bytes are left by 1000 threads");
}
