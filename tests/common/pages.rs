//! Pages that can be made to fault.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::ptr;

pub const PAGE: usize = 4096;

/// Pages of one's own, at first readable and writable, and zero. They may be used by any thread at once.
pub struct Pages {
    start: usize,
    len: usize,
}

impl Pages {
    pub fn new(count: usize) -> Pages {
        Pages::map(count, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)
    }

    /// Those of a file, shared with it.
    pub fn of_file(count: usize, descriptor: i32) -> Pages {
        Pages::map(count, libc::MAP_SHARED, descriptor)
    }

    fn map(count: usize, flags: i32, descriptor: i32) -> Pages {
        let len = count * PAGE;
        // SAFETY: takes nothing that is in use.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, descriptor, 0) };
        assert_ne!(start, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        Pages { start: start as usize, len }
    }

    /// The address of the byte `offset` bytes behind the start.
    pub fn at(&self, offset: usize) -> *mut u8 {
        ptr::with_exposed_provenance_mut(self.start + offset)
    }

    pub fn protect(&self, page: usize, protection: i32) {
        // SAFETY: one of these pages, of which no test keeps references.
        assert_eq!(unsafe { libc::mprotect(self.at(page * PAGE).cast(), PAGE, protection) }, 0);
    }

    /// Maps a fresh page of zeros over one.
    pub fn renew(&self, page: usize) {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: as in `protect`.
        let at =
            unsafe { libc::mmap(self.at(page * PAGE).cast(), PAGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        assert_eq!(at, self.at(page * PAGE).cast());
    }

    /// Unmaps one. Nobody may map anything there meanwhile, so for processes in which nothing else goes on; others `protect`.
    pub fn unmap(&self, page: usize) {
        // SAFETY: as in `protect`.
        assert_eq!(unsafe { libc::munmap(self.at(page * PAGE).cast(), PAGE) }, 0);
    }

    /// Bytes of it, read by nobody else.
    pub fn slice(&self, offset: usize, len: usize) -> &[u8] {
        assert!(offset + len <= self.len);
        // SAFETY: inside; the tests look at readable pages.
        unsafe { std::slice::from_raw_parts(self.at(offset), len) }
    }

    pub fn fill(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.len);
        // SAFETY: inside; the tests write to writable pages.
        unsafe { self.at(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        unsafe { libc::munmap(self.start as *mut _, self.len) };
    }
}
