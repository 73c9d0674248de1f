//! The functions of tests/asm/tasks.s. Who uses them exports `tasks.rust`.

#![allow(dead_code, reason = "each test binary uses a part")]

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/tasks.s"))
);

morestack::mapped! {
    unsafe extern "ABI0" {
        /// Descends n frames.
        pub fn count(n: u64) -> u64 = "deep.count";
        /// The sum.
        pub fn add(a: u64, b: u64) -> u64 = "tasks.add";
        /// Raises the counter n times and gives way after each; returns by how much others have raised it meanwhile.
        pub fn bump(counter: *mut u64, n: u64) -> u64 = "tasks.bump";
        /// Parks n times, and raises the counter before each.
        pub fn sleep(counter: *mut u64, n: u64) -> u64 = "tasks.sleep";
        /// Calls the export `tasks.rust` twice.
        pub fn rust_twice(n: u64) -> u64 = "tasks.rust_twice";
    }
}
