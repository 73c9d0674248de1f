//! A recursion in a task whose end no stack reaches.

use morestack::thread;
use std::hint::black_box;

#[inline(never)]
fn endless(n: usize) -> usize {
    if n == usize::MAX {
        return n;
    }
    let mut a = [0; 27];
    a[n & 15] = n;
    let a = black_box(&mut a);
    endless(n + 1).wrapping_add(a[n & 7])
}

/// Does not return: the stack's guard ends the process with a report that names the task and the limit.
pub fn run() {
    let task = thread::Builder::new().name("endless".into()).spawn(|| endless(black_box(0)));
    let ended = task.expect("a small task").join();
    println!("the recursion has ended: {ended:?}");
}
