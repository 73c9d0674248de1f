//! Copies that meet a page that is not there: at every byte from 0 to 512, with every length, at either end and at both. What is
//! reported and what arrives is compared with a reference.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/pages.rs"]
mod pages;
#[path = "common/seed.rs"]
mod seed;

use everywhere::everywhere;
use morestack::safecopy::{self, Cause, Fault};
use pages::{PAGE, Pages};
use rand::Rng;

/// The longest copy, and the furthest from the page's end.
const MOST: usize = 512;
/// What is in memory that nothing has been copied to.
const FILLER: u8 = 0xee;

/// A good page with a bad one behind it, or before it.
struct Edge {
    pages: Pages,
    good: usize,
}

impl Edge {
    fn bad_behind() -> Edge {
        let pages = Pages::new(2);
        pages.protect(1, libc::PROT_NONE);
        Edge { pages, good: 0 }
    }

    fn bad_before() -> Edge {
        let pages = Pages::new(2);
        pages.protect(0, libc::PROT_NONE);
        Edge { pages, good: PAGE }
    }

    fn fill(&self, byte: impl Fn(usize) -> u8) {
        let bytes: Vec<u8> = (0..PAGE).map(byte).collect();
        self.pages.fill(self.good, &bytes);
    }

    /// The address with so many good bytes before the edge.
    fn before(&self, good: usize) -> *mut u8 {
        self.pages.at(PAGE - good)
    }

    /// The bytes around where `before(good)` is, as many as a copy could reach and more.
    fn content(&self) -> &[u8] {
        self.pages.slice(self.good, PAGE)
    }
}

/// The bytes of the source: no two neighbours, and no two at the distance of a block, are alike.
fn pattern(i: usize) -> u8 {
    (i % 251) as u8
}

fn segv(address: *const u8, done: usize) -> Result<(), Fault> {
    let fault = safecopy::copy_in(&mut [0], address).unwrap_err();
    assert_eq!((fault.cause, fault.done), (Cause::Segv, 0), "what this compares with is a fault");
    Err(with_done(fault, done))
}

/// `Fault` can be compared, but not made, outside the crate.
fn with_done(mut fault: Fault, done: usize) -> Fault {
    fault.done = done;
    fault
}

/// In the widths that this processor has.
fn each_width(body: fn()) {
    for width in safecopy::__widths() {
        println!("blocks of {width} bytes");
        safecopy::__use_width(width);
        body();
    }
}

#[test]
fn at_the_source() {
    each_width(|| everywhere(source));
}

fn source() {
    let edge = Edge::bad_behind();
    edge.fill(pattern);
    let mut to = [FILLER; MOST + 64];
    for good in 0..=MOST {
        for len in 0..=MOST {
            let from = edge.before(good);
            // An odd place, so that neither is aligned.
            let got = safecopy::copy_in(&mut to[3..3 + len], from);
            let done = len.min(good);
            let expected = if done == len { Ok(()) } else { segv(edge.before(0), done) };
            assert_eq!(got, expected, "{good} good of {len}");
            assert!(to[3..3 + done].iter().enumerate().all(|(i, &byte)| byte == pattern(PAGE - good + i)), "{good} of {len}");
            assert!(to[..3].iter().chain(&to[3 + done..]).all(|&byte| byte == FILLER), "{good} good of {len}");
            to[3..3 + done].fill(FILLER);
        }
    }
}

#[test]
fn at_the_destination() {
    each_width(|| everywhere(destination));
}

fn destination() {
    let edge = Edge::bad_behind();
    edge.fill(|_| FILLER);
    let from: Vec<u8> = (0..MOST + 64).map(pattern).collect();
    for good in 0..=MOST {
        for len in 0..=MOST {
            let to = edge.before(good);
            // SAFETY: the pages are this test's.
            let copied = unsafe { safecopy::copy_out(to, &from[5..5 + len]) };
            let done = len.min(good);
            let expected = if done == len { Ok(()) } else { segv(edge.before(0), done) };
            assert_eq!(copied, expected, "{good} good of {len}");
            expect(&edge, good, done, |i| pattern(5 + i));
            // SAFETY: as above.
            assert_eq!(unsafe { safecopy::zero(to, len) }, expected, "{good} good of {len}");
            expect(&edge, good, done, |_| 0);
            edge.pages.fill(PAGE - good, &[FILLER; MOST][..done]);
        }
    }
}

