//! A signal handler returns through the page that holds nothing but the return from signal handlers.

use morestack::code;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};

/// The kernel's own form of an action: libc's functions put their own restorer in.
#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

const SA_RESTORER: u64 = 0x0400_0000;

/// Installs a handler that returns through `restorer`.
fn install(signal: i32, handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void), restorer: usize) {
    let flags = libc::SA_SIGINFO as u64 | libc::SA_ONSTACK as u64 | SA_RESTORER;
    let action = KernelAction { handler: handler as usize, flags, restorer, mask: 0 };
    let old = std::ptr::null_mut::<KernelAction>();
    // SAFETY: an action as the kernel wants it, with a mask of 8 bytes; the handlers of this test are fit to run at any moment.
    let status = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &raw const action, old, 8_usize) };
    assert_eq!(status, 0);
}

/// Where the handler with this context is going to return to: the word below the context, which is the first of the signal frame.
unsafe fn return_address(context: *mut c_void) -> usize {
    // SAFETY: as said, in a handler on x86-64 Linux.
    unsafe { *context.cast::<usize>().sub(1) }
}

#[test]
fn the_page_holds_nothing_else() {
    let page = code::sigreturn().unwrap();
    assert_eq!(page, code::sigreturn().unwrap(), "one for the process");
    assert_eq!(page.start % 4096, 0);
    // SAFETY: mapped for good.
    let bytes = unsafe { std::slice::from_raw_parts(page.start as *const u8, 4096) };
    // mov $15, %rax; syscall: the bytes by which debuggers know a signal frame.
    let expected = [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05];
    assert_eq!(&bytes[..page.end - page.start], expected);
    assert!(bytes[expected.len()..].iter().all(|&byte| byte == 0));
}

#[test]
fn a_handler_returns_through_it() {
    static RETURNS_TO: AtomicUsize = AtomicUsize::new(0);
    static TRACE_GOES_ON: AtomicBool = AtomicBool::new(false);
    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: the kernel's context.
        unsafe {
            RETURNS_TO.store(return_address(context), SeqCst);
            let pc = (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] as usize;
            // The unwinder finds the interrupted code behind the page. The signal is raised by the thread itself, so nothing of the
            // unwinder's is in the middle of something.
            backtrace::trace_unsynchronized(|frame| {
                if frame.ip() as usize == pc {
                    TRACE_GOES_ON.store(true, SeqCst);
                }
                true
            });
        }
    }
    let page = code::sigreturn().unwrap();
    install(libc::SIGUSR1, handler, page.start);
    for _ in 0..100 {
        RETURNS_TO.store(0, SeqCst);
        // SAFETY: there is a handler.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        // That we are here, it has returned.
        assert_eq!(RETURNS_TO.load(SeqCst), page.start);
    }
    assert!(TRACE_GOES_ON.load(SeqCst), "a trace leads from the handler to what it interrupted");
}

/// What the page is for: all system calls of a thread are caught but those from the page, so the handler that does it can return.
#[test]
fn by_its_address_it_is_told_from_all_other_system_calls() {
    // <linux/prctl.h>
    const PR_SET_SYSCALL_USER_DISPATCH: i32 = 59;
    const PR_SYS_DISPATCH_ON: usize = 1;
    const ALLOW: u8 = 0;
    const BLOCK: u8 = 1;
    static SELECTOR: AtomicU8 = AtomicU8::new(ALLOW);
    static CAUGHT: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
        // The call is answered here. The answer of the second one lets all calls through again, and is the last.
        let caught = CAUGHT.fetch_add(1, SeqCst) + 1;
        // SAFETY: the kernel's context.
        unsafe {
            (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RAX as usize] = 4000 + caught as i64
        };
    }
    let page = code::sigreturn().unwrap();
    install(libc::SIGSYS, handler, page.start);
    let results = std::thread::spawn(move || {
        // The kernel looks where the call returns to, which is behind its instruction.
        let (offset, len) = (page.start, page.end - page.start + 1);
        // SAFETY: from here on the kernel looks at the selector, which stays.
        let status = unsafe {
            let selector = SELECTOR.as_ptr();
            libc::prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, offset, len, selector)
        };
        if status != 0 {
            return None;
        }
        SELECTOR.store(BLOCK, SeqCst);
        let results = [0; 2].map(|_: i64| {
            let result: i64;
            // SAFETY: a call without arguments that does not reach the kernel's table of calls.
            unsafe {
                std::arch::asm!(
                    "syscall",
                    inlateout("rax") libc::SYS_getppid => result,
                    out("rcx") _,
                    out("r11") _,
                    options(nostack)
                )
            };
            result
        });
        SELECTOR.store(ALLOW, SeqCst);
        Some(results)
    });
    match results.join().unwrap() {
        None => println!("skipped: this kernel cannot catch system calls by address (Linux 5.11 and later can)"),
        Some(results) => {
            assert_eq!((results, CAUGHT.load(SeqCst)), ([4001, 4002], 2));
        }
    }
}
