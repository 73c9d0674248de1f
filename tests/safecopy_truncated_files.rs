//! A mapped file that has become shorter: what lies behind its last page ends a copy with SIGBUS.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/pages.rs"]
mod pages;

use everywhere::everywhere;
use morestack::safecopy::{self, Cause, Fault};
use pages::{PAGE, Pages};
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};

#[test]
fn end_a_copy_with_sigbus() {
    everywhere(|| {
        // SAFETY: makes a descriptor, which is nobody else's.
        let file = unsafe { File::from_raw_fd(libc::memfd_create(c"truncated".as_ptr(), 0)) };
        file.set_len(3 * PAGE as u64).unwrap();
        let pages = Pages::of_file(3, file.as_raw_fd());
        pages.fill(0, &[7; 3 * PAGE]);
        let (mut to, from) = (vec![1; 3 * PAGE], vec![9; 3 * PAGE]);
        assert_eq!(safecopy::copy_in(&mut to, pages.at(0)), Ok(()));
        assert!(to.iter().all(|&byte| byte == 7));

        // Within a page, what is behind the end reads as zeros.
        file.set_len(PAGE as u64 + 10).unwrap();
        let ends = |got: Result<(), Fault>, done: usize| {
            let fault = got.expect_err("the file ends");
            let address = pages.at(2 * PAGE).addr();
            assert_eq!((fault.address, fault.cause, fault.done), (address, Cause::Bus, done));
            assert_eq!(fault.cause.signal(), Some(libc::SIGBUS));
        };
        to.fill(1);
        for begin in [0, 1, PAGE - 1, PAGE + 5, 2 * PAGE - 300, 2 * PAGE - 1, 2 * PAGE] {
            let done = 2 * PAGE - begin;
            ends(safecopy::copy_in(&mut to[begin..], pages.at(begin)), done);
            assert!(to[begin..2 * PAGE] == *pages.slice(begin, done));
            assert!(to[2 * PAGE..].iter().all(|&byte| byte == 1));
            // SAFETY: the file is this test's.
            unsafe {
                ends(safecopy::copy_out(pages.at(begin), &from[begin..]), done);
                assert!(pages.slice(begin, done).iter().all(|&byte| byte == 9));
                ends(safecopy::zero(pages.at(begin), 3 * PAGE - begin), done);
                assert!(pages.slice(begin, done).iter().all(|&byte| byte == 0));
            }
        }
        let last = pages.at(2 * PAGE);
        ends(safecopy::load_u32(last.cast()).map(drop), 0);
        // SAFETY: as above.
        unsafe {
            ends(safecopy::swap_u32(last.cast(), 1).map(drop), 0);
            ends(safecopy::swap_u64(last.cast(), 1).map(drop), 0);
            ends(safecopy::compare_and_swap_u32(last.cast(), 0, 1).map(drop), 0);
        }
        // It comes back with the file.
        file.set_len(3 * PAGE as u64).unwrap();
        assert_eq!(safecopy::copy_in(&mut to, pages.at(0)), Ok(()));
    });
}
