//! Addresses and lengths that cannot be right: an error each, with the address, and nothing has changed.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/pages.rs"]
mod pages;

use everywhere::everywhere;
use morestack::safecopy::{self, Cause, Fault};
use pages::{PAGE, Pages};
use std::ptr;

fn at<T>(address: usize) -> *mut T {
    ptr::with_exposed_provenance_mut(address)
}

/// Where nothing is: null and what is near it, what is not canonical at either end and in the middle, the kernel's half, the last.
const NOWHERE: [usize; 9] = [
    0,
    8,
    0x1230,
    0x0000_8000_0000_0000,
    0x1234_5678_9abc_def0,
    0xffff_7fff_ffff_fff8,
    0xffff_8000_0000_0000,
    0xffff_ffff_8000_0000,
    usize::MAX - 7,
];

fn ends_at<T: std::fmt::Debug>(got: Result<T, Fault>, address: usize) {
    let fault = got.expect_err("nothing is there");
    assert_eq!((fault.address, fault.cause, fault.done), (address, Cause::Segv, 0));
    assert_eq!(fault.cause.signal(), Some(libc::SIGSEGV));
}

#[test]
fn nowhere() {
    everywhere(|| {
        let mut buffer = [7; 300];
        for address in NOWHERE {
            for len in [1, 2, 4, 7, 8] {
                ends_at(safecopy::copy_in(&mut buffer[..len], at(address)), address);
                // SAFETY: nothing is there to be written to.
                unsafe {
                    ends_at(safecopy::copy_out(at(address), &buffer[..len]), address);
                    ends_at(safecopy::copy(at(address), at(address), len), address);
                    ends_at(safecopy::zero(at(address), len), address);
                }
            }
            ends_at(safecopy::load_u32(at(address)), address);
            // SAFETY: as above.
            unsafe {
                ends_at(safecopy::swap_u32(at(address), 1), address);
                ends_at(safecopy::swap_u64(at(address), 1), address);
                ends_at(safecopy::compare_and_swap_u32(at(address), 0, 1), address);
            }
        }
        for address in &NOWHERE[..8] {
            ends_at(safecopy::copy_in(&mut buffer, at(*address)), *address);
        }
        assert!(buffer.iter().all(|&byte| byte == 7));
    });
}

#[test]
fn no_bytes_are_always_there() {
    for address in NOWHERE.into_iter().chain([usize::MAX]) {
        assert_eq!(safecopy::copy_in(&mut [], at(address)), Ok(()));
        // SAFETY: nothing is written.
        unsafe {
            assert_eq!(safecopy::copy_out(at(address), &[]), Ok(()));
            assert_eq!(safecopy::copy(at(address), at(address), 0), Ok(()));
            assert_eq!(safecopy::zero(at(address), 0), Ok(()));
        }
    }
}

#[test]
fn lengths_that_wrap() {
    everywhere(|| {
        let pages = Pages::new(2);
        pages.fill(0, &[7; 2 * PAGE]);
        let here = pages.at(100);
        let mut buffer = [7; 64];
        let wraps = |got: Result<(), Fault>, address: usize| {
            let fault = got.expect_err("it wraps");
            assert_eq!((fault.address, fault.cause, fault.done), (address, Cause::Wraps, 0));
            assert_eq!(fault.cause.signal(), None);
        };
        wraps(safecopy::copy_in(&mut buffer, at(usize::MAX - 10)), usize::MAX - 10);
        // SAFETY: refused.
        unsafe {
            wraps(safecopy::zero(here, usize::MAX), here.addr());
            wraps(safecopy::zero(here, usize::MAX - here.addr() + 2), here.addr());
            wraps(safecopy::copy(here, pages.at(0), usize::MAX), pages.at(0).addr());
            wraps(safecopy::copy(at(usize::MAX), pages.at(0), 2), usize::MAX);
            wraps(safecopy::copy_out(at(usize::MAX - 62), &buffer), usize::MAX - 62);
        }
        // The very last byte is an address like others.
        ends_at(safecopy::copy_in(&mut buffer, at(usize::MAX - 63)), usize::MAX - 63);
        ends_at(safecopy::copy_in(&mut buffer[..1], at(usize::MAX)), usize::MAX);
        assert!(pages.slice(0, 2 * PAGE).iter().chain(&buffer).all(|&byte| byte == 7));
    });
}

#[test]
fn words_that_are_not_aligned() {
    let pages = Pages::new(1);
    for offset in 0..16 {
        let (four, eight) = (pages.at(offset).cast::<u32>(), pages.at(offset).cast::<u64>());
        let expect = |got: Result<u64, Fault>, alignment: usize| match got {
            Ok(word) => assert!(offset.is_multiple_of(alignment) && word == 0),
            Err(fault) => {
                assert!(!offset.is_multiple_of(alignment));
                let address = pages.at(offset).addr();
                assert_eq!((fault.address, fault.cause, fault.done), (address, Cause::Misaligned { alignment }, 0));
                assert_eq!(fault.cause.signal(), None);
            }
        };
        expect(safecopy::load_u32(four).map(u64::from), 4);
        // SAFETY: the page is this test's; they exchange zeros.
        unsafe {
            expect(safecopy::swap_u32(four, 0).map(u64::from), 4);
            expect(safecopy::swap_u64(eight, 0), 8);
            expect(safecopy::compare_and_swap_u32(four, 0, 0).map(u64::from), 4);
        }
    }
    // Misaligned comes before not there.
    assert!(matches!(safecopy::load_u32(at(1)).unwrap_err().cause, Cause::Misaligned { .. }));
}

#[test]
fn what_may_only_be_read() {
    let pages = Pages::new(1);
    pages.fill(0, &[7; PAGE]);
    pages.protect(0, libc::PROT_READ);
    let start = pages.at(0).addr();
    assert_eq!(safecopy::load_u32(pages.at(0).cast()), Ok(0x0707_0707));
    // SAFETY: refused by the page.
    unsafe {
        ends_at(safecopy::zero(pages.at(0), 100), start);
        ends_at(safecopy::copy_out(pages.at(0), &[1; 100]), start);
        ends_at(safecopy::swap_u32(pages.at(0).cast(), 1), start);
        ends_at(safecopy::swap_u64(pages.at(0).cast(), 1), start);
        // A comparison that fails is a write all the same.
        ends_at(safecopy::compare_and_swap_u32(pages.at(0).cast(), 1, 2), start);
    }
    assert!(pages.slice(0, PAGE).iter().all(|&byte| byte == 7));
}

#[test]
fn faults_say_what_happened() {
    let fault = safecopy::copy_in(&mut [0; 4], at(0x1230)).unwrap_err();
    assert_eq!(fault.to_string(), "SIGSEGV at 0x1230, after 0 bytes");
    let fault = safecopy::load_u32(at(0x1231)).unwrap_err();
    assert_eq!(fault.to_string(), "misaligned access (to a multiple of 4) at 0x1231, after 0 bytes");
}
