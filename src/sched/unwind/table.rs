//! What the unwind tables say of a frame: its function's bounds and personality (`.eh_frame`), and what happens at a call that
//! is unwound (the LSDA, in `.gcc_except_table`). Read as the unwinder and std's personality read them.

use std::ffi::c_void;
use std::ops::Range;

const ABSOLUTE: u8 = 0x00;
const ULEB128: u8 = 0x01;
const UDATA2: u8 = 0x02;
const UDATA4: u8 = 0x03;
const UDATA8: u8 = 0x04;
const SLEB128: u8 = 0x09;
const SDATA2: u8 = 0x0a;
const SDATA4: u8 = 0x0b;
const SDATA8: u8 = 0x0c;
const PC_RELATIVE: u8 = 0x10;
const INDIRECT: u8 = 0x80;
const OMIT: u8 = 0xff;

/// Reads a table in memory from one end to the other.
struct Reader(*const u8);

impl Reader {
    /// # Safety
    /// The next bytes of the table are a `V`.
    unsafe fn value<V: Copy>(&mut self) -> V {
        // SAFETY: the caller's.
        unsafe {
            let value = self.0.cast::<V>().read_unaligned();
            self.0 = self.0.add(size_of::<V>());
            value
        }
    }

    /// # Safety
    /// A number in LEB128 comes next.
    unsafe fn uleb128(&mut self) -> usize {
        // SAFETY: the caller's.
        unsafe { self.leb128().0 as usize }
    }

    /// # Safety
    /// As for `uleb128`.
    unsafe fn sleb128(&mut self) -> isize {
        // SAFETY: the caller's.
        let (value, bits, last) = unsafe { self.leb128() };
        if bits < 64 && last & 0x40 != 0 { (value | (!0 << bits)) as isize } else { value as isize }
    }

    /// The number's bits, how many, and the last byte, which has the sign.
    unsafe fn leb128(&mut self) -> (u64, u32, u8) {
        let (mut value, mut bits) = (0, 0);
        loop {
            // SAFETY: the caller's: the number goes on until a byte without the top bit.
            let byte: u8 = unsafe { self.value() };
            value |= u64::from(byte & 0x7f).checked_shl(bits).unwrap_or(0);
            bits += 7;
            if byte & 0x80 == 0 {
                return (value, bits, byte);
            }
        }
    }

    /// A pointer or a number of the given encoding. None for encodings that are not used on this platform; the place is
    /// lost then.
    ///
    /// # Safety
    /// One comes next.
    unsafe fn encoded(&mut self, encoding: u8) -> Option<usize> {
        let at = self.0 as usize;
        // SAFETY: the caller's.
        let value = unsafe {
            match encoding & 0x0f {
                ABSOLUTE | UDATA8 | SDATA8 => self.value::<usize>(),
                ULEB128 => self.uleb128(),
                UDATA2 => self.value::<u16>().into(),
                UDATA4 => self.value::<u32>() as usize,
                SLEB128 => self.sleb128() as usize,
                SDATA2 => self.value::<i16>() as usize,
                SDATA4 => self.value::<i32>() as usize,
                _ => return None,
            }
        };
        let value = match encoding & 0x70 {
            0 => value,
            PC_RELATIVE if value == 0 => 0,
            PC_RELATIVE => at.wrapping_add(value),
            _ => return None,
        };
        // SAFETY: an indirect value is the address of the word that holds it.
        Some(if encoding & INDIRECT == 0 || value == 0 { value } else { unsafe { *(value as *const usize) } })
    }
}

/// A function, by its entry in `.eh_frame`.
pub(super) struct Function {
    pub(super) code: Range<usize>,
    /// The routine that interprets its LSDA; 0 if there is none.
    pub(super) personality: usize,
}

