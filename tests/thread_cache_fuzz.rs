//! Random allocations, resizings and releases on several threads, which hand blocks to each other, checked byte by byte.

use morestack::alloc::{LARGEST, ThreadCache};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::alloc::{GlobalAlloc, Layout};
use std::sync::Mutex;

/// Small caches, whose lists take room from each other all the time; the usual one; none.
static CACHES: [ThreadCache; 4] =
    [ThreadCache::keeping(10_000), ThreadCache::keeping(100_000), ThreadCache::new(), ThreadCache::keeping(0)];

const THREADS: u64 = 4;
const STEPS: usize = 50_000;
const LIVE: usize = 300;

struct Block {
    start: usize,
    layout: Layout,
    pattern: u8,
}

impl Block {
    fn random(rng: &mut SmallRng) -> Block {
        let layout = Layout::from_size_align(size(rng), 1 << rng.random_range(0..8)).unwrap();
        let cache = &CACHES[rng.random_range(0..CACHES.len())];
        // SAFETY: it has a size.
        let start = unsafe {
            if rng.random() {
                cache.alloc(layout)
            } else {
                let start = cache.alloc_zeroed(layout);
                assert!((0..layout.size()).all(|i| *start.add(i) == 0), "{layout:?} is not zeroed");
                start
            }
        };
        assert!(!start.is_null() && start.addr().is_multiple_of(layout.align()), "{layout:?}: {start:?}");
        let block = Block { start: start.expose_provenance(), layout, pattern: rng.random() };
        block.fill();
        block
    }

    fn at(&self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.start)
    }

    fn fill(&self) {
        // SAFETY: the block has that size.
        unsafe { self.at().write_bytes(self.pattern, self.layout.size()) };
    }

    fn check(&self, bytes: usize) {
        // SAFETY: the block has that size at least, and was filled.
        let found = unsafe { std::slice::from_raw_parts(self.at(), bytes) };
        assert!(found.iter().all(|&byte| byte == self.pattern), "{:?} was damaged", self.layout);
    }

    fn resize(&mut self, rng: &mut SmallRng) {
        let old = self.layout;
        self.layout = Layout::from_size_align(size(rng), old.align()).unwrap();
        // SAFETY: it has the old layout, and the new size is not zero.
        let start = unsafe { CACHES[rng.random_range(0..CACHES.len())].realloc(self.at(), old, self.layout.size()) };
        assert!(!start.is_null() && start.addr().is_multiple_of(old.align()));
        self.start = start.expose_provenance();
        self.check(old.size().min(self.layout.size()));
        self.fill();
    }

    fn free(self, rng: &mut SmallRng) {
        self.check(self.layout.size());
        // SAFETY: nobody else has it.
        unsafe { CACHES[rng.random_range(0..CACHES.len())].dealloc(self.at(), self.layout) };
    }
}

/// Mostly small.
fn size(rng: &mut SmallRng) -> usize {
    let most = [32, 200, 1100, 5000, LARGEST + 2000][rng.random_range(0..5)];
    rng.random_range(1..=most)
}

fn run(seed: u64, exchange: &Mutex<Vec<Block>>) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut live: Vec<Block> = Vec::new();
    for _ in 0..STEPS {
        let some = if live.is_empty() { 0 } else { rng.random_range(0..live.len()) };
        match rng.random_range(0..100) {
            0..45 if live.len() < LIVE => live.push(Block::random(&mut rng)),
            0..60 if !live.is_empty() => live[some].resize(&mut rng),
            0..97 if !live.is_empty() => live.swap_remove(some).free(&mut rng),
            97 if !live.is_empty() => exchange.lock().unwrap().push(live.swap_remove(some)),
            98 => live.extend(exchange.lock().unwrap().pop()),
            // Now and then all at once, so that lists overflow.
            99 if rng.random_range(0..10) == 0 => live.drain(..).for_each(|block| block.free(&mut rng)),
            _ => {}
        }
        if rng.random_range(0..20_000) == 0 {
            morestack::alloc::give_back();
        }
    }
    live.into_iter().for_each(|block| block.free(&mut rng));
}

#[test]
fn random_programs() {
    let given = std::env::var("MORESTACK_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or_else(rand::random);
    println!("MORESTACK_TEST_SEED={seed}");
    let exchange = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let exchange = &exchange;
            scope.spawn(move || run(seed ^ thread, exchange));
        }
    });
    let mut rng = SmallRng::seed_from_u64(seed);
    exchange.into_inner().unwrap().into_iter().for_each(|block| block.free(&mut rng));
}
