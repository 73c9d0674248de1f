//! A split program's ordinary threads on small segments too, if it is asked for: so any program's tests exercise the mechanism.
//!
//! `MORESTACK_SMALL_THREADS=1` in the environment asks. Then a thread's own stack is treated as a big stack on which every check of checked
//! code fails: its first check links a segment of 2 KB, whatever it calls of foreign code runs on the thread's own stack
//! again, what that calls back links the next segment, and so on.
//!
//! With `MORESTACK_STATS=1` the process says at its end how often its stacks have grown.
//!
//! The first thread is caught before `main`, the others by a definition of `pthread_create`, to which the linker binds the program and
//! the libraries it loads. Threads that are made in other ways (`clone`, C11's `thrd_create`) run as ever.

use super::{Foreign, Header, prepare, trim};
use crate::arch;
use crate::stack::layout::MAX_STACK;
use crate::stack::{big, report};
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// A guard that no stack pointer passes.
const NEVER: usize = usize::MAX;

struct Root(UnsafeCell<Header>);

thread_local! {
    /// What comes before a thread's first segment: a header without one.
    static ROOT: Root = const {
        Root(UnsafeCell::new(Header { next: ptr::null_mut(), hi: 0, prev: ptr::null_mut(), max: MAX_STACK }))
    };
}

/// Called before `main` (asm/foreign.s puts it into `.init_array`).
#[unsafe(no_mangle)]
extern "C" fn morestack_split_start() {
    if is_set(c"MORESTACK_STATS") {
        // SAFETY: a function of ours, which outlives the process's end.
        unsafe { libc::atexit(tell) };
    }
    if is_set(c"MORESTACK_SMALL_THREADS") {
        ASKED.store(true, Ordering::Relaxed);
        begin();
    }
}

/// Whether a variable of the environment is 1.
fn is_set(name: &CStr) -> bool {
    // SAFETY: nobody else runs so early; what getenv returns is null or a C string, whose first byte can be read.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        !value.is_null() && *value == b'1'.cast_signed()
    }
}

/// Says at the process's end how its stacks have grown.
extern "C" fn tell() {
    let stats = crate::stack::stats();
    report::say(format_args!(
        "{} links, {} copies, {} bytes copied",
        stats.split_links, stats.split_copies, stats.bytes_copied
    ));
}

/// The calling thread runs checked code on small segments from its next check on.
fn begin() {
    prepare();
    if let Err(error) = big::default_is_possible() {
        report::fatal(format_args!("MORESTACK_SMALL_THREADS: {error}"));
    }
    let (lo, hi) = own_stack();
    let key = end_key();
    // SAFETY: a key of ours; the value only has to be something.
    unsafe { libc::pthread_setspecific(key, ptr::without_provenance(1)) };
    ROOT.with(|root| {
        // SAFETY: the thread's own stack is what it runs on. Where foreign code goes is said when a segment is linked.
        unsafe { arch::begin_small(root.0.get(), Foreign { sp: 0, guard: NEVER, lo, hi }) };
    });
}

unsafe extern "C" {
    /// glibc calls it when the thread ends, after the destructors of its thread-locals: clears the guard, and goes on in
    /// [`morestack_split_ended`]. asm/foreign.s.
    fn morestack_split_end(_: *mut c_void);
}

/// The thread runs no checked code on small segments any more.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_split_ended(_: *mut c_void) {
    ROOT.with(|root| {
        // SAFETY: called on the thread's own stack, with a guard of 0: no segment is in use.
        unsafe {
            trim(root.0.get());
            arch::begin_small(ptr::null_mut(), Foreign::NONE);
        }
    });
}

fn end_key() -> libc::pthread_key_t {
    static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();
    *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the key can be written.
        let status = unsafe { libc::pthread_key_create(&raw mut key, Some(morestack_split_end)) };
        if status != 0 {
            report::fatal(format_args!(
                "MORESTACK_SMALL_THREADS: no thread-specific key: {}",
                std::io::Error::from_raw_os_error(status)
            ));
        }
        key
    })
}

/// The bounds of the calling thread's own stack.
fn own_stack() -> (usize, usize) {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut lo, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the first call fills what the others read.
    let status = unsafe {
        let status = libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr());
        if status == 0 {
            libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lo, &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
        status
    };
    if status != 0 {
        report::fatal(format_args!(
            "MORESTACK_SMALL_THREADS: a thread cannot find its stack: {}",
            std::io::Error::from_raw_os_error(status)
        ));
    }
    (lo.addr(), lo.addr() + size)
}

type Start = extern "C" fn(*mut c_void) -> *mut c_void;
type Create = unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Start, *mut c_void) -> c_int;

/// POSIX `pthread_create`. If small threads are asked for, the new thread is one.
///
/// # Safety
/// As for libc's.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    /// What the new thread is told.
    struct New {
        start: Start,
        argument: *mut c_void,
    }
    extern "C" fn begins(new: *mut c_void) -> *mut c_void {
        // SAFETY: `pthread_create` below leaked it for this thread.
        let New { start, argument } = *unsafe { Box::from_raw(new.cast::<New>()) };
        begin();
        start(argument)
    }
    static REAL: OnceLock<Option<Create>> = OnceLock::new();
    let real = REAL.get_or_init(|| {
        // SAFETY: a C string; the next definition after ours is libc's, of this type.
        unsafe {
            let found = libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr());
            (!found.is_null()).then(|| std::mem::transmute::<*mut c_void, Create>(found))
        }
    });
    let Some(real) = real else { return libc::ENOSYS };
    if !ASKED.load(Ordering::Relaxed) {
        // SAFETY: the caller's.
        return unsafe { real(thread, attributes, start, argument) };
    }
    let new = Box::into_raw(Box::new(New { start, argument })).cast();
    // SAFETY: the caller's, and `begins` takes what it is given.
    let status = unsafe { real(thread, attributes, begins, new) };
    if status != 0 {
        // SAFETY: no thread was made.
        drop(unsafe { Box::from_raw(new.cast::<New>()) });
    }
    status
}
