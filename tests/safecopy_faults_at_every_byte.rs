//! Copies that meet a page that is not there: at every byte from 0 to 512, with every length, at either end and at both. What is
//! reported and what arrives is compared with a reference.

#[path = "common/pages.rs"]
mod pages;
#[path = "common/seed.rs"]
mod seed;

use morestack::safecopy::{self, Cause, Fault};
use pages::{PAGE, Pages};
use rand::Rng;
use std::sync::Mutex;

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

/// The fault of a copy that meets the bad page behind `edge` after `done` bytes. `Fault` can be compared, but not made, outside its crate.
fn segv(edge: &Edge) -> impl Fn(usize) -> Result<(), Fault> {
    let first = safecopy::copy_in(&mut [0], edge.before(0)).unwrap_err();
    assert_eq!((first.address, first.cause, first.done), (edge.before(0).addr(), Cause::Segv, 0));
    move |done| {
        let mut fault = first;
        fault.done = done;
        Err(fault)
    }
}

/// How a copy goes about it is chosen by the processor. The best way is the one that is used: it is tried everywhere, with each length.
/// Those of lesser processors are tried with a fifth of the lengths for each offset.
fn each_width(body: fn(usize)) {
    let widths = safecopy::__widths();
    let (best, lesser) = widths.split_last().expect("there is one");
    for width in lesser {
        println!("blocks of {width} bytes");
        safecopy::__use_width(*width);
        body(5);
    }
    println!("blocks of {best} bytes");
    safecopy::__use_width(*best);
    std::thread::scope(|scope| scope.spawn(|| body(1)).join().unwrap());
    morestack::thread::spawn(move || body(1)).join().unwrap();
}

/// Every so many lengths, others for each offset.
fn lengths(offset: usize, step: usize) -> impl Iterator<Item = usize> {
    (offset % step..=MOST).step_by(step)
}

/// The widths are the process's.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn at_the_source() {
    let _turn = TURN.lock();
    each_width(source);
}

fn source(step: usize) {
    let edge = Edge::bad_behind();
    edge.fill(pattern);
    let segv = segv(&edge);
    let bytes: Vec<u8> = edge.content().to_vec();
    let untouched = [FILLER; MOST + 64];
    let mut to = untouched;
    for good in 0..=MOST {
        // Else the worker would be reported as stuck.
        morestack::thread::yield_now();
        for len in lengths(good, step) {
            // An odd place, so that neither is aligned.
            let got = safecopy::copy_in(&mut to[3..3 + len], edge.before(good));
            let done = len.min(good);
            let expected = if done == len { Ok(()) } else { segv(done) };
            assert_eq!(got, expected, "{good} good of {len}");
            let (before, rest) = to.split_at(3);
            assert!(rest[..done] == bytes[PAGE - good..][..done], "{good} good of {len}");
            assert!(before == &untouched[..3] && rest[done..] == untouched[3 + done..], "{good} good of {len}");
            to[3..3 + done].fill(FILLER);
        }
    }
}

#[test]
fn at_the_destination() {
    let _turn = TURN.lock();
    each_width(destination);
}

fn destination(step: usize) {
    let edge = Edge::bad_behind();
    edge.fill(|_| FILLER);
    let segv = segv(&edge);
    let from: Vec<u8> = (0..MOST + 64).map(pattern).collect();
    for good in 0..=MOST {
        morestack::thread::yield_now();
        for len in lengths(good, step) {
            let to = edge.before(good);
            // SAFETY: the pages are this test's.
            let copied = unsafe { safecopy::copy_out(to, &from[5..5 + len]) };
            let done = len.min(good);
            let expected = if done == len { Ok(()) } else { segv(done) };
            assert_eq!(copied, expected, "{good} good of {len}");
            expect(&edge, good, &from[5..5 + done]);
            // SAFETY: as above.
            assert_eq!(unsafe { safecopy::zero(to, len) }, expected, "{good} good of {len}");
            expect(&edge, good, &[0; MOST][..done]);
            edge.pages.fill(PAGE - good, &[FILLER; MOST][..done]);
        }
    }
}

