//! Goroutine stacks for Rust.

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")))]
compile_error!(
    "morestack runs on x86-64 Linux with glibc only (target x86_64-unknown-linux-gnu): its stack switching is written in \
     assembly for that target, and the guard slot %fs:0x70 is glibc's"
);

include!(concat!(env!("OUT_DIR"), "/macros.rs"));

#[doc(hidden)]
pub mod arch;
pub mod sched;
pub mod signal;
pub mod stack;
pub mod task;
