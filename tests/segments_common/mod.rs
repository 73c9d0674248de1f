//! What the tests of the segment allocator share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use morestack::stack::{Segment, StackCache, debug};

/// Resident bytes of this process, without the pages of files: those of the program come when its code first runs.
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages = |field| statm.split(' ').nth(field).unwrap().parse::<usize>().unwrap();
    (pages(1) - pages(2)) * 4096
}

/// Mappings of this process.
pub fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// `full`, or `capped` under a debug mode that makes segments dear; says so.
pub fn scaled(full: usize, capped: usize) -> usize {
    let modes = debug::modes();
    if modes.fence || modes.poison {
        println!("debug mode: capped at {capped} instead of {full}");
        return capped;
    }
    full
}

/// The eight bytes at an address of a live segment.
pub fn word(address: usize) -> *mut u64 {
    std::ptr::with_exposed_provenance_mut(address)
}

/// Writes a pattern that depends on `seed` to one word in each 512 bytes of the top `used` bytes.
pub fn mark(segment: &Segment, used: usize, seed: u64) {
    for below in (8..=used).step_by(512) {
        // SAFETY: inside a segment that the caller owns.
        unsafe { word(segment.hi() - below).write(seed ^ below as u64) };
    }
}

/// Checks what [`mark`] wrote.
pub fn check(segment: &Segment, used: usize, seed: u64) {
    for below in (8..=used).step_by(512) {
        // SAFETY: inside a segment that the caller owns.
        assert_eq!(unsafe { word(segment.hi() - below).read() }, seed ^ below as u64, "{below} bytes below the top");
    }
}

/// The kernel's view of whether an address can be read: `write` to a pipe fails instead of faulting.
pub fn is_readable(address: usize) -> bool {
    let mut pipe = [0; 2];
    // SAFETY: plain system calls on descriptors of our own; the kernel checks the address.
    unsafe {
        assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
        let written = libc::write(pipe[1], std::ptr::with_exposed_provenance(address), 1);
        libc::close(pipe[0]);
        libc::close(pipe[1]);
        written == 1
    }
}

/// Runs one test of this binary alone in a process of its own, with an environment variable set that it can look for.
/// Returns false in that child.
pub fn in_child(test: &str, environment: &[(&str, &str)]) -> bool {
    const MARK: &str = "MORESTACK_TEST_CHILD";
    if std::env::var_os(MARK).is_some_and(|name| name == test) {
        return false;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(MARK, test);
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "child {test}: {}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "no test is called {test}:\n{out}");
    println!("{out}");
    true
}

pub fn relocated(cache: &mut StackCache, old: Segment, used: usize, size: usize) -> Segment {
    match cache.relocate(old, used, size) {
        Ok(new) => new,
        Err((old, error)) => {
            cache.free(old);
            panic!("relocate to {size}: {error}");
        }
    }
}

/// xorshift64*, so that a failure can be repeated from its printed seed.
pub struct Rng(u64);

impl Rng {
    /// Seeded by `MORESTACK_TEST_SEED` or the clock; prints the seed.
    pub fn new() -> Rng {
        let seed = match std::env::var("MORESTACK_TEST_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1,
        };
        println!("MORESTACK_TEST_SEED={seed}");
        Rng(seed)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}