/// These bytes are at `before(good)`, and the others are not touched.
fn expect(edge: &Edge, good: usize, bytes: &[u8]) {
    let (before, here) = edge.content().split_at(PAGE - good);
    assert!(here.starts_with(bytes), "{} of {good}", bytes.len());
    // What lies further off than any copy reaches needs no look each time.
    let (before, behind) = (&before[PAGE - MOST - 64..], &here[bytes.len()..]);
    let filler = [FILLER; MOST + 64];
    assert!(before == &filler[..before.len()] && behind == &filler[..behind.len()], "{} of {good}", bytes.len());
}

#[test]
fn at_both() {
    let _turn = TURN.lock();
    each_width(both);
}

fn both(step: usize) {
    let mut random = seed::generator(seed::seed(), 0);
    let (source, destination) = (Edge::bad_behind(), Edge::bad_behind());
    source.fill(pattern);
    destination.fill(|_| FILLER);
    let (at_source, at_destination) = (segv(&source), segv(&destination));
    let bytes: Vec<u8> = source.content().to_vec();
    for readable in 0..=MOST {
        morestack::thread::yield_now();
        for len in lengths(readable, step) {
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
                _ if done == readable => at_source(done),
                _ => at_destination(done),
            };
            assert_eq!(got, expected, "{readable} readable and {writable} writable of {len}");
            expect(&destination, writable, &bytes[PAGE - readable..][..done]);
            destination.pages.fill(PAGE - writable, &[FILLER; MOST][..done]);
        }
    }
}

#[test]
fn nothing_behind_a_bad_page_is_touched() {
    let _turn = TURN.lock();
    each_width(|_| {
        let edge = Edge::bad_before();
        edge.fill(|_| FILLER);
        let from = [1; 2 * MOST];
        let mut to = [FILLER; 2 * MOST];
        let starts_at = |got: Result<(), Fault>, at: *mut u8| {
            let fault = got.unwrap_err();
            assert_eq!((fault.address, fault.cause, fault.done), (at.addr(), Cause::Segv, 0));
        };
        for bad in 1..=MOST {
            morestack::thread::yield_now();
            for len in (bad..=bad + 130).step_by(13) {
                let at = edge.before(bad);
                // SAFETY: the pages are this test's.
                unsafe {
                    starts_at(safecopy::copy_out(at, &from[..len]), at);
                    starts_at(safecopy::zero(at, len), at);
                }
                starts_at(safecopy::copy_in(&mut to[..len], at), at);
            }
        }
        assert!(edge.content().iter().chain(&to).all(|&byte| byte == FILLER));
    });
}

#[test]
fn long_copies_end_at_the_same_byte() {
    let _turn = TURN.lock();
    each_width(|_| {
        let mut random = seed::generator(seed::seed(), 1);
        let pages = 64;
        let source = Pages::new(pages + 1);
        let bytes: Vec<u8> = (0..pages * PAGE).map(pattern).collect();
        source.fill(0, &bytes);
        source.protect(pages, libc::PROT_NONE);
        let untouched = vec![FILLER; pages * PAGE + 2 * MOST];
        let mut to = untouched.clone();
        // From a length on, the string instructions do it.
        for strings_from in [usize::MAX, 1024] {
            safecopy::__use_strings_from(strings_from);
            for _ in 0..500 {
                let (begin, skip) = (random.random_range(0..pages * PAGE), random.random_range(0..64));
                let (good, len) = (pages * PAGE - begin, pages * PAGE - begin + random.random_range(0..MOST));
                let got = safecopy::copy_in(&mut to[skip..skip + len], source.at(begin));
                let edge = source.at(pages * PAGE).addr();
                let expected = if good == len { Ok(()) } else { Err((edge, Cause::Segv, good)) };
                assert_eq!(got.map_err(|fault| (fault.address, fault.cause, fault.done)), expected);
                assert!(to[skip..skip + good] == bytes[begin..]);
                assert!(to[..skip] == untouched[..skip] && to[skip + good..] == untouched[skip + good..]);
                to[skip..skip + good].fill(FILLER);
            }
        }
    });
}
