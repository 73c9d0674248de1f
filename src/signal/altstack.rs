//! The alternate signal stack of a worker.

use std::cell::{Cell, RefCell};
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

use crate::stack::StackError;
use crate::stack::layout::PAGE;

/// What handlers may use beside the kernel's frame. They expect to run on a thread's stack, megabytes wide. The hungriest
/// known are crash reporters; a backtrace with names takes 24 KB, and this is more than twice that. Committed where used.
const FOR_HANDLERS: usize = 64 * 1024;

/// The alternate stack of the calling thread, on which all its signal handlers run until this is dropped.
///
/// ```text
///   map                  map + PAGE                       map + len
///   | guard, inaccessible | handlers, <- the kernel's frame |
/// ```
#[derive(Debug)]
pub struct AltStack {
    /// It belongs to the thread that installed it.
    not_send: PhantomData<*mut ()>,
}

/// An installed stack.
struct Installed {
    map: usize,
    len: usize,
    previous: libc::stack_t,
    /// How many [`AltStack`]s of this thread share it.
    users: usize,
}

thread_local! {
    static INSTALLED: RefCell<Option<Installed>> = const { RefCell::new(None) };
    /// Its addresses for signal handlers, which cannot borrow the above; (0, 0) if there is none.
    static BOUNDS: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Whether this runs on the calling thread's alternate stack, so in a signal handler. Async-signal-safe, no system call.
pub(crate) fn in_handler() -> bool {
    let local = 0u8;
    let (lo, hi) = BOUNDS.get();
    (lo..hi).contains(&(&raw const local as usize))
}

impl AltStack {
    /// Gives the calling thread an alternate stack. Within the life of another one of the same thread, that one serves both,
    /// in whatever order they are dropped.
    ///
    /// # Errors
    /// [`StackError::OutOfMemory`] if there is no memory for it.
    ///
    /// # Panics
    /// On an alternate stack, so in a signal handler: it cannot be changed from there.
    pub fn install() -> Result<AltStack, StackError> {
        INSTALLED.with_borrow_mut(|installed| {
            match installed {
                Some(shared) => shared.users += 1,
                None => *installed = Some(Installed::new()?),
            }
            Ok(AltStack { not_send: PhantomData })
        })
    }

    /// The addresses of the stack, its guard page excluded: `lo` and one past the highest.
    pub fn bounds(&self) -> (usize, usize) {
        INSTALLED.with_borrow(|installed| {
            let stack = installed.as_ref().expect("an AltStack keeps it installed");
            (stack.map + PAGE, stack.map + stack.len)
        })
    }
}

impl Drop for AltStack {
    /// The last one of its thread brings back the stack that was there before, unless somebody else installed one meanwhile;
    /// then ours stays mapped, since they may have kept it to put it back.
    fn drop(&mut self) {
        INSTALLED.with_borrow_mut(|installed| {
            let stack = installed.as_mut().expect("an AltStack keeps it installed");
            stack.users -= 1;
            if stack.users == 0 {
                stack.remove();
                *installed = None;
            }
        });
    }
}

impl Installed {
    fn new() -> Result<Installed, StackError> {
        // SAFETY: without preconditions. A kernel that does not know the value says 0.
        let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
        let usable = (frame.max(libc::MINSIGSTKSZ) + FOR_HANDLERS).next_multiple_of(PAGE);
        let len = usable + PAGE;
        let out_of_memory = || StackError::OutOfMemory { size: usable, source: io::Error::last_os_error() };
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: without MAP_FIXED, `mmap` takes nothing that is in use.
        let map = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if map == libc::MAP_FAILED {
            return Err(out_of_memory());
        }
        // SAFETY: the lowest page of the fresh mapping, used by none.
        if unsafe { libc::mprotect(map, PAGE, libc::PROT_NONE) } != 0 {
            let error = out_of_memory();
            // SAFETY: the fresh mapping, used by none.
            unsafe { libc::munmap(map, len) };
            return Err(error);
        }
        let map = map as usize;
        let stack = libc::stack_t { ss_sp: (map + PAGE) as *mut _, ss_flags: 0, ss_size: usable };
        let mut previous = MaybeUninit::uninit();
        // SAFETY: the memory stays mapped while it is installed (`remove`).
        let status = unsafe { libc::sigaltstack(&stack, previous.as_mut_ptr()) };
        assert_eq!(status, 0, "an alternate stack cannot be installed in a signal handler");
        // SAFETY: the call succeeded, so it wrote the old stack.
        let previous = unsafe { previous.assume_init() };
        BOUNDS.set((map + PAGE, map + len));
        Ok(Installed { map, len, previous, users: 1 })
    }

    fn remove(&self) {
        let mut current = MaybeUninit::uninit();
        // SAFETY: only asks; the pointer is writable.
        if unsafe { libc::sigaltstack(ptr::null(), current.as_mut_ptr()) } != 0 {
            return;
        }
        // SAFETY: the call succeeded, so it wrote the current stack.
        let current = unsafe { current.assume_init() };
        let ours = current.ss_flags & libc::SS_DISABLE == 0 && current.ss_sp as usize == self.map + PAGE;
        // SAFETY: the previous stack is somebody else's, who had it installed here and so keeps it mapped; the kernel refuses
        // while a handler runs on ours. After success nothing refers to our mapping.
        unsafe {
            if ours && libc::sigaltstack(&self.previous, ptr::null_mut()) == 0 {
                BOUNDS.set((0, 0));
                libc::munmap(self.map as *mut _, self.len);
            }
        }
    }
}
