//! What Go's assembler makes of a file, to compare with what ours does: instruction by instruction.

use super::go::Go;
use goasm_assembler::object::{FixupKind, Function};
use iced_x86::{Decoder, DecoderOptions, Instruction};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A function as Go's `-S` shows it.
#[derive(Debug, Default)]
pub struct Listed {
    /// Its code, with zeros where linking fills something in.
    pub code: Vec<u8>,
    /// The fields that it fills in: where, how many bytes, what kind, the symbol.
    pub fields: Vec<(usize, usize, String, String)>,
}

/// Assembles `file` with Go: its functions by name. The message where Go refuses it.
pub fn listed(
    go: &Go,
    package: &str,
    include_dirs: &[PathBuf],
    file: &Path,
) -> Result<BTreeMap<String, Listed>, String> {
    let mut command = go.assembler();
    for dir in include_dirs {
        command.arg("-I").arg(dir);
    }
    // Only in its own library does Go take ABIInternal.
    let unwanted = go.unwanted();
    command.args(["-std", "-p", package, "-S", "-o"]).arg(&unwanted).arg(file);
    let output = command.output().expect("Go's assembler runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads a listing: headings begin at the left margin, what belongs to them does not.
fn read(text: &str) -> BTreeMap<String, Listed> {
    let mut functions = BTreeMap::new();
    let mut current: Option<(String, Listed)> = None;
    for line in text.lines() {
        match line.strip_prefix('\t') {
            None => {
                functions.extend(current.take());
                if let Some((name, _)) = line.split_once(" STEXT") {
                    current = Some((name.to_owned(), Listed::default()));
                }
            }
            Some(line) => {
                let Some((_, listed)) = &mut current else { continue };
                if let Some(field) = line.strip_prefix("rel ") {
                    let mut words = field.split_whitespace();
                    let (at, size) = words.next().and_then(|word| word.split_once('+')).expect("a place");
                    let kind = words.next().unwrap_or_default().trim_start_matches("t=").to_owned();
                    let symbol = words.next().unwrap_or_default().to_owned();
                    let number = |digits: &str| digits.parse().expect("a number");
                    listed.fields.push((number(at), number(size), kind, symbol));
                } else if let Some(bytes) = hex_line(line) {
                    listed.code.extend(bytes);
                }
            }
        }
    }
    functions.extend(current);
    functions
}

/// The bytes of a line like `0x0010 48 89 e5 e8 ...  H...`. Lines of instructions have a second number instead.
fn hex_line(line: &str) -> Option<Vec<u8>> {
    let rest = line.strip_prefix("0x")?;
    let (_, bytes) = rest.split_once(' ')?;
    // Sixteen columns of three characters, then the same as text.
    let columns = bytes.get(..48).unwrap_or(bytes);
    columns
        .split_whitespace()
        .map(|byte| (byte.len() == 2).then(|| u8::from_str_radix(byte, 16).ok()).flatten())
        .collect()
}

/// How a function of ours compares with Go's.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every byte is the same, but for what linking fills in.
    SameBytes,
    /// Every instruction is, some in another encoding.
    SameInstructions,
    /// The first that differs: ours, Go's.
    Differs(String, String),
}

/// Compares. What linking fills in is zero on both sides; that it is the same symbol is compared too.
pub fn compare(ours: &Function, theirs: &Listed) -> Verdict {
    let mut code = ours.code.clone();
    // A function that could run off its end gets a jump to itself, which Go 1.27 leaves out.
    let has_end = ours.instructions.iter().any(|it| it.is_inserted && it.text.starts_with("JMP\t0(PC)"));
    let mut expected = theirs.code.clone();
    let ours_fields: Vec<_> = ours.fixups.iter().map(|it| (it.at as usize, it.kind)).collect();
    for (at, kind) in &ours_fields {
        let size = if *kind == FixupKind::Address { 8 } else { 4 };
        code[*at..at + size].fill(0);
    }
    for (at, size, ..) in &theirs.fields {
        expected[*at..at + size].fill(0);
    }
    if code == expected {
        return Verdict::SameBytes;
    }
    let decode = |bytes: &[u8]| -> Vec<Instruction> {
        Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE).iter().filter(|it| !is_padding(it)).collect()
    };
    let (mut ours_decoded, theirs_decoded) = (decode(&code), decode(&expected));
    if has_end && ours_decoded.len() == theirs_decoded.len() + 1 {
        let own = ours_decoded.iter().position(|it| it.is_jmp_short() && it.near_branch64() == it.ip());
        own.map(|own| ours_decoded.remove(own));
    }
    let index = |decoded: &[Instruction]| -> BTreeMap<u64, usize> {
        decoded.iter().enumerate().map(|(n, it)| (it.ip(), n)).collect()
    };
    let (ours_at, theirs_at) = (index(&ours_decoded), index(&theirs_decoded));
    let empty = Instruction::default();
    for n in 0..ours_decoded.len().max(theirs_decoded.len()) {
        let one = ours_decoded.get(n).unwrap_or(&empty);
        let other = theirs_decoded.get(n).unwrap_or(&empty);
        if !is_same(one, &ours_at, other, &theirs_at) {
            return Verdict::Differs(format!("{:#x} {one}", one.ip()), format!("{:#x} {other}", other.ip()));
        }
    }
    Verdict::SameInstructions
}

fn is_padding(it: &Instruction) -> bool {
    it.mnemonic() == iced_x86::Mnemonic::Nop
}

/// Whether two instructions do the same; jumps inside the function lead to the same instruction, counted from the start.
fn is_same(
    one: &Instruction,
    ours_at: &BTreeMap<u64, usize>,
    other: &Instruction,
    theirs_at: &BTreeMap<u64, usize>,
) -> bool {
    let is_jump =
        |it: &Instruction| it.is_jmp_short_or_near() || it.is_jcc_short_or_near() || it.is_loop() || it.is_jcx_short();
    if is_jump(one) && is_jump(other) {
        // The first instruction that is there or behind it, because padding is left out.
        let to = |at: &BTreeMap<u64, usize>, target| at.range(target..).next().map(|(_, n)| *n);
        let targets = (to(ours_at, one.near_branch64()), to(theirs_at, other.near_branch64()));
        return one.condition_code() == other.condition_code() && targets.0 == targets.1;
    }
    let plain = |it: &Instruction| {
        let mut it = *it;
        if it.is_ip_rel_memory_operand() {
            // Relative to where it is, which may differ by the encodings before.
            it.set_memory_displacement64(0);
        }
        if it.is_call_near() {
            it.set_near_branch64(0);
        }
        it.to_string()
    };
    plain(one) == plain(other)
}
