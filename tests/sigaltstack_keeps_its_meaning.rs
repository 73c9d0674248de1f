//! A program's own calls of `sigaltstack` on a thread with an alternate stack of ours behave as POSIX says, but that what they
//! install takes effect when ours is removed.

use std::ffi::c_int;
use std::io;
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};

use libc::{MINSIGSTKSZ, SS_DISABLE, SS_ONSTACK, stack_t};
use morestack::sigstack::AltStack;

/// Address, size, flags.
type Plain = (usize, usize, c_int);

const NONE: Plain = (0, 0, SS_DISABLE);

fn plain(stack: stack_t) -> Plain {
    (stack.ss_sp as usize, stack.ss_size, stack.ss_flags)
}

fn stack((sp, size, flags): Plain) -> stack_t {
    stack_t { ss_sp: sp as *mut _, ss_size: size, ss_flags: flags }
}

/// What libc's function says.
fn asked() -> Plain {
    // SAFETY: only asks.
    unsafe {
        let mut old: stack_t = zeroed();
        assert_eq!(libc::sigaltstack(null(), &mut old), 0);
        plain(old)
    }
}

/// What the kernel has.
fn kernel() -> Plain {
    // SAFETY: only asks.
    unsafe {
        let mut old: stack_t = zeroed();
        assert_eq!(libc::syscall(libc::SYS_sigaltstack, null::<stack_t>(), &mut old), 0);
        plain(old)
    }
}

/// Installs, and says what was there before.
fn set(new: Plain) -> Result<Plain, i32> {
    // SAFETY: the stacks of these tests are there until the thread ends, which has none at its end.
    unsafe {
        let mut old: stack_t = zeroed();
        match libc::sigaltstack(&stack(new), &mut old) {
            0 => Ok(plain(old)),
            _ => Err(io::Error::last_os_error().raw_os_error().unwrap()),
        }
    }
}

/// Runs on a thread of its own, with an alternate stack of the program's (std's own, which it puts back).
fn with_a_stack(test: impl FnOnce(Plain) + Send) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut memory = vec![0u8; 64 * 1024];
            let mine = (memory.as_mut_ptr() as usize, memory.len(), 0);
            let std_s = asked();
            assert_eq!(std_s, kernel(), "nobody else's is there yet");
            test(mine);
            assert_eq!(kernel(), asked(), "nobody else's is there any more");
            set(std_s).unwrap();
            drop(memory);
        });
    });
}

#[test]
fn what_is_set_is_reported_and_comes_when_ours_goes() {
    with_a_stack(|mine| {
        let before = asked();
        let ours = AltStack::install().unwrap();
        let bounds = (ours.bounds().0, ours.bounds().1 - ours.bounds().0, 0);
        assert_eq!((asked(), kernel()), (before, bounds));
        assert_eq!(set(mine), Ok(before));
        assert_eq!((asked(), kernel()), (mine, bounds));
        let shared = AltStack::install().unwrap();
        drop(ours);
        assert_eq!((asked(), kernel()), (mine, bounds));
        drop(shared);
        assert_eq!((asked(), kernel()), (mine, mine));
    });
}

#[test]
fn a_stack_set_before_can_be_disabled_and_enabled() {
    with_a_stack(|mine| {
        set(mine).unwrap();
        let ours = AltStack::install().unwrap();
        let installed = kernel();
        // Address and size do not matter.
        assert_eq!(set((1, 2, SS_DISABLE)), Ok(mine));
        assert_eq!((asked(), kernel()), (NONE, installed));
        // Linux takes SS_ONSTACK for 0 here.
        assert_eq!(set((mine.0, mine.1, SS_ONSTACK)), Ok(NONE));
        assert_eq!((asked(), kernel()), (mine, installed));
        assert_eq!(set(NONE), Ok(mine));
        drop(ours);
        assert_eq!((asked(), kernel()), (NONE, NONE));
    });
}

/// The same calls, with and without ours.
#[test]
fn mistakes_are_refused_as_without_ours() {
    let autodisarm = c_int::MIN;
    with_a_stack(|mine| {
        let results = || {
            let (sp, size, _) = mine;
            let all = [
                set((sp, size, 4)),
                set((sp, size, SS_ONSTACK | SS_DISABLE)),
                set((sp, MINSIGSTKSZ - 1, 0)),
                set((sp, 0, SS_ONSTACK)),
                set((0, 0, 8 | SS_DISABLE)),
                set((sp, MINSIGSTKSZ - 1, 4)),
                set((sp, size, autodisarm)),
                set((0, 0, SS_DISABLE | autodisarm)),
                set((sp, size, SS_ONSTACK | autodisarm)),
                set((sp, MINSIGSTKSZ, 0)),
                set(NONE),
            ];
            (all, asked())
        };
        set(NONE).unwrap();
        let without = results();
        let ours = AltStack::install().unwrap();
        let with = results();
        assert_eq!(with, without);
        drop(ours);
        assert_eq!(with.0[0], Err(libc::EINVAL));
        assert_eq!(with.0[2], Err(libc::ENOMEM));
    });
}

