//! Growing and shrinking: the bytes in use arrive at the top of the new segment, the address changes.

mod segments_common;

use morestack::stack::{StackCache, debug, layout::STACK_MIN, stats};
use segments_common::{Rng, check, in_child, mark, relocated, scaled};

const MB: usize = 1 << 20;

#[test]
fn bytes_survive_between_all_sizes() {
    let largest = scaled(256 * MB, 4 * MB);
    let sizes = || (0..).map(|k| STACK_MIN << k).take_while(|size| *size <= largest);
    let mut cache = StackCache::new();
    for from in sizes() {
        for to in sizes() {
            for used in [0, 8, from.min(to) / 2 + 8, from.min(to)] {
                // Large moves are by pages or by the same copy as small ones; a few marked megabytes prove both.
                let used = used.min(3 * MB);
                let old = cache.alloc(from).unwrap();
                let lo = old.lo();
                mark(&old, used, from as u64);
                let new = relocated(&mut cache, old, used, to);
                assert_eq!(new.size(), to);
                assert_ne!(new.lo(), lo, "the address changes");
                check(&new, used, from as u64);
                cache.free(new);
            }
        }
    }
}

#[test]
fn a_stack_that_doubles_to_64_mb_keeps_every_byte() {
    let largest = scaled(64 * MB, 4 * MB);
    let mut cache = StackCache::new();
    // The second round grows into what the first one left in the caches.
    for round in 0..3 {
        let mut segment = cache.alloc(STACK_MIN).unwrap();
        while segment.size() < largest {
            let used = segment.size() - 512;
            mark(&segment, used, round);
            let size = segment.size() * 2;
            segment = relocated(&mut cache, segment, used, size);
            check(&segment, used, round);
        }
        // A deep stack that unwound shrinks again.
        while segment.size() > STACK_MIN {
            let size = segment.size() / 2;
            segment = relocated(&mut cache, segment, 1000, size);
            check(&segment, 1000, round);
        }
        cache.free(segment);
    }
    if !debug::modes().fence && !debug::modes().poison {
        assert!(stats().bytes_remapped > 0, "large segments grow by pages");
        assert!(stats().large_cached > 0, "freed pieces are used again");
    }
}

#[test]
fn stacks_that_grow_and_shrink_at_random_keep_their_bytes() {
    let mut rng = Rng::new();
    let mut cache = StackCache::new();
    let mut stacks: Vec<_> = (0..16).map(|_| (cache.alloc(STACK_MIN).unwrap(), 0, 0)).collect();
    for step in 0..scaled(4_000, 800) as u64 {
        let at = rng.below(stacks.len());
        let (segment, used, seed) = stacks.swap_remove(at);
        check(&segment, used, seed);
        let size = STACK_MIN << rng.below(13);
        let used = used.min(size);
        let segment = relocated(&mut cache, segment, used, size);
        check(&segment, used, seed);
        let used = rng.below(size) & !7;
        mark(&segment, used, step);
        stacks.push((segment, used, step));
    }
    stacks.into_iter().for_each(|(segment, ..)| cache.free(segment));
}

#[test]
fn growth_at_the_limit_on_mappings_fails_or_keeps_every_byte() {
    if in_child("growth_at_the_limit_on_mappings_fails_or_keeps_every_byte", &[]) {
        return;
    }
    let mut cache = StackCache::new();
    let mut segment = cache.alloc(MB).unwrap();
    mark(&segment, MB, 5);
    // Neighbours of different protection do not merge, so each costs a mapping.
    let map = |protection| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping of our own.
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) }
    };
    let mut filler = Vec::with_capacity(100_000);
    loop {
        let protection = if filler.len() % 2 == 0 { libc::PROT_READ } else { libc::PROT_NONE };
        match map(protection) {
            libc::MAP_FAILED => break,
            address => filler.push(address),
        }
    }
    // Room comes back one mapping at a time, so that growth fails at each of its steps in turn.
    let mut failures = 0;
    while segment.size() < 16 * MB {
        let size = segment.size() * 2;
        segment = match cache.relocate(segment, MB, size) {
            Ok(grown) => grown,
            Err((same, _)) => {
                failures += 1;
                // SAFETY: our own mapping.
                unsafe { libc::munmap(filler.pop().unwrap(), 4096) };
                same
            }
        };
        check(&segment, MB, 5);
    }
    println!("{failures} refused");
    assert!(failures > 0);
    cache.free(segment);
}
