//! Changes to an object's bytes, in place.

use crate::error::{Error, Result};
use object::elf::{self, SectionHeader64};
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SymbolFlags};
use std::mem::{offset_of, size_of};
use std::ops::Range;

/// A function of an object: its name, and where its code stands in the file.
#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub code: Range<usize>,
}

/// The functions that `object` defines, with their code.
///
/// # Errors
/// When `object` is no ELF object, or a function lies outside of its section.
pub fn functions(object: &[u8]) -> Result<Vec<Function>> {
    let file = ElfFile64::<Endianness>::parse(object).map_err(Error::bad_object("an object"))?;
    let mut found = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.is_definition() && symbol.size() > 0) {
        let SymbolFlags::Elf { st_info, .. } = symbol.flags() else { continue };
        let Some(section) = symbol.section_index().filter(|_| st_info & 0xf == elf::STT_FUNC) else { continue };
        let section = file.section_by_index(section).map_err(Error::bad_object("an object"))?;
        let Some((start, size)) = section.file_range() else { continue };
        let name = symbol.name().map_err(Error::bad_object("an object"))?;
        if symbol.address().checked_add(symbol.size()).is_none_or(|end| end > size) {
            let reason = format!("function `{name}` reaches over the end of its section");
            return Err(Error::BadObject { what: "an object".into(), reason });
        }
        let start = (start + symbol.address()) as usize;
        found.push(Function { name: name.into(), code: start..start + symbol.size() as usize });
    }
    Ok(found)
}

/// The contents of the section `name`, if there is one.
///
/// # Errors
/// When `object` is no ELF object.
pub fn section<'a>(object: &'a [u8], name: &str) -> Result<Option<&'a [u8]>> {
    let file = ElfFile64::<Endianness>::parse(object).map_err(Error::bad_object("an object"))?;
    let section = file.section_by_name(name);
    section.map(|section| section.data().map_err(Error::bad_object(format!("section {name}")))).transpose()
}

/// Whether a relocation of `object` refers to the symbol `name`.
///
/// # Errors
/// When `object` is no ELF object.
pub fn refers_to(object: &[u8], name: &str) -> Result<bool> {
    let file = ElfFile64::<Endianness>::parse(object).map_err(Error::bad_object("an object"))?;
    let mut targets =
        file.sections().flat_map(|section| section.relocations()).map(|(_, relocation)| relocation.target());
    Ok(targets.any(|target| {
        let RelocationTarget::Symbol(symbol) = target else { return false };
        file.symbol_by_index(symbol).is_ok_and(|symbol| symbol.name() == Ok(name))
    }))
}

/// Makes the notes by which LLVM tells linkers of split stacks invisible to them.
///
/// On seeing `.note.GNU-split-stack`, `lld` rewrites the prologues of functions that call unchecked ones, so that they ask for more
/// stack. Here that is not needed (foreign code runs on a big stack), and the verifier would not know such prologues. `gold` does the
/// same, and knows such sections by name only.
///
/// # Errors
/// When `object` is no ELF object.
pub fn hide_split_stack_notes(object: &mut [u8]) -> Result<()> {
    let bad = || Error::bad_object("an object");
    let header = elf::FileHeader64::<Endianness>::parse(&*object).map_err(bad())?;
    let endian = header.endian().map_err(bad())?;
    let table = header.e_shoff(endian) as usize;
    let sections = header.sections(endian, &*object).map_err(bad())?;
    let is_note = |section: &SectionHeader64<_>| {
        matches!(sections.section_name(endian, section), Ok(b".note.GNU-split-stack" | b".note.GNU-no-split-stack"))
    };
    let notes: Vec<usize> =
        sections.enumerate().filter(|(_, section)| is_note(section)).map(|(index, _)| index.0).collect();
    for index in notes {
        let header = table + index * size_of::<SectionHeader64<Endianness>>();
        // The text of the name stays, since other names may share its end; the section has none from now on.
        for (at, value) in [
            (offset_of!(SectionHeader64<Endianness>, sh_type), elf::SHT_NULL.to_le_bytes()),
            (offset_of!(SectionHeader64<Endianness>, sh_name), 0_u32.to_le_bytes()),
        ] {
            object[header + at..header + at + 4].copy_from_slice(&value);
        }
    }
    Ok(())
}