/// One object for both.
#[test]
fn the_old_stack_may_be_written_over_the_new_one() {
    with_a_stack(|mine| {
        let before = asked();
        let ours = AltStack::install().unwrap();
        let mut both = stack(mine);
        let both: *mut stack_t = &mut both;
        // SAFETY: the stack is there until the thread ends.
        assert_eq!(unsafe { libc::sigaltstack(both, both) }, 0);
        // SAFETY: written above.
        assert_eq!(plain(unsafe { *both }), before);
        drop(ours);
        assert_eq!(asked(), mine);
    });
}

static SEEN: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
static FLAGS: AtomicI32 = AtomicI32::new(0);
static ERRNO: AtomicI32 = AtomicI32::new(0);
static RAN: AtomicBool = AtomicBool::new(false);

extern "C" fn in_handler(_: c_int) {
    let (sp, size, flags) = asked();
    SEEN[0].store(sp, Relaxed);
    SEEN[1].store(size, Relaxed);
    FLAGS.store(flags, Relaxed);
    ERRNO.store(set(NONE).err().unwrap_or(0), Relaxed);
    RAN.store(true, Relaxed);
}

#[test]
fn a_handler_learns_on_which_stack_it_runs_and_cannot_change_it() {
    with_a_stack(|mine| {
        let ours = AltStack::install().unwrap();
        set(mine).unwrap();
        let (lo, hi) = ours.bounds();
        // SAFETY: the handler only asks and stores numbers.
        unsafe {
            let action = libc::sigaction {
                sa_sigaction: in_handler as *const () as usize,
                sa_flags: libc::SA_ONSTACK,
                ..zeroed()
            };
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, null_mut()), 0);
            assert_eq!(libc::raise(libc::SIGUSR1), 0);
        }
        assert!(RAN.load(Relaxed));
        assert_eq!((SEEN[0].load(Relaxed), SEEN[1].load(Relaxed)), (lo, hi - lo));
        assert_eq!((FLAGS.load(Relaxed), ERRNO.load(Relaxed)), (SS_ONSTACK, libc::EPERM));
        assert_eq!(asked(), mine, "nothing was noted");
        drop(ours);
        assert_eq!(kernel(), mine);
    });
}

/// What is past libc is not seen, but noticed at the next installation.
#[test]
fn a_stack_set_by_the_system_call_itself_gives_way_to_the_next_of_ours() {
    with_a_stack(|mine| {
        let ours = AltStack::install().unwrap();
        let installed = kernel();
        // SAFETY: the stack is there until the thread ends.
        assert_eq!(unsafe { libc::syscall(libc::SYS_sigaltstack, &stack(mine), null_mut::<stack_t>()) }, 0);
        assert_eq!(kernel(), mine);
        let again = AltStack::install().unwrap();
        assert_eq!((asked(), kernel()), (mine, installed));
        drop((ours, again));
        assert_eq!((asked(), kernel()), (mine, mine));
    });
}

/// std does this at the end of each thread, before the destructors of thread-locals.
#[test]
fn std_s_own_call_does_not_reach_the_kernel() {
    struct AtTheEnd(AltStack);
    static KERNEL: AtomicUsize = AtomicUsize::new(0);
    static ASKED: AtomicI32 = AtomicI32::new(0);
    static EXPECTED: AtomicUsize = AtomicUsize::new(0);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            KERNEL.store(kernel().0, Relaxed);
            ASKED.store(asked().2, Relaxed);
            EXPECTED.store(self.0.bounds().0, Relaxed);
        }
    }
    thread_local! {
        static AT_THE_END: AtTheEnd = AtTheEnd(AltStack::install().unwrap());
    }
    std::thread::spawn(|| AT_THE_END.with(|_| ())).join().unwrap();
    assert_ne!(EXPECTED.load(Relaxed), 0, "the destructor ran");
    assert_eq!(ASKED.load(Relaxed), SS_DISABLE, "std disabled it");
    assert_eq!(KERNEL.load(Relaxed), EXPECTED.load(Relaxed), "as it believes");
}
