//! Copies in handlers of signals: in the middle of other copies, in a handler of the very signal, with the signals blocked.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/pages.rs"]
mod pages;

use everywhere::everywhere;
use libc::{c_int, c_void, siginfo_t};
use morestack::safecopy;
use morestack::sigstack::AltStack;
use pages::{PAGE, Pages};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Handlers are the process's: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

fn install(signal: c_int, handler: usize, flags: c_int) -> libc::sigaction {
    // SAFETY: all zeros is an action with an empty mask; the handlers below are async-signal-safe.
    unsafe {
        let action = libc::sigaction { sa_sigaction: handler, sa_flags: flags, ..std::mem::zeroed() };
        let mut old = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal, &action, &mut old), 0);
        old
    }
}

/// Two pages that are there and one that is not.
fn edge() -> Pages {
    let pages = Pages::new(3);
    pages.fill(0, &[7; 2 * PAGE]);
    pages.protect(2, libc::PROT_NONE);
    pages
}

/// A copy over the edge; whether all about it is right.
fn copies_over(pages: &Pages, good: usize) -> bool {
    let mut to = [1; 800];
    let len = good + 100;
    let Err(fault) = safecopy::copy_in(&mut to[..len], pages.at(2 * PAGE - good)) else { return false };
    fault.done == good && to[..good].iter().all(|&byte| byte == 7) && to[good..].iter().all(|&byte| byte == 1)
}

static EDGE: AtomicPtr<Pages> = AtomicPtr::new(ptr::null_mut());
static HANDLED: AtomicUsize = AtomicUsize::new(0);
static WRONG: AtomicUsize = AtomicUsize::new(0);

extern "C" fn on_alarm(_: c_int) {
    // SAFETY: the test has put it there, for good.
    let pages = unsafe { &*EDGE.load(Ordering::Acquire) };
    let handled = HANDLED.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the address of this thread's errno is always valid.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    // SAFETY: as above.
    if !copies_over(pages, handled % 700) || unsafe { *errno } != before {
        WRONG.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn that_interrupt_copies() {
    let _turn = TURN.lock();
    EDGE.store(Box::into_raw(Box::new(edge())), Ordering::Release);
    install(libc::SIGALRM, on_alarm as *const () as usize, libc::SA_RESTART);
    everywhere(|| {
        // The handler and the fault in it need more than what std gives to threads.
        let _alternate = AltStack::install().unwrap();
        let pages = edge();
        let start = HANDLED.load(Ordering::Relaxed);
        // SAFETY: without preconditions.
        let copying = unsafe { libc::pthread_self() };
        let sending = std::thread::spawn(move || {
            for sent in start..start + 500 {
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(copying, libc::SIGALRM) };
                while HANDLED.load(Ordering::Relaxed) <= sent {
                    std::thread::yield_now();
                }
            }
        });
        for good in (0..600).cycle() {
            assert!(copies_over(&pages, good), "{good}");
            if sending.is_finished() {
                break;
            }
        }
        sending.join().unwrap();
    });
    assert_eq!(WRONG.load(Ordering::Relaxed), 0);
}

/// What a handler for faults found at the address that it was told of, + 1; or that it could not be read.
static FOUND: AtomicUsize = AtomicUsize::new(0);
const UNREADABLE: usize = usize::MAX;

/// Looks at the memory around the fault, as a crash reporter does, and lets the faulting instruction be done again elsewhere.
extern "C" fn look(_: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's arguments; the instruction reads through %rdi.
    unsafe {
        let at = (*info).si_addr() as usize;
        let mut byte = [0];
        let read = |byte: &mut [u8], at| {
            safecopy::with_faults_unblocked(|| safecopy::copy_in(byte, ptr::with_exposed_provenance(at)))
        };
        let below = read(&mut byte, at - 1).map_or(UNREADABLE, |()| usize::from(byte[0]) + 1);
        let here = read(&mut byte, at).map_or(UNREADABLE, |()| usize::from(byte[0]) + 1);
        assert_eq!(here, UNREADABLE);
        FOUND.store(below, Ordering::Relaxed);
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        registers[libc::REG_RDI as usize] = (&raw const READABLE) as i64;
    }
}

static READABLE: u8 = 99;

/// Reads by an instruction whose address is in %rdi.
fn read_byte(at: *const u8) -> u8 {
    let byte: u32;
    // SAFETY: faults only where a handler lets it go on elsewhere.
    unsafe { std::arch::asm!("movzx {:e}, byte ptr [rdi]", out(reg) byte, inout("rdi") at => _, options(nostack)) };
    byte as u8
}

#[test]
fn of_the_same_signal() {
    let _turn = TURN.lock();
    for flags in [libc::SA_SIGINFO, libc::SA_SIGINFO | libc::SA_NODEFER] {
        let old = install(libc::SIGSEGV, look as *const () as usize, flags);
        everywhere(|| {
            let _alternate = AltStack::install().unwrap();
            let pages = edge();
            FOUND.store(0, Ordering::Relaxed);
            assert_eq!(read_byte(pages.at(2 * PAGE)), READABLE);
            assert_eq!(FOUND.load(Ordering::Relaxed), 7 + 1);
            // And copies go on to work around it.
            assert!(copies_over(&pages, 77));
        });
        // SAFETY: what was there before.
        unsafe { libc::sigaction(libc::SIGSEGV, &old, ptr::null_mut()) };
    }
}

/// The handler is called with everything else blocked, as many are.
extern "C" fn with_all_blocked(_: c_int) {
    // SAFETY: the test has put it there, for good.
    let pages = unsafe { &*EDGE.load(Ordering::Acquire) };
    let right = safecopy::with_faults_unblocked(|| copies_over(pages, 300));
    FOUND.store(right.into(), Ordering::Relaxed);
}

#[test]
fn with_all_signals_blocked() {
    let _turn = TURN.lock();
    EDGE.store(Box::into_raw(Box::new(edge())), Ordering::Release);
    // SAFETY: initialises the mask and installs a handler that is async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = with_all_blocked as *const () as usize;
        libc::sigfillset(&mut action.sa_mask);
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
    }
    everywhere(|| {
        let _alternate = AltStack::install().unwrap();
        FOUND.store(0, Ordering::Relaxed);
        // SAFETY: to this thread.
        unsafe { libc::raise(libc::SIGUSR1) };
        assert_eq!(FOUND.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn the_mask_comes_back() {
    std::thread::spawn(|| {
        let blocked = || {
            let mut now = std::mem::MaybeUninit::uninit();
            // SAFETY: only asks, and the pointer is writable.
            unsafe {
                libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), now.as_mut_ptr());
                [libc::SIGSEGV, libc::SIGBUS, libc::SIGUSR2].map(|signal| libc::sigismember(now.as_ptr(), signal) == 1)
            }
        };
        // SAFETY: initialises the mask; this thread ends with it.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigaddset(&mut set, libc::SIGSEGV);
            libc::sigaddset(&mut set, libc::SIGUSR2);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
        }
        let pages = edge();
        assert!(safecopy::with_faults_unblocked(|| blocked() == [false, false, true] && copies_over(&pages, 9)));
        assert_eq!(blocked(), [true, false, true]);
        let panicked =
            std::panic::catch_unwind(|| safecopy::with_faults_unblocked(|| std::panic::resume_unwind(Box::new(()))));
        assert!(panicked.is_err());
        assert_eq!(blocked(), [true, false, true]);
    })
    .join()
    .unwrap();
}
