//! All functions of a binary, each with its kind and with what following it showed.

use std::collections::HashSet;

use iced_x86::{Decoder, DecoderOptions, Mnemonic, Register};

use super::Options;
use super::check::{self, Check};
use super::error::{Error, Problem, Violation};
use super::image::{Function, Image, demangle};
use super::inst;
use super::judge::{self, Judge, Judged};
use super::landing::Tables;
use super::limits;
use super::runtime::Runtime;
use super::tables;
use super::track::Facts;

/// How a function treats the stack.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// It checks before it takes any.
    Checked(Check),
    /// It has the check's bytes and a stated bound.
    HandWritten,
    /// It takes so little that its caller's check is enough.
    Leaf,
    /// It may run on a big stack only.
    Foreign(String),
}

#[derive(Debug)]
pub(super) struct Program<'i, 'd> {
    pub(super) image: &'i Image<'d>,
    pub(super) runtime: Runtime,
    /// One for each of the image's functions.
    pub(super) kinds: Vec<Kind>,
    /// Empty for foreign and hand-written functions.
    pub(super) facts: Vec<Facts>,
    pub(super) violations: Vec<Violation>,
}

impl<'i, 'd> Program<'i, 'd> {
    pub(super) fn analyse(image: &'i Image<'d>, runtime: Runtime) -> Program<'i, 'd> {
        let landing = Tables::parse(image);
        let trusted = runtime.trusted(image);
        let referenced = tables::all_references(image);
        let judge = Judge {
            image,
            runtime: &runtime,
            trusted: &trusted,
            unsubtracted: limits::unsubtracted(
                trusted.values().copied().max().unwrap_or(0).clamp(0, limits::HAND_WRITTEN),
            ),
            referenced: &referenced,
            tables: landing.as_ref().ok(),
        };
        let mut judged = judge.all();
        judge::leaves(image, &runtime, &mut judged);
        let mut program = Program { image, runtime, kinds: Vec::new(), facts: Vec::new(), violations: Vec::new() };
        if let Err(what) = landing {
            program.violate(0, Problem::UnwindTable(what));
        }
        for Judged { kind, facts, faults } in judged {
            program.kinds.push(kind);
            program.facts.push(facts);
            for (at, problem) in faults {
                program.violate(at, problem);
            }
        }
        for (&at, _) in trusted.iter().filter(|(at, _)| image.at(**at).is_none()) {
            program.violate(at, Problem::TrustedWithoutCheck);
        }
        program.stray_checks();
        program.stray_calls_of_morestack();
        program
    }

    /// Records a violation at an address.
    pub(super) fn violate(&mut self, address: u64, problem: Problem) {
        let symbol = self.image.around(address).map_or("", |index| self.image.functions[index].name);
        let function = if symbol.is_empty() { "code without a symbol".to_owned() } else { demangle(symbol) };
        // An address that begins a function stands for all of it, unless the instruction is what is wrong.
        let instruction = match &problem {
            Problem::NoBound | Problem::BoundTooLarge { .. } | Problem::SlowPath(_) | Problem::UnwindTable(_) => {
                String::new()
            }
            _ => inst::text(self.image, address),
        };
        self.violations.push(Violation { function, symbol: symbol.to_owned(), address, instruction, problem });
    }

    /// A call through a pointer trusts the check's bytes wherever it finds them; outside of functions nobody has looked
    /// at what follows.
    fn stray_checks(&mut self) {
        let mut stray = Vec::new();
        for range in self.image.executable_ranges() {
            let bytes = self.image.bytes(range.start, range.end - range.start);
            for (pattern, at) in [(check::SHORT, 0), (check::LONG, check::LONG_AT)] {
                // All bytes of both patterns but the second and third are equal; the sixth is the rarest.
                for offset in memchr_all(bytes, &pattern) {
                    let address = range.start + offset as u64 - at.min(offset as u64);
                    if self.image.around(address).is_none() {
                        stray.push(address);
                    }
                }
            }
        }
        for address in stray {
            self.violate(address, Problem::StrayCheck);
        }
    }

    /// `__morestack` puts its caller on a small segment, so only functions that have been followed may call it. Found by their bytes
    /// wherever they are: unchecked code is not decoded.
    fn stray_calls_of_morestack(&mut self) {
        let known: HashSet<u64> = (self.kinds.iter())
            .filter_map(|kind| match kind {
                Kind::Checked(check) => Some(check.morestack_at()),
                _ => None,
            })
            .collect();
        let mut stray = Vec::new();
        for range in self.image.executable_ranges() {
            let bytes = self.image.bytes(range.start, range.end - range.start);
            for (offset, window) in bytes.windows(5).enumerate() {
                let &[opcode, a, b, c, d] = window else { continue };
                // call, jmp, and the second byte of a conditional jump.
                let conditional = opcode & 0xf0 == 0x80 && offset > 0 && bytes[offset - 1] == 0x0f;
                if !matches!(opcode, 0xe8 | 0xe9) && !conditional {
                    continue;
                }
                let address = range.start + offset as u64;
                let target = (address + 5).wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d])));
                let address = address - u64::from(conditional);
                if target == self.runtime.morestack && !known.contains(&address) {
                    stray.push(address);
                }
            }
        }
        // What is wrong with a function's own check says more.
        let faulty: HashSet<_> = self.violations.iter().filter_map(|known| self.image.around(known.address)).collect();
        stray.retain(|&address| self.image.around(address).is_none_or(|function| !faulty.contains(&function)));
        for address in stray {
            self.violate(address, Problem::MorestackFromElsewhere);
        }
    }

    /// Whether a foreign function was left unchecked on purpose, so that calls to it may be turned into foreign ones.
    pub(super) fn left_unchecked(&self, function: &Function<'_>, options: &Options) -> bool {
        options.plain_objects_allowed
            || options.left_unchecked.iter().any(|name| name == function.name)
            || aligns(self.image, function)
    }

    /// The error that the violations make, if there are any.
    pub(super) fn refuse(&mut self, path: &std::path::Path) -> Result<(), Error> {
        if self.violations.is_empty() {
            return Ok(());
        }
        let mut violations = std::mem::take(&mut self.violations);
        violations.sort_by_key(|violation| violation.address);
        let total = violations.len();
        violations.truncate(SHOWN);
        Err(Error::Violations { path: path.to_owned(), violations, total })
    }
}

/// Violations that an error lists. More seldom say more.
const SHOWN: usize = 10;

fn memchr_all<'b>(bytes: &'b [u8], pattern: &'b [u8; 9]) -> impl Iterator<Item = usize> + 'b {
    // Compares one byte first, the guard's offset, because the prefixes are frequent.
    let rare = pattern.iter().position(|byte| *byte == 0x70).unwrap_or(0);
    let last = bytes.len().saturating_sub(pattern.len() - 1);
    (0..last).filter(move |&at| bytes[at + rare] == pattern[rare] && bytes[at..].starts_with(pattern))
}

/// Whether it has an instruction that aligns `%rsp` to more than calls do.
fn aligns(image: &Image<'_>, function: &Function<'_>) -> bool {
    Decoder::with_ip(64, image.bytes(function.address, function.size), function.address, DecoderOptions::NONE)
        .iter()
        .any(|ins| {
            ins.mnemonic() == Mnemonic::And && ins.op0_register() == Register::RSP && (ins.immediate(1) as i64) < -16
        })
}
