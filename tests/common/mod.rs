//! What several tests need: running a part of the test binary as a child process that may die.

#![allow(dead_code, reason = "each test binary uses a part")]

pub mod caps;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

const ROLE: &str = "MORESTACK_TEST_ROLE";

/// The role this process was started in by [`run_child`], if it is a child.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    pub signal: Option<i32>,
    pub code: Option<i32>,
    pub stderr: String,
}

/// Runs the test `name` of this binary in a process of its own, in the given role.
pub fn run_child(name: &str, role: &str) -> Ended {
    run_child_with(name, role, &[])
}

/// As [`run_child`], with further environment variables.
pub fn run_child_with(name: &str, role: &str, variables: &[(&str, &str)]) -> Ended {
    let out = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--include-ignored"])
        .env(ROLE, role)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Ended {
        signal: out.status.signal(),
        code: out.status.code(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

/// How many mappings this process has.
pub fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Resident bytes between two page addresses.
pub fn resident(lo: usize, hi: usize) -> usize {
    let mut pages = vec![0u8; (hi - lo) / 4096];
    // SAFETY: `mincore` writes one byte per page, which `pages` has.
    let status = unsafe { libc::mincore(lo as *mut _, hi - lo, pages.as_mut_ptr()) };
    assert_eq!(status, 0);
    pages.iter().filter(|&&page| page & 1 != 0).count() * 4096
}

/// Whether a read of `addr` would fault, found out without faulting.
pub fn faults(addr: usize) -> bool {
    let mut byte = 0u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: addr as *mut _, iov_len: 1 };
    // SAFETY: writes one byte to `byte`; bad addresses on the other side are reported.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    read != 1
}

/// Whether a debug mode is on.
pub fn debug_mode(word: &str) -> bool {
    cfg!(feature = "debug-modes")
        && std::env::var("MORESTACK_DEBUG").is_ok_and(|list| list.split(',').any(|mode| mode == word))
}

/// Limits this process to as much more address space as `bytes` says.
pub fn limit_address_space(bytes: usize) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let now = statm.split(' ').next().unwrap().parse::<usize>().unwrap() * 4096;
    let limit = (now + bytes) as libc::rlim_t;
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: the pointer is readable.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}
