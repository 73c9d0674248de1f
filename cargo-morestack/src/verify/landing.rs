//! Where the unwinder enters functions: `.eh_frame` leads to the tables in `.gcc_except_table`.

use std::collections::HashMap;

use gimli::{
    BaseAddresses, CallFrameInstruction, CieOrFde, EhFrame, EndianSlice, FrameDescriptionEntry, LittleEndian,
    UnwindSection,
};

use super::image::Image;

/// A function's calls that have a landing pad.
#[derive(Clone, Debug, Default)]
pub(super) struct Landing {
    /// Range of code (start, end) and its landing pad.
    pub(super) pads: Vec<(u64, u64, u64)>,
    /// Bytes of arguments that are pushed from an address on, which the unwinder removes on its way to a landing pad.
    pushed: Vec<(u64, u64)>,
    /// One of them catches, or filters, for a personality routine other than Rust's. An unwinder remembers the address of the frame where
    /// unwinding is to end until it gets there, and some personalities compare with it. Rust's ends unwinding at the first frame
    /// that catches, wherever that is by then, and while a Rust panic is on its way no frame is moved at all.
    pub(super) pinned: bool,
}

/// Rust's personality routine, and what LLVM calls a pointer to it.
const RUST: &str = "rust_eh_personality";
const POINTER_TO_RUST: &str = "DW.ref.rust_eh_personality";

impl Landing {
    /// The landing pads of the call at an address, each with how much higher `%rsp` is there than at the call.
    pub(super) fn of_call(&self, at: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let pushed =
            self.pushed.partition_point(|(from, _)| *from <= at).checked_sub(1).map_or(0, |index| self.pushed[index].1);
        self.pads
            .iter()
            .filter(move |(start, end, _)| (*start..*end).contains(&at))
            .map(move |(_, _, pad)| (*pad, pushed))
    }
}

type Slice<'d> = EndianSlice<'d, LittleEndian>;

/// What `.eh_frame` says of functions, by their addresses.
#[derive(Debug, Default)]
pub(super) struct Tables {
    entries: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Address of the function's table.
    lsda: u64,
    /// As in [`Landing`].
    pushed: Vec<(u64, u64)>,
    /// The personality routine is Rust's.
    rust: bool,
}

impl Tables {
    pub(super) fn parse(image: &Image<'_>) -> Result<Tables, String> {
        let mut tables = Tables::default();
        let Some((address, data)) = image.section(".eh_frame") else { return Ok(tables) };
        let section = EhFrame::new(data, LittleEndian);
        let mut bases = BaseAddresses::default().set_eh_frame(address);
        if let Some((text, _)) = image.section(".text") {
            bases = bases.set_text(text);
        }
        let mut cies = HashMap::new();
        let mut entries = section.entries(&bases);
        while let Some(entry) = entries.next().map_err(|error| error.to_string())? {
            let CieOrFde::Fde(partial) = entry else { continue };
            let fde = partial
                .parse(|section: &EhFrame<Slice<'_>>, bases, offset| {
                    if let Some(cie) = cies.get(&offset) {
                        return Ok(Clone::clone(cie));
                    }
                    let cie = section.cie_from_offset(bases, offset)?;
                    cies.insert(offset, cie.clone());
                    Ok(cie)
                })
                .map_err(|error| error.to_string())?;
            if let Some(gimli::Pointer::Direct(lsda)) = fde.lsda()
                && lsda != 0
            {
                let pushed = pushed(&fde, &section, &bases).map_err(|error| error.to_string())?;
                let rust = match fde.personality() {
                    Some(gimli::Pointer::Direct(routine)) => image.symbol(RUST) == Some(routine),
                    Some(gimli::Pointer::Indirect(pointer)) => image.symbol(POINTER_TO_RUST) == Some(pointer),
                    None => false,
                };
                tables.entries.insert(fde.initial_address(), Entry { lsda, pushed, rust });
            }
        }
        Ok(tables)
    }

    /// The landing pads of the function at an address. Most have none.
    pub(super) fn of(&self, image: &Image<'_>, function: u64) -> Result<Landing, String> {
        match self.entries.get(&function) {
            Some(Entry { lsda, pushed, rust }) => {
                let mut reader = Reader { image, at: *lsda };
                let landing = reader.landing(function);
                let landing =
                    landing.ok_or_else(|| format!("the table at {lsda:#x} ends early or has an unknown encoding"))?;
                Ok(Landing { pushed: pushed.clone(), pinned: landing.pinned && !rust, ..landing })
            }
            None => Ok(Landing::default()),
        }
    }
}

