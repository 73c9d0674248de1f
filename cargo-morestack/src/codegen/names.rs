//! The functions that an object defines.

use crate::error::{Error, Result};
use object::elf;
use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSymbol as _, SymbolFlags, SymbolKind};
use std::collections::BTreeSet;

/// Functions that stay unchecked in every crate.
///
/// - `main` is called by the C library, on a stack that is not ours.
/// - The personality routine is called by the unwinder, which runs on the big stack while frames of a small one are walked.
fn stays_unchecked(name: &str) -> bool {
    name == "main" || name.contains("rust_eh_personality")
}

/// The names of the functions that `object` defines and that are to be checked.
///
/// Names that the attribute file cannot hold (a comma separates its columns, a line ends an entry) are left out: such a function
/// stays unchecked, and is called as foreign code.
///
/// # Errors
/// When `object` is no ELF object.
pub fn to_check(object: &[u8]) -> Result<BTreeSet<String>> {
    Ok(defined_functions(object)?.into_iter().filter(|name| can_be_checked(name)).collect())
}

/// Whether a function of this name may have the check.
pub fn can_be_checked(name: &str) -> bool {
    let fits = !name.is_empty() && !name.contains([',', '\n', '\r', '\t', ' ', '#']);
    fits && !stays_unchecked(name)
}

/// The names of all functions that `object` defines.
///
/// # Errors
/// When `object` is no ELF object.
pub fn defined_functions(object: &[u8]) -> Result<BTreeSet<String>> {
    let file = ElfFile64::<Endianness>::parse(object).map_err(Error::bad_object("an object"))?;
    let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition());
    let functions = functions.filter(|symbol| {
        // Labels of hand-written code are text symbols too.
        matches!(symbol.flags(), SymbolFlags::Elf { st_info, .. } if st_info & 0xf == elf::STT_FUNC)
    });
    Ok(functions.filter_map(|symbol| symbol.name().ok().map(String::from)).collect())
}

/// Whether `object` defines a global symbol `name`.
///
/// # Errors
/// When `object` is no ELF object.
pub fn defines(object: &[u8], name: &str) -> Result<bool> {
    let file = ElfFile64::<Endianness>::parse(object).map_err(Error::bad_object("an object"))?;
    Ok(file.symbols().any(|symbol| symbol.is_global() && !symbol.is_undefined() && symbol.name() == Ok(name)))
}
