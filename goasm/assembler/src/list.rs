//! Listings in the style of Go's `-S`, with what the assembler has inserted marked.
//!
//! ```text
//!     crate.main STEXT size=66 args=0x8 locals=0x18
//!         0x0000 00000 (main.s:5) + MOVQ   (TLS), R14            64 4c 8b 34 25 00 00 00 00
//!         0x0009 00009 (main.s:5) + CMPQ   SP, 16(R14)           49 3b 66 10
//!         ...
//! ```

use crate::object::{FixupKind, Function, Object, Variable, flags};
use std::fmt::{self, Display};

/// A listing of an object: `println!("{}", Listing(&object))`.
pub struct Listing<'o>(pub &'o Object);

impl Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.functions.iter().try_for_each(|it| function(f, it))?;
        self.0.variables.iter().try_for_each(|it| variable(f, it))
    }
}

/// Flags as sources write them.
fn flag_names(flags: u32) -> String {
    use flags::*;
    const NAMES: [(u32, &str); 9] = [
        (DUPOK, "DUPOK"),
        (NOSPLIT, "NOSPLIT"),
        (RODATA, "RODATA"),
        (NOPTR, "NOPTR"),
        (WRAPPER, "WRAPPER"),
        (NEEDCTXT, "NEEDCTXT"),
        (NOFRAME, "NOFRAME"),
        (TOPFRAME, "TOPFRAME"),
        (ABIWRAPPER, "ABIWRAPPER"),
    ];
    let names: Vec<_> = NAMES.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect();
    names.join("|")
}

fn function(f: &mut fmt::Formatter<'_>, it: &Function) -> fmt::Result {
    let nosplit = if it.has(flags::NOSPLIT) { " nosplit" } else { "" };
    let (size, args, locals) = (it.code.len(), it.args.unwrap_or(0), it.need());
    writeln!(f, "{} STEXT{nosplit} size={size} args={args:#x} locals={locals:#x}", it.name)?;
    let place = |position: &crate::diagnostic::Position| {
        let file = position.file.rsplit('/').next().unwrap_or_default();
        format!("({file}:{})", position.line)
    };
    let widest = it.instructions.iter().map(|placed| place(&placed.position).len()).max().unwrap_or(0);
    let row = |f: &mut fmt::Formatter<'_>, at: u32, place: &str, mark: &str, text: &str, bytes: &[u8]| {
        let (mnemonic, operands) = text.split_once('\t').unwrap_or((text, ""));
        let text = format!("{mnemonic:<8} {operands}");
        let bytes = hex(bytes);
        let line = format!("    {at:#06x} {at:05} {place:<widest$} {mark} {text:<40} {bytes}");
        writeln!(f, "{}", line.trim_end())
    };
    let flags = flag_names(it.flags);
    let comma = if flags.is_empty() { "" } else { ", " };
    let args = it.args.map(|args| format!("-{args}")).unwrap_or_default();
    let text = format!("TEXT\t{}(SB){comma}{flags}, ${}{args}", it.name, it.need());
    row(f, 0, &place(&it.position), " ", &text, &[])?;
    for placed in &it.instructions {
        let mark = if placed.is_inserted { "+" } else { " " };
        let text = match placed.target {
            // Where a jump leads, as Go writes it: the offset in decimal.
            Some(target) => format!("{}\t{target}", placed.text.split('\t').next().unwrap_or_default()),
            None => placed.text.clone(),
        };
        let bytes = &it.code[placed.at as usize..(placed.at + placed.len) as usize];
        row(f, placed.at, &place(&placed.position), mark, &text, bytes)?;
    }
    for fixup in &it.fixups {
        let kind = match fixup.kind {
            FixupKind::PcRelative => "PC-relative",
            FixupKind::ThreadPointer => "thread-local",
            FixupKind::Address => "address",
        };
        writeln!(f, "    rel {}+4 {kind} {}{:+}", fixup.at, fixup.symbol, fixup.addend)?;
    }
    Ok(())
}

fn variable(f: &mut fmt::Formatter<'_>, it: &Variable) -> fmt::Result {
    let kind = if it.flags & flags::RODATA != 0 { "SRODATA" } else { "SDATA" };
    writeln!(f, "{} {kind} {} size={} align={}", it.name, flag_names(it.flags), it.bytes.len(), it.align)?;
    for (n, part) in it.bytes.chunks(16).enumerate() {
        writeln!(f, "    {:#06x} {}", 16 * n, hex(part))?;
    }
    for fixup in &it.fixups {
        writeln!(f, "    rel {}+8 address {}{:+}", fixup.at, fixup.symbol, fixup.addend)?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let parts: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(" ")
}