impl Function {
    /// The function that `pc` lies in.
    pub(super) fn at(pc: usize) -> Option<Function> {
        /// libgcc's `dwarf_eh_bases`.
        #[repr(C)]
        struct Bases {
            text: usize,
            data: usize,
            function: usize,
        }
        unsafe extern "C" {
            fn _Unwind_Find_FDE(pc: *const c_void, bases: *mut Bases) -> *const u8;
        }
        let mut bases = Bases { text: 0, data: 0, function: 0 };
        // SAFETY: any pc may be asked for.
        let fde = unsafe { _Unwind_Find_FDE(pc as *const c_void, &raw mut bases) };
        if fde.is_null() {
            return None;
        }
        // SAFETY: an FDE that the unwinder itself goes by: length, distance back to its CIE, start, size. The CIE: length, id,
        // version, augmentation, alignments, return register, and what the augmentation's letters stand for.
        unsafe {
            let mut fde = Reader(fde.add(4));
            let back = fde.0;
            let back = back.sub(fde.value::<u32>() as usize);
            let mut cie = Reader(back.add(8));
            let version: u8 = cie.value();
            let letters = std::ffi::CStr::from_ptr(cie.0.cast());
            cie.0 = cie.0.add(letters.count_bytes() + 1);
            cie.uleb128();
            cie.sleb128();
            if version == 1 {
                cie.value::<u8>();
            } else {
                cie.uleb128();
            }
            let (mut encoding, mut personality) = (ABSOLUTE, 0);
            for letter in letters.to_bytes() {
                match letter {
                    b'z' => drop(cie.uleb128()),
                    b'R' => encoding = cie.value(),
                    b'L' => drop(cie.value::<u8>()),
                    b'P' => {
                        let encoding = cie.value();
                        personality = cie.encoded(encoding)?;
                    }
                    b'S' => {}
                    _ => return None,
                }
            }
            fde.encoded(encoding)?;
            let size = fde.encoded(encoding & 0x0f)?;
            Some(Function { code: bases.function..bases.function + size, personality })
        }
    }
}

/// What a function does when a call in it is unwound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is passed by.
    Nothing,
    /// Its landing pad runs destructors, and goes on unwinding, or ends the process.
    Cleanup { landing_pad: usize },
    /// It ends the unwinding.
    Catch,
    /// Its landing pad ends the process: a filter, by which Rust means just that.
    Abort { landing_pad: usize },
    /// The call has no entry: it was taken to never unwind, and the unwinder ends the process.
    NoEntry,
}

/// The action for `pc` in a function that starts at `start`. None if the table cannot be read.
///
/// # Safety
/// `lsda` is the function's language-specific data.
pub(super) unsafe fn action(lsda: *const u8, start: usize, pc: usize) -> Option<Action> {
    // SAFETY: such a table: base of the landing pads; where types are; call sites in order (start, size, landing pad, action);
    // actions.
    unsafe {
        let mut reader = Reader(lsda);
        let pad_encoding: u8 = reader.value();
        let pad_base = if pad_encoding == OMIT { start } else { reader.encoded(pad_encoding)? };
        let type_encoding: u8 = reader.value();
        if type_encoding != OMIT {
            reader.uleb128();
        }
        let site_encoding: u8 = reader.value();
        let size = reader.uleb128();
        let actions = reader.0.add(size);
        while reader.0 < actions {
            let from = start + reader.encoded(site_encoding)?;
            let size = reader.encoded(site_encoding)?;
            let pad = reader.encoded(site_encoding)?;
            let action = reader.uleb128();
            if pc < from {
                break;
            }
            if pc < from + size {
                let landing_pad = pad_base + pad;
                return Some(match (pad, action) {
                    (0, _) => Action::Nothing,
                    (_, 0) => Action::Cleanup { landing_pad },
                    _ => match Reader(actions.add(action - 1)).sleb128() {
                        0 => Action::Cleanup { landing_pad },
                        1.. => Action::Catch,
                        _ => Action::Abort { landing_pad },
                    },
                });
            }
        }
        Some(Action::NoEntry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        let signed = |bytes: &[u8]| {
            // SAFETY: each is one whole number.
            unsafe { Reader(bytes.as_ptr()).sleb128() }
        };
        // The examples of the DWARF standard.
        let cases: [(&[u8], isize); 8] = [
            (&[2], 2),
            (&[0x7e], -2),
            (&[0xff, 0], 127),
            (&[0x81, 0x7f], -127),
            (&[0x80, 1], 128),
            (&[0x80, 0x7f], -128),
            (&[0x81, 1], 129),
            (&[0xff, 0x7e], -129),
        ];
        for (bytes, value) in cases {
            assert_eq!(signed(bytes), value);
        }
        // SAFETY: one whole number.
        assert_eq!(unsafe { Reader([0xe5, 0x8e, 0x26].as_ptr()).uleb128() }, 624_485);
    }

    #[test]
    fn a_function_s_bounds_and_personality_are_found() {
        let here = a_function_s_bounds_and_personality_are_found as fn() as usize;
        let function = Function::at(here).unwrap();
        assert_eq!(function.code.start, here);
        // Something to drop, so this function has a landing pad.
        let text = format!("{:x?}", function.code);
        assert!(function.code.len() > 16 && function.personality != 0, "{text}");
        assert_eq!(Function::at(function.code.end - 1).unwrap().code, function.code);
        assert!(Function::at(1).is_none());
    }
}
