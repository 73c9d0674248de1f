//! Size classes: which sizes share a list, and what their blocks are asked for with.

use std::alloc::Layout;

/// Largest size in bytes that is cached. Larger blocks are few, and what is done with their bytes outweighs a foreign call.
pub const LARGEST: usize = 32 << 10;

/// What `System` aligns to without further ado; more goes to it. So does the C library, which adds [`ADDED`] bytes to each
/// block and rounds up to a multiple of this.
const ALIGN: usize = 16;
const ADDED: usize = 8;

/// Up to here the classes are the C library's own sizes, so that no block is larger than it would be without us. That is
/// also where its own per-thread cache ends.
pub(super) const SMALL: usize = 64 * ALIGN + ADDED;

/// What the C library's smallest block has room for.
const SMALLEST: usize = ALIGN + ADDED;

const SMALL_CLASSES: usize = (SMALL - SMALLEST) / ALIGN + 1;

/// Above that so many per doubling: an eighth of a block is wasted at most, and powers of two waste nothing.
const PER_DOUBLING: usize = 1 << PER_DOUBLING_LOG;
const PER_DOUBLING_LOG: u32 = 3;

/// Doublings above [`SMALL`]: the first is that of 1024 to 2048.
const FIRST_DOUBLING: u32 = SMALL.ilog2();
const DOUBLINGS: usize = (LARGEST.ilog2() - FIRST_DOUBLING) as usize;

pub(super) const CLASSES: usize = SMALL_CLASSES + DOUBLINGS * PER_DOUBLING;

/// A size class, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Class(u8);

/// What blocks are asked for with, by class.
static LAYOUTS: [Layout; CLASSES] = {
    let mut layouts = [Layout::new::<()>(); CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let size = if class < SMALL_CLASSES {
            SMALLEST + class * ALIGN
        } else {
            let (doubling, step) = ((class - SMALL_CLASSES) / PER_DOUBLING, (class - SMALL_CLASSES) % PER_DOUBLING);
            (PER_DOUBLING + step + 1) << (FIRST_DOUBLING as usize + doubling - PER_DOUBLING_LOG as usize)
        };
        layouts[class] = match Layout::from_size_align(size, ALIGN) {
            Ok(layout) => layout,
            Err(_) => panic!("a size that no layout can have"),
        };
        class += 1;
    }
    layouts
};

const _: () = assert!(CLASSES <= u8::MAX as usize && LAYOUTS_END == LARGEST);
const LAYOUTS_END: usize = (2 * PER_DOUBLING) << (FIRST_DOUBLING as usize + DOUBLINGS - 1 - PER_DOUBLING_LOG as usize);

impl Class {
    /// The class that blocks of a layout belong to, if they are cached.
    #[inline]
    pub(super) const fn of(layout: Layout) -> Option<Class> {
        let size = layout.size();
        if layout.align() > ALIGN {
            return None;
        }
        if size <= SMALL {
            return Some(Class((size.saturating_sub(ADDED + 1) / ALIGN) as u8));
        }
        if size > LARGEST {
            return None;
        }
        // The size's highest bits: which doubling, and which step in it.
        let last = size - 1;
        let doubling = last.ilog2() - FIRST_DOUBLING;
        let step = (last >> (last.ilog2() - PER_DOUBLING_LOG)) - PER_DOUBLING;
        Some(Class((SMALL_CLASSES + doubling as usize * PER_DOUBLING + step) as u8))
    }

    /// What its blocks are asked for with: never less than a layout of the class.
    #[inline]
    pub(super) fn layout(self) -> Layout {
        LAYOUTS[usize::from(self.0)]
    }

    /// The class of a number below [`CLASSES`].
    pub(super) const fn at(index: usize) -> Class {
        assert!(index < CLASSES);
        Class(index as u8)
    }

    /// Its number, below [`CLASSES`].
    #[inline]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All of them, from the smallest.
    pub(super) fn all() -> impl Iterator<Item = Class> {
        (0..CLASSES).map(Class::at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_a_class_that_holds_it_and_wastes_little() {
        for align in [1, 2, 4, 8, 16] {
            let mut last = 0;
            for size in 1..=LARGEST {
                let layout = Layout::from_size_align(size, align).unwrap();
                let class = Class::of(layout).unwrap();
                let block = class.layout();
                assert!(block.size() >= size && block.align() >= align, "{layout:?}: {block:?}");
                let most =
                    if size <= SMALL { (size + ADDED).next_multiple_of(ALIGN).max(32) - ADDED } else { size * 9 / 8 };
                assert!(block.size() <= most, "{layout:?}: {block:?}");
                assert!(class.index() == last || class.index() == last + 1, "{layout:?}: no gap");
                last = class.index();
            }
            assert_eq!(last, CLASSES - 1);
        }
    }

    #[test]
    fn what_is_large_or_over_aligned_has_none() {
        assert_eq!(Class::of(Layout::from_size_align(LARGEST + 1, 1).unwrap()), None);
        assert_eq!(Class::of(Layout::from_size_align(isize::MAX as usize, 1).unwrap()), None);
        assert_eq!(Class::of(Layout::from_size_align(32, 32).unwrap()), None);
        assert_eq!(Class::of(Layout::from_size_align(1, 4096).unwrap()), None);
    }

    #[test]
    fn powers_of_two_waste_nothing() {
        for log in SMALL.ilog2() + 1..=LARGEST.ilog2() {
            let class = Class::of(Layout::from_size_align(1 << log, 1).unwrap()).unwrap();
            assert_eq!(class.layout().size(), 1 << log);
        }
    }
}
