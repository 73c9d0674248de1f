//! Stack maps in Go's format: which words of a frame may point into the stack.
//!
//! `{ n: i32, nbit: i32, n bitmaps of ceil(nbit / 8) bytes }`, the layout of `FUNCDATA_ArgsPointerMaps` and
//! `FUNCDATA_LocalsPointerMaps` in Go's runtime. There is no collector here, so a set bit only means: a move adjusts this
//! word if its value lies inside the old segment.

/// A function's maps of one kind: one bitmap for each state that its call sites tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackMap {
    count: u32,
    bits: u32,
    bytes: &'static [u8],
}

impl StackMap {
    /// `count` bitmaps of `bits` bits each, every bitmap beginning at a fresh byte.
    ///
    /// # Panics
    /// If `bytes` is not exactly as long as that takes.
    pub fn new(count: u32, bits: u32, bytes: &'static [u8]) -> StackMap {
        assert_eq!(bytes.len(), count as usize * bits.div_ceil(8) as usize, "length of the bitmaps");
        StackMap { count, bits, bytes }
    }

    /// Reads the map that an assembly file's `STACKMAP_...` placed at `at`.
    ///
    /// # Safety
    /// `at` is the address of such a map in this program's read-only data.
    pub unsafe fn at(at: *const u32) -> StackMap {
        // SAFETY: the caller says that a map is there, so its two head words and as many bytes as they announce are.
        unsafe {
            let (count, bits) = (at.read_unaligned(), at.add(1).read_unaligned());
            let len = count as usize * bits.div_ceil(8) as usize;
            StackMap { count, bits, bytes: std::slice::from_raw_parts(at.add(2).cast(), len) }
        }
    }

    /// Words that each bitmap describes.
    pub fn bits(&self) -> usize {
        self.bits as usize
    }

    /// Bitmaps there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Calls `f` with the index of each set bit of bitmap `index`; `None` if there is no such bitmap.
    #[must_use]
    #[inline]
    pub fn for_each(&self, index: u32, mut f: impl FnMut(usize)) -> Option<()> {
        if index >= self.count {
            return None;
        }
        let stride = self.bits.div_ceil(8) as usize;
        let bitmap = &self.bytes[index as usize * stride..][..stride];
        for (byte, mut rest) in bitmap.iter().copied().enumerate() {
            while rest != 0 {
                let bit = byte * 8 + rest.trailing_zeros() as usize;
                // Bits of the last byte beyond `bits` are padding.
                if bit < self.bits as usize {
                    f(bit);
                }
                rest &= rest - 1;
            }
        }
        Some(())
    }
}
