//! Memory for code.

use crate::task::CodeRange;
use std::io;
use std::ptr;

/// Memory with code in it: written once, and executable from then on. At no moment is it both writable and executable.
///
/// Dropping it unmaps the code. Nothing here knows who runs in it: whoever calls it answers for that it stays, as every call through an
/// address is `unsafe` anyway. Where it must stay for good, there is [`leak`](Text::leak).
#[derive(Debug)]
pub struct Text {
    /// Whole pages.
    base: *mut u8,
    mapped: usize,
    /// Bytes of code at its beginning.
    len: usize,
}

// SAFETY: the memory belongs to the value, and after it was made nobody writes there.
unsafe impl Send for Text {}
// SAFETY: as above; what others can do with a reference is to ask for addresses.
unsafe impl Sync for Text {}

impl Text {
    /// Maps `len` bytes, lets `fill` write them, and makes them executable. `fill` gets them, zero so far, and the address at which they
    /// will be run, which is where they are.
    ///
    /// ```
    /// // mov eax, 42; ret
    /// let text = morestack::code::Text::new(6, |bytes, _| bytes.copy_from_slice(&[0xb8, 42, 0, 0, 0, 0xc3]))?;
    /// // SAFETY: the code follows the calling convention, takes nothing, returns an integer, and `text` lives until it has.
    /// let answer: extern "C" fn() -> i32 = unsafe { std::mem::transmute(text.code().start) };
    /// assert_eq!(answer(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the kernel says to a mapping of that size (`InvalidInput` for 0), and to making it executable, which it may be configured
    /// to refuse.
    pub fn new(len: usize, fill: impl FnOnce(&mut [u8], usize)) -> io::Result<Text> {
        let mapped = match len.checked_next_multiple_of(crate::stack::layout::PAGE) {
            Some(mapped) if len > 0 => mapped,
            _ => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
        };
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh mapping, anywhere.
        let base = unsafe { libc::mmap(ptr::null_mut(), mapped, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let text = Text { base: base.cast(), mapped, len };
        // SAFETY: the mapping is this large and nobody else's. If `fill` panics, `text` unmaps it.
        fill(unsafe { std::slice::from_raw_parts_mut(text.base, len) }, text.base.expose_provenance());
        // SAFETY: it is ours, and nobody refers to it as something that can be written any more. x86 processors see new code at an
        // address where none of them has run any before.
        match unsafe { libc::mprotect(base, mapped, libc::PROT_READ | libc::PROT_EXEC) } {
            0 => Ok(text),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Where the code is.
    pub fn code(&self) -> CodeRange {
        let start = self.base.addr();
        CodeRange { start, end: start + self.len }
    }

    /// The code.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: mapped, readable, and never written again.
        unsafe { std::slice::from_raw_parts(self.base, self.len) }
    }

    /// Leaves the code where it is for good.
    pub fn leak(self) -> CodeRange {
        std::mem::ManuallyDrop::new(self).code()
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        // SAFETY: ours; that nobody runs there any more, those who called it have promised.
        unsafe { libc::munmap(self.base.cast(), self.mapped) };
    }
}
