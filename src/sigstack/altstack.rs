//! The alternate signal stack of a worker.

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

use libc::{SS_DISABLE, SS_ONSTACK, c_int, stack_t};

use crate::stack::StackError;
use crate::stack::layout::PAGE;

/// What handlers may use beside the kernel's frame. They expect to run on a thread's stack, megabytes wide. The hungriest
/// known are crash reporters; a backtrace with names takes 24 KB, and this is more than twice that. Committed where used.
const FOR_HANDLERS: usize = 64 * 1024;

/// The kernel's flag for a stack that is given up while a handler runs on it, from `<linux/signal.h>`.
const SS_AUTODISARM: c_int = c_int::MIN;

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
#[derive(Clone, Copy)]
struct Installed {
    map: usize,
    len: usize,
    /// What the thread would have without ours: it is brought back in the end, and until then [`sigaltstack`] pretends that
    /// it is there. Without `SS_ONSTACK`, since no handler runs on it.
    previous: stack_t,
    /// How many [`AltStack`]s of this thread share it.
    users: usize,
}

thread_local! {
    /// Like the other without a destructor: both are there to the thread's end, and in handlers.
    static INSTALLED: Cell<Option<Installed>> = const { Cell::new(None) };
    /// Its addresses; (0, 0) if there is none. They stay when it had to be left in the kernel's hands.
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
        let mut installed = match INSTALLED.get() {
            Some(shared) => shared,
            None => Installed::new()?,
        };
        // Also for a shared one, which a raw system call may have taken away.
        installed.put();
        installed.users += 1;
        INSTALLED.set(Some(installed));
        Ok(AltStack { not_send: PhantomData })
    }

    /// The addresses of the stack, its guard page excluded: `lo` and one past the highest.
    pub fn bounds(&self) -> (usize, usize) {
        let stack = INSTALLED.get().expect("an AltStack keeps it installed");
        (stack.map + PAGE, stack.map + stack.len)
    }
}

impl Drop for AltStack {
    /// The last one of its thread brings back the stack that would be there without it, unless a raw system call installed
    /// one meanwhile; then ours stays mapped, since they may have kept it to put it back.
    fn drop(&mut self) {
        let mut stack = INSTALLED.get().expect("an AltStack keeps it installed");
        stack.users -= 1;
        if stack.users > 0 {
            INSTALLED.set(Some(stack));
        } else {
            INSTALLED.set(None);
            stack.remove();
        }
    }
}

impl Installed {
    /// Maps one, for nobody yet.
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
        Ok(Installed { map: map as usize, len, previous: DISABLED, users: 0 })
    }

    /// Makes it the kernel's choice, if it is not; what the kernel had instead is what will be brought back.
    fn put(&mut self) {
        let found = current();
        if self.is(&found) {
            return;
        }
        let (lo, hi) = (self.map + PAGE, self.map + self.len);
        let stack = stack_t { ss_sp: lo as *mut _, ss_flags: 0, ss_size: hi - lo };
        // SAFETY: the memory stays mapped while it is installed (`remove`).
        let status = unsafe { system_call(&stack, ptr::null_mut()) };
        assert_eq!(status, 0, "an alternate stack cannot be installed in a signal handler");
        self.previous = found;
        BOUNDS.set((lo, hi));
    }

    /// Whether the kernel means this one.
    fn is(&self, current: &stack_t) -> bool {
        current.ss_flags & SS_DISABLE == 0 && current.ss_sp as usize == self.map + PAGE
    }

    fn remove(self) {
        let found = current();
        if self.is(&found) {
            // The kernel refuses while a handler runs on it.
            if found.ss_flags & SS_ONSTACK != 0 {
                return;
            }
            // SAFETY: the previous stack is somebody else's, who had it installed or wants it, and so keeps it mapped.
            if unsafe { system_call(&self.previous, ptr::null_mut()) } != 0 {
                // A size that `sigaltstack` took for large enough, but this machine's registers are not.
                // SAFETY: without a stack there is nothing to keep mapped.
                unsafe { system_call(&DISABLED, ptr::null_mut()) };
            }
        } else if found.ss_flags & SS_DISABLE == 0 {
            return;
        }
        BOUNDS.set((0, 0));
        // SAFETY: our mapping. The kernel has another stack or none, and nothing else refers to it: no `AltStack` is left.
        unsafe { libc::munmap(self.map as *mut _, self.len) };
    }
}

/// No alternate stack.
const DISABLED: stack_t = stack_t { ss_sp: ptr::null_mut(), ss_flags: SS_DISABLE, ss_size: 0 };

/// The kernel's `sigaltstack`, past the function below.
///
/// # Safety
/// The pointers are null or valid. The memory of a new stack is used by none but handlers, and stays mapped while the kernel
/// has it.
unsafe fn system_call(new: *const stack_t, old: *mut stack_t) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_sigaltstack, new, old) as c_int }
}

/// What the kernel has for the calling thread.
fn current() -> stack_t {
    let mut current = MaybeUninit::uninit();
    // SAFETY: only asks, which cannot fail with a writable pointer; so the stack was written.
    unsafe {
        system_call(ptr::null(), current.as_mut_ptr());
        current.assume_init()
    }
}

/// POSIX `sigaltstack`, behind which the calling thread's [`AltStack`] stays where it is: another stack, or none, is noted
/// and reported as if it were installed, and is installed when the last `AltStack` of the thread is dropped.
///
/// std needs this: it installs a stack of its own for each thread, and when the thread's main function returns, before the
/// destructors of thread-locals, it disables whatever is installed then. Mapped code may run in those.
///
/// # Safety
/// As for libc's: the pointers are null or valid, and a new stack's memory is left to handlers until it is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaltstack(new: *const stack_t, old: *mut stack_t) -> c_int {
    let installed = INSTALLED.get().filter(|_| !in_handler());
    let Some(mut installed) = installed else {
        // Also on ours: a handler learns on which stack it runs, and that it cannot be changed.
        // SAFETY: passed on from the caller.
        return unsafe { system_call(new, old) };
    };
    let before = installed.previous;
    // SAFETY: null or valid, says the caller.
    if let Some(new) = unsafe { new.as_ref() } {
        match as_noted(new) {
            Ok(noted) => installed.previous = noted,
            Err(errno) => {
                // SAFETY: the address of this thread's errno is always valid.
                unsafe { *libc::__errno_location() = errno };
                return -1;
            }
        }
        INSTALLED.set(Some(installed));
    }
    // SAFETY: null or valid, says the caller.
    if let Some(old) = unsafe { old.as_mut() } {
        *old = before;
    }
    0
}

/// A stack as the kernel would keep and report it, or the error with which it refuses it.
fn as_noted(new: &stack_t) -> Result<stack_t, c_int> {
    let extra = new.ss_flags & SS_AUTODISARM;
    match new.ss_flags & !SS_AUTODISARM {
        SS_DISABLE => Ok(stack_t { ss_flags: SS_DISABLE | extra, ..DISABLED }),
        0 | SS_ONSTACK if new.ss_size < libc::MINSIGSTKSZ => Err(libc::ENOMEM),
        0 | SS_ONSTACK => Ok(stack_t { ss_flags: extra, ..*new }),
        _ => Err(libc::EINVAL),
    }
}
