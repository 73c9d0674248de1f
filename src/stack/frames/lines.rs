//! Line tables of mapped functions: which source line each instruction is from.
//!
//! Pairs of LEB128 numbers, as DWARF defines them: how many bytes of code the line before took, and how many lines further this
//! one is (signed). Looked at by reports only, so it is small instead of fast.

/// The line table of a function, as `asm/macros.s`'s `LINES` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    bytes: &'static [u8],
}

impl Lines {
    /// The table that consists of these bytes.
    pub fn new(bytes: &'static [u8]) -> Lines {
        Lines { bytes }
    }

    /// Reads the table that `LINES` placed at `at`: its length, then its bytes.
    ///
    /// # Safety
    /// `at` is the address of such a table in this program's read-only data.
    pub unsafe fn at(at: *const u32) -> Lines {
        // SAFETY: the caller says that a table is there: a length and as many bytes.
        unsafe { Lines { bytes: std::slice::from_raw_parts(at.add(1).cast(), at.read_unaligned() as usize) } }
    }

    /// The line of the instruction `at` bytes behind the entry of a function whose `TEXT` is in line `first`; `None` before the
    /// first entry.
    pub fn line_at(&self, at: usize, first: u32) -> Option<u32> {
        let mut rest = self.bytes;
        let (mut offset, mut line, mut found) = (0_u64, i64::from(first), None);
        while !rest.is_empty() {
            offset = offset.wrapping_add(leb128(&mut rest).0);
            let (delta, bits) = leb128(&mut rest);
            // The highest bit given is the sign.
            let unused = 64_u32.saturating_sub(bits);
            line = line.wrapping_add(((delta << unused) as i64) >> unused);
            if offset > at as u64 {
                break;
            }
            found = u32::try_from(line).ok();
        }
        found
    }
}

/// Takes a number off the front, with how many bits it was written in. What is missing counts as 0.
fn leb128(bytes: &mut &[u8]) -> (u64, u32) {
    let (mut value, mut bits) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        if bits < 64 {
            value |= u64::from(byte & 0x7f) << bits;
        }
        bits += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (value, bits.clamp(1, 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_forward_and_back() {
        // Line 10 at 0, 12 from 4 on, 11 from 9 on, 211 from 209 on.
        let lines = Lines::new(&[0, 0, 4, 2, 5, 0x7f, 0xc8, 1, 0xc8, 1]);
        for (at, line) in [(0, 10), (3, 10), (4, 12), (8, 12), (9, 11), (208, 11), (209, 211), (100_000, 211)] {
            assert_eq!(lines.line_at(at, 10), Some(line), "{at}");
        }
        assert_eq!(Lines::new(&[]).line_at(0, 10), None);
        assert_eq!(Lines::new(&[7, 1]).line_at(6, 10), None, "before the first");
    }

    #[test]
    fn cut_off_tables_end() {
        for bytes in [&[0x80][..], &[0x80; 40], &[3, 0x80], &[0xff; 40]] {
            let _ = Lines::new(bytes).line_at(usize::MAX, u32::MAX);
        }
    }
}
