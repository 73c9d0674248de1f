//! The instructions of Go's assembler: names, and the ways to write what each of them names.
//!
//! The set of instructions and how each is encoded is iced-x86's. What is told here is what Go calls them (`names`), in
//! which order it writes operands (`form`), and which of several encodings it takes first (`exceptions`).

mod build;
mod exceptions;
mod form;
mod names;
mod want;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::syntax::Special;
pub(crate) use exceptions::{has_bare_number, wraps_displacement};
pub(crate) use form::{Family, Form, Slot};
pub(crate) use want::{Number, Vector, Want, Width};

/// All names, each with its forms: those that are to be taken first come first.
static TABLE: LazyLock<HashMap<String, Vec<Form>>> = LazyLock::new(build::table);

/// The ways to write the instruction of this name; `None` if there is no such instruction.
pub(crate) fn forms(mnemonic: &str) -> Option<&'static [Form]> {
    TABLE.get(mnemonic).map(Vec::as_slice)
}

/// Bytes that are instructions of their own for Go, but parts of one for everybody else; `None` for other names.
pub(crate) fn raw(mnemonic: &str) -> Option<&'static [u8]> {
    names::RAW.iter().find(|(name, _)| *name == mnemonic).map(|(_, bytes)| *bytes)
}

/// What loads (or else stores) a special register, which Go writes as the move `mnemonic`; `None` if it does not.
pub(crate) fn special_move(mnemonic: &str, special: Special, loads: bool) -> Option<&'static str> {
    let (.., load, store) =
        names::SPECIAL_MOVES.iter().find(|(moves, known, ..)| *known == special && moves.contains(&mnemonic))?;
    Some(if loads { load } else { store })
}

/// Every name of an instruction, in no order.
pub fn mnemonics() -> impl Iterator<Item = &'static str> {
    TABLE.keys().map(String::as_str).chain(names::RAW.iter().map(|(name, _)| *name))
}

/// The known name that is nearest to `mnemonic`, if one is near enough to have been meant: Go's name for what Intel
/// calls so, or else one that differs in a few letters.
pub(crate) fn nearest(mnemonic: &str) -> Option<&'static str> {
    let is_intel_s = |form: &Form| format!("{:?}", form.code.mnemonic()).eq_ignore_ascii_case(mnemonic);
    let renamed = TABLE.iter().filter(|(_, forms)| forms.iter().any(is_intel_s)).map(|(name, _)| name.as_str());
    if let Some(name) = renamed.min() {
        return Some(name);
    }
    // A third of the letters wrong is another word.
    let limit = (mnemonic.len() / 3).clamp(1, 3);
    // Of equally near ones: the first letter is hardly ever the wrong one.
    let begins = |name: &str| name.bytes().next() == mnemonic.bytes().next();
    mnemonics()
        .map(|name| (strsim::osa_distance(name, mnemonic), !begins(name), name))
        .filter(|(distance, ..)| *distance <= limit)
        .min()
        .map(|(.., name)| name)
}