/// From which address on how many bytes of arguments are pushed.
fn pushed<'d>(
    fde: &FrameDescriptionEntry<Slice<'d>>,
    section: &EhFrame<Slice<'d>>,
    bases: &BaseAddresses,
) -> Result<Vec<(u64, u64)>, gimli::Error> {
    let mut at = fde.initial_address();
    let mut pushed = Vec::new();
    let mut instructions = fde.instructions(section, bases);
    while let Some(instruction) = instructions.next()? {
        match instruction {
            CallFrameInstruction::SetLoc { address } => at = address,
            CallFrameInstruction::AdvanceLoc { delta } => at += u64::from(delta) * fde.cie().code_alignment_factor(),
            CallFrameInstruction::ArgsSize { size } => pushed.push((at, size)),
            _ => {}
        }
    }
    Ok(pushed)
}

struct Reader<'i, 'd> {
    image: &'i Image<'d>,
    at: u64,
}

const OMITTED: u8 = 0xff;

impl Reader<'_, '_> {
    fn landing(&mut self, function: u64) -> Option<Landing> {
        let encoding = self.byte()?;
        let base = if encoding == OMITTED { function } else { self.pointer(encoding)? };
        if self.byte()? != OMITTED {
            self.uleb()?;
        }
        let encoding = self.byte()?;
        let length = self.uleb()?;
        let end = self.at + length;
        let mut landing = Landing::default();
        while self.at < end {
            let start = self.pointer(encoding)?;
            let len = self.pointer(encoding)?;
            let pad = self.pointer(encoding)?;
            let action = self.uleb()?;
            if pad != 0 {
                landing.pads.push((function + start, function + start + len, base.wrapping_add(pad)));
                if action != 0 {
                    landing.pinned |= Reader { image: self.image, at: end + action - 1 }.acts()?;
                }
            }
        }
        Some(landing)
    }

    /// Whether a chain of actions has a catch or a filter: a type other than 0, which is a cleanup.
    fn acts(&mut self) -> Option<bool> {
        // A chain is as long as there are clauses; a circle would be a damaged file.
        for _ in 0..1000 {
            if self.sleb()? != 0 {
                return Some(true);
            }
            let here = self.at;
            match self.sleb()? {
                0 => return Some(false),
                next => self.at = here.wrapping_add_signed(next),
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.image.bytes(self.at, 1).first()?;
        self.at += 1;
        Some(byte)
    }

    fn uleb(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn sleb(&mut self) -> Option<i64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let unused = 64 - (shift + 7).min(64);
                return Some(value << unused >> unused);
            }
        }
        None
    }

    /// Offsets in the forms that compilers use for them.
    fn pointer(&mut self, encoding: u8) -> Option<u64> {
        let here = self.at;
        let mut wide = |bytes: u64| {
            let read = self.image.bytes(self.at, bytes);
            self.at += bytes;
            (read.len() as u64 == bytes).then(|| {
                let mut all = [0; 8];
                all[..read.len()].copy_from_slice(read);
                u64::from_le_bytes(all)
            })
        };
        let value = match encoding & 0x0f {
            0x01 => self.uleb()?,
            0x03 => wide(4)?,
            0x0b => wide(4)? as u32 as i32 as i64 as u64,
            0x00 | 0x04 | 0x0c => wide(8)?,
            _ => return None,
        };
        match encoding & 0xf0 {
            0x00 => Some(value),
            0x10 => Some(here.wrapping_add(value)),
            _ => None,
        }
    }
}
