//! A stack that was used deeply does not keep its memory once it is back in the pool, and keeps its guard.

mod common;

use morestack::stack::big::{BigStack, DEFAULT_SIZE, KEEP_BYTES, KEEP_WARM, stats};

fn use_all(stack: &BigStack) {
    // SAFETY: the stack is owned and nobody runs on it.
    unsafe { std::ptr::write_bytes(stack.lo() as *mut u8, 0xa5, stack.size()) };
}

#[test]
fn and_its_guard_stays() {
    let stack = BigStack::new(Some(1 << 20)).unwrap();
    let (lo, hi) = (stack.lo(), stack.hi());
    use_all(&stack);
    assert_eq!(common::resident(lo, hi), hi - lo);
    let trims = stats().trims;
    drop(stack);
    assert!(stats().trims > trims);
    assert!(common::faults(lo - 1), "the guard survives");
    if !common::debug_mode("fence") {
        assert_eq!(common::resident(lo, hi), KEEP_BYTES);
        let again = BigStack::new(Some(1 << 20)).unwrap();
        assert_eq!(again.hi(), hi, "a warm stack is taken before a new one");
        // SAFETY: the stack is owned and nobody runs on it.
        assert_eq!(unsafe { *(lo as *const u8) }, 0, "what was given back reads as zero");
    }
}

#[test]
fn a_pool_keeps_a_bounded_number_warm() {
    let size = Some(40 * 1024);
    let stacks: Vec<_> = (0..KEEP_WARM + 100).map(|_| BigStack::new(size).unwrap()).collect();
    stacks.iter().for_each(use_all);
    let bounds: Vec<_> = stacks.iter().map(|stack| (stack.lo(), stack.hi())).collect();
    drop(stacks);
    let kept: usize = bounds.iter().map(|&(lo, hi)| common::resident(lo, hi)).sum();
    let limit = if common::debug_mode("fence") { 0 } else { KEEP_WARM * KEEP_BYTES };
    assert!(kept <= limit, "{kept} bytes kept");
}

#[test]
fn when_its_thread_ends_at_the_latest() {
    let (lo, hi) = std::thread::spawn(|| {
        let stack = BigStack::new(None).unwrap();
        assert!(stack.size() >= DEFAULT_SIZE || std::env::var_os("RUST_MIN_STACK").is_some());
        use_all(&stack);
        (stack.lo(), stack.hi())
    })
    .join()
    .unwrap();
    assert!(common::resident(lo, hi) <= KEEP_BYTES);
}

#[test]
fn a_guard_is_inherited_by_a_fork() {
    let stack = BigStack::new(Some(1 << 20)).unwrap();
    let lo = stack.lo();
    // SAFETY: the child makes system calls only, and ends without running anything else.
    unsafe {
        match libc::fork() {
            0 => libc::_exit(i32::from(!common::faults(lo - 1) || common::faults(lo))),
            child => {
                let mut status = -1;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                assert_eq!(status, 0);
            }
        }
    }
}
