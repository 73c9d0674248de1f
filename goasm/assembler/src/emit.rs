//! An object as assembly for `morestack::mapped_asm!`: bytes, the fields that linking fills in, and the tables.
//!
//! The layout of the function table is the runtime's (`asm/macros.s`); what stands here are uses of its macros. Instructions are
//! given as bytes, so that what is listed, checked and compared is what runs.

use crate::object::{Call, Cfa, Fixup, FixupKind, Function, Map, Object, Placed, Unwind, Variable, flags};
use std::fmt::Write as _;

/// Flags that the function table knows.
const TABLE_FLAGS: u32 =
    flags::NOSPLIT | flags::WRAPPER | flags::NEEDCTXT | flags::NOFRAME | flags::TOPFRAME | flags::ABIWRAPPER;

/// The assembly text. With `comments`, each instruction is written beside its bytes. Braces are not escaped.
pub fn mapped_asm(object: &Object, comments: bool) -> String {
    let mut out = Out { text: String::new(), comments };
    for function in &object.functions {
        out.function(function);
    }
    for variable in &object.variables {
        out.variable(variable);
    }
    out.text
}

struct Out {
    text: String,
    comments: bool,
}

impl Out {
    fn line(&mut self, line: impl std::fmt::Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn function(&mut self, function: &Function) {
        let name = quoted(&function.name);
        self.line(format_args!("\nFILE {}", quoted(&function.position.file)));
        self.line(".text");
        self.line(format_args!(".p2align {}", function.align.trailing_zeros()));
        self.linkage(&name, function.is_static, function.flags);
        self.line(format_args!(".set LINE, {}", function.position.line));
        let (flags, args) = (function.flags & TABLE_FLAGS, function.args.unwrap_or(0));
        self.line(format_args!("FUNCTION {name}, {flags}, {}, {args}", function.frame));
        if function.pushes != 0 {
            self.line(format_args!(".set text_pushes, {}", function.pushes));
        }
        self.map("STACKMAP_ARGS", function.args_map.as_ref());
        self.map("STACKMAP_LOCALS", function.locals_map.as_ref());
        self.code(function);
        self.lines(function);
        self.line(format_args!("FUNCTION_END {name}"));
    }

    fn linkage(&mut self, name: &str, is_static: bool, flags: u32) {
        if flags & flags::DUPOK != 0 {
            self.line(format_args!(".weak {name}"));
        } else if !is_static {
            self.line(format_args!(".globl {name}"));
        }
    }

    fn map(&mut self, macro_name: &str, map: Option<&Map>) {
        let Some(Map { count, bits, bytes }) = map else { return };
        let bytes = if bytes.is_empty() { "0".to_owned() } else { list(bytes) };
        self.line(format_args!("{macro_name} {count}, {bits}, {bytes}"));
    }

    /// The bytes, with unwind directives, call sites and the labels of the function table between them.
    fn code(&mut self, function: &Function) {
        let mut unwind = function.unwind.iter().peekable();
        let mut last = Unwind { at: 0, cfa: Cfa::Sp(8), is_bp_saved: false };
        let (mut is_body_labelled, mut is_restart_labelled) = (false, function.restart.is_none());
        for placed in &function.instructions {
            if !is_body_labelled && placed.at >= function.body {
                is_body_labelled = true;
                self.line(format_args!("{}:", quoted(&format!(".L{}$body", function.name))));
            }
            while let Some(row) = unwind.next_if(|row| row.at <= placed.at) {
                self.unwind(last, *row);
                last = *row;
            }
            if !is_restart_labelled && function.restart == Some(placed.at) {
                is_restart_labelled = true;
                self.line(format_args!("{}:", quoted(&format!(".L{}$restart", function.name))));
            }
            self.placed(function, placed);
            if let Some(call) = function.calls.iter().find(|call| placed.len != 0 && call.at == placed.at + placed.len)
            {
                self.call(call);
            }
        }
    }

    /// The bytes of an instruction.
    fn placed(&mut self, function: &Function, placed: &Placed) {
        let (start, end) = (placed.at as usize, (placed.at + placed.len) as usize);
        if self.comments && (placed.len != 0 || !placed.text.is_empty()) {
            let mark = if placed.is_inserted { "+" } else { " " };
            let text = placed.text.replace(['\n', '\r'], " ");
            self.line(format_args!("    #{mark} {}: {text}", placed.position.line));
        }
        self.bytes(&function.code, &function.fixups, start, end);
    }

    /// Bytes with the fields in them.
    fn bytes(&mut self, all: &[u8], fixups: &[Fixup], start: usize, end: usize) {
        let mut at = start;
        let first = fixups.partition_point(|fixup| (fixup.at as usize) < start);
        for fixup in fixups[first..].iter().take_while(|fixup| (fixup.at as usize) < end) {
            self.plain(&all[at..fixup.at as usize]);
            let symbol = quoted(&fixup.symbol);
            let addend = fixup.addend;
            at = fixup.at as usize;
            match fixup.kind {
                FixupKind::PcRelative => self.line(format_args!("    .long {symbol} - . + {addend}")),
                FixupKind::ThreadPointer => self.line(format_args!("    .long {}@tpoff + {addend}", fixup.symbol)),
                FixupKind::Address => self.line(format_args!("    .quad {symbol} + {addend}")),
            }
            at += if fixup.kind == FixupKind::Address { 8 } else { 4 };
        }
        self.plain(&all[at..end]);
    }

    fn plain(&mut self, bytes: &[u8]) {
        // Lines of some hundred characters, for whoever reads them.
        for part in bytes.chunks(32) {
            self.line(format_args!("    .byte {}", list(part)));
        }
    }

    fn unwind(&mut self, from: Unwind, to: Unwind) {
        if from.cfa != to.cfa {
            match to.cfa {
                Cfa::Sp(bytes) => self.line(format_args!("    .cfi_def_cfa %rsp, {bytes}")),
                Cfa::Bp(bytes) => self.line(format_args!("    .cfi_def_cfa %rbp, {bytes}")),
            }
        }
        match (from.is_bp_saved, to.is_bp_saved) {
            (false, true) => self.line("    .cfi_offset %rbp, -16"),
            (true, false) => self.line("    .cfi_restore %rbp"),
            _ => {}
        }
    }

    fn call(&mut self, call: &Call) {
        self.line(format_args!("    .set LINE, {}", call.position.line));
        let callee = call.callee.as_deref().map(quoted).unwrap_or_default();
        match call.is_tail {
            true => self.line(format_args!("    CALL_SITE {callee}, {}, TAIL_CALL", call.map)),
            false => self.line(format_args!("    CALL_SITE {callee}, {}, {}", call.map, call.pushed)),
        }
    }

    /// The line table. What comes from another file counts to the line before it.
    fn lines(&mut self, function: &Function) {
        let (mut at, mut line) = (0, i64::from(function.position.line));
        let mut bytes = Vec::new();
        for placed in function.instructions.iter().filter(|placed| placed.len != 0) {
            let its = i64::from(placed.position.line);
            if placed.position.file == function.position.file && (its != line || bytes.is_empty()) {
                unsigned(&mut bytes, placed.at - at);
                signed(&mut bytes, its - line);
                (at, line) = (placed.at, its);
            }
        }
        let count = bytes.len();
        // Any length would do; what assemblers take in one line has a limit somewhere.
        for part in bytes.chunks(128) {
            self.line(format_args!("LINES {count}, {}", list(part)));
        }
    }

    fn variable(&mut self, variable: &Variable) {
        let name = quoted(&variable.name);
        let is_zero = variable.fixups.is_empty() && variable.bytes.iter().all(|byte| *byte == 0);
        let section = match variable.flags & flags::RODATA != 0 {
            // Addresses in it are filled in when the program is loaded.
            true if !variable.fixups.is_empty() => ".data.rel.ro, \"aw\", @progbits",
            true => ".rodata, \"a\", @progbits",
            false if is_zero => ".bss, \"aw\", @nobits",
            false => ".data, \"aw\", @progbits",
        };
        self.line(format_args!("\n.pushsection {section}"));
        self.line(format_args!(".p2align {}", variable.align.trailing_zeros()));
        self.linkage(&name, variable.is_static, variable.flags);
        self.line(format_args!(".type {name}, @object"));
        self.line(format_args!("{name}:"));
        let size = variable.bytes.len();
        if section.starts_with(".bss") {
            self.line(format_args!("    .zero {size}"));
        } else {
            self.bytes(&variable.bytes, &variable.fixups, 0, size);
        }
        self.line(format_args!(".size {name}, {size}"));
        self.line(".popsection");
    }
}

/// A name or path as assemblers read it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn list(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(4 * bytes.len());
    for (n, byte) in bytes.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{byte}");
    }
    text
}

/// Appends a number as DWARF's unsigned LEB128.
fn unsigned(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a number as DWARF's signed LEB128.
fn signed(bytes: &mut Vec<u8>, mut value: i64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        let is_done = value == if low & 0x40 == 0 { 0 } else { -1 };
        bytes.push(if is_done { low } else { low | 0x80 });
        if is_done {
            return;
        }
    }
}