/// The `done` bytes from `before(good)` are so, and the others are not touched.
fn expect(edge: &Edge, good: usize, done: usize, byte: impl Fn(usize) -> u8) {
    let begin = PAGE - good;
    let content = edge.content();
    assert!(content[begin..begin + done].iter().enumerate().all(|(i, &found)| found == byte(i)), "{done} of {good}");
    // What lies further off than any copy reaches needs no look each time.
    let others = content[PAGE - MOST - 64..begin].iter().chain(&content[begin + done..]);
    assert!(others.into_iter().all(|&found| found == FILLER), "{done} of {good}");
}

#[test]
fn at_both() {
    each_width(|| everywhere(both));
}

fn both() {
    let mut random = seed::generator(seed::seed(), 0);
    let (source, destination) = (Edge::bad_behind(), Edge::bad_behind());
    source.fill(pattern);
    destination.fill(|_| FILLER);
    for readable in 0..=MOST {
        for len in 0..=MOST {
            // Half of them at the same byte, or next to it.
            let writable = match random.random_range(0..6) {
                0 => readable,
                1 => readable + 1,
                2 => readable.saturating_sub(1),
                _ => random.random_range(0..=MOST),
            }
            .min(MOST);
            // SAFETY: the pages are this test's.
            let got = unsafe { safecopy::copy(destination.before(writable), source.before(readable), len) };
            let done = len.min(readable).min(writable);
            let expected = match done {
                _ if done == len => Ok(()),
                _ if done == readable => segv(source.before(0), done),
                _ => segv(destination.before(0), done),
            };
            assert_eq!(got, expected, "{readable} readable and {writable} writable of {len}");
            expect(&destination, writable, done, |i| pattern(PAGE - readable + i));
            destination.pages.fill(PAGE - writable, &[FILLER; MOST][..done]);
        }
    }
}

#[test]
fn nothing_behind_a_bad_page_is_touched() {
    each_width(|| {
        let edge = Edge::bad_before();
        edge.fill(|_| FILLER);
        let from = [1; 2 * MOST];
        let mut to = [FILLER; 2 * MOST];
        for bad in 1..=MOST {
            for len in bad..=bad + MOST.min(130) {
                let at = edge.before(bad);
                // SAFETY: the pages are this test's.
                unsafe {
                    assert_eq!(safecopy::copy_out(at, &from[..len]), segv(at, 0));
                    assert_eq!(safecopy::zero(at, len), segv(at, 0));
                }
                assert_eq!(safecopy::copy_in(&mut to[..len], at), segv(at, 0));
            }
        }
        assert!(edge.content().iter().chain(&to).all(|&byte| byte == FILLER));
    });
}

#[test]
fn long_copies_end_at_the_same_byte() {
    each_width(|| {
        let mut random = seed::generator(seed::seed(), 1);
        let pages = 64;
        let source = Pages::new(pages + 1);
        let bytes: Vec<u8> = (0..pages * PAGE).map(pattern).collect();
        source.fill(0, &bytes);
        source.protect(pages, libc::PROT_NONE);
        let mut to = vec![FILLER; pages * PAGE + 2 * MOST];
        // From a length on, the string instructions do it.
        for strings_from in [usize::MAX, 1024] {
            safecopy::__use_strings_from(strings_from);
            for _ in 0..500 {
                let (begin, skip) = (random.random_range(0..pages * PAGE), random.random_range(0..64));
                let (good, len) = (pages * PAGE - begin, pages * PAGE - begin + random.random_range(0..MOST));
                let expected = if good == len { Ok(()) } else { segv(source.at(pages * PAGE), good) };
                assert_eq!(safecopy::copy_in(&mut to[skip..skip + len], source.at(begin)), expected);
                assert!(to[skip..skip + good] == bytes[begin..]);
                assert!(to[..skip].iter().chain(&to[skip + good..]).all(|&byte| byte == FILLER));
                to[skip..skip + good].fill(FILLER);
            }
        }
    });
}
