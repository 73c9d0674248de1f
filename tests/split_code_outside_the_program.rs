//! Code that is not in the executable was not verified. So it runs on a big stack, whatever bytes it begins with: GCC's
//! `-fsplit-stack` puts the same check into shared libraries.

mod common;
#[path = "common/fresh.rs"]
mod fresh;

use fresh::task;
use std::hint::black_box;
use std::ptr;

/// `cmp %fs:0x70,%rsp; mov %rsp,%rax; ret`
const SHORT: &[u8] = &[0x64, 0x48, 0x3b, 0x24, 0x25, 0x70, 0, 0, 0, 0x48, 0x89, 0xe0, 0xc3];
/// `lea -256(%rsp),%r11; cmp %fs:0x70,%r11; mov %rsp,%rax; ret`
const LONG: &[u8] =
    &[0x4c, 0x8d, 0x9c, 0x24, 0, 0xff, 0xff, 0xff, 0x64, 0x4c, 0x3b, 0x1c, 0x25, 0x70, 0, 0, 0, 0x48, 0x89, 0xe0, 0xc3];

/// The code in memory of its own, never unmapped, as in a shared library.
fn loaded(code: &[u8]) -> extern "C" fn() -> usize {
    const PAGE: usize = 4096;
    let (writable, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: fresh memory of a page, larger than the code, which is a function of that signature.
    unsafe {
        let page = libc::mmap(ptr::null_mut(), PAGE, writable, private, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        page.cast::<u8>().copy_from(code.as_ptr(), code.len());
        assert_eq!(libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_EXEC), 0);
        std::mem::transmute(page)
    }
}

#[test]
fn runs_on_a_big_stack() {
    for code in [SHORT, LONG] {
        let function = loaded(code);
        let far = task(move || {
            let local = 0_u8;
            let here = (&raw const local).addr();
            here.abs_diff(black_box(function)()) > 1 << 16
        });
        assert_eq!(far, cfg!(morestack_split));
    }
}
