//! The functions in Go's syntax.

use crate::Case;
use goasm_assembler::diagnostic::Position;
use goasm_assembler::registers;
use goasm_assembler::signature::registers::{Assignment, Part, Place};
use goasm_assembler::signature::{Declared, Signature, Value};
use std::fmt::Write as _;

pub fn source(cases: &[Case]) -> String {
    let mut text = "#include \"funcdata.h\"\n#include \"textflag.h\"\n".to_owned();
    // Rust calls it in the middle of a call from assembly, whose frames it moves.
    text.push_str("\nTEXT ·grow(SB), 0, $9000-0\n\tRET\n");
    for (number, case) in cases.iter().enumerate() {
        let signature = signature(case);
        let internal = Assignment::of(&signature);
        let function = Function { number, case, signature: &signature, internal: &internal };
        for one in [function.s(), function.r()] {
            text.push_str(&one);
        }
        for callee in ["r", "x"] {
            text.push_str(&function.stack_caller(callee));
        }
        for callee in ["s", "x"] {
            text.push_str(&function.registers_caller(callee));
        }
    }
    text
}

fn signature(case: &Case) -> Signature {
    let position = Position { file: "bridges".into(), line: 1, column: 1 };
    let declared = |name: &str, index: usize, param: usize| {
        let kind = &case.params[param];
        Declared { name: Some(format!("{name}{index}")), spelling: kind.declared(), ty: kind.layout() }
    };
    let params = (0..case.params.len()).map(|index| declared("a", index, index)).collect();
    let results = case.results.iter().enumerate().map(|(index, param)| declared("r", index, *param)).collect();
    Signature::new(".f", &position, params, results).expect("a signature that is not too large")
}

struct Function<'c> {
    number: usize,
    case: &'c Case,
    signature: &'c Signature,
    internal: &'c Assignment,
}

/// Where the first word of the arguments is, in all functions.
const ARGS: &str = "\tLEAQ argframe+0(FP), R13\n";

impl Function<'_> {
    fn text(&self, name: &str, abi: &str, frame: u64) -> String {
        format!("\nTEXT ·{name}{}{abi}(SB), 0, ${frame}-{}\n", self.number, self.signature.args())
    }

    /// ABI0: copies arguments to results.
    fn s(&self) -> String {
        let mut text = self.text("s", "", self.case.frames[0].into());
        text.push_str(ARGS);
        for (result, param) in self.signature.results.iter().zip(&self.case.results) {
            let from = self.signature.params[*param].offset;
            copy(&mut text, ("R13", from), ("R13", result.offset), result.ty.size());
        }
        text + "\tRET\n"
    }

    /// ABIInternal: the same. Registers are stored before, so that results cannot overwrite arguments.
    fn r(&self) -> String {
        // Each argument has a place among the locals, as far away as in ABI0's layout.
        let locals = self.signature.args().next_multiple_of(8);
        let mut text = self.text("r", "<ABIInternal>", locals + u64::from(self.case.frames[1]));
        text.push_str(ARGS);
        for (value, place) in self.signature.params.iter().zip(&self.internal.params) {
            match place {
                Place::Stack(at) => copy(&mut text, ("R13", *at), ("SP", value.offset), value.ty.size()),
                Place::Registers { parts, .. } => {
                    for part in parts {
                        let (store, register) = (part.store(), registers::name(part.register));
                        let _ = writeln!(text, "\t{store} {register}, {}(SP)", value.offset + part.offset);
                    }
                }
            }
        }
        let results = || self.signature.results.iter().zip(&self.internal.results).zip(&self.case.results);
        let from = |param: &usize| self.signature.params[*param].offset;
        for ((result, place), param) in results() {
            if let Place::Stack(at) = place {
                copy(&mut text, ("SP", from(param)), ("R13", *at), result.ty.size());
            }
        }
        for ((_, place), param) in results() {
            for part in parts(place) {
                let (load, register) = (part.load(), registers::name(part.register));
                let _ = writeln!(text, "\t{load} {}(SP), {register}", from(param) + part.offset);
            }
        }
        text + "\tRET\n"
    }

    /// ABI0: calls an ABI0 name with its own arguments.
    fn stack_caller(&self, callee: &str) -> String {
        let bytes = self.signature.args().next_multiple_of(8);
        let mut text = self.text(&format!("s{callee}"), "", bytes);
        text.push_str("\tNO_LOCAL_POINTERS\n");
        text.push_str(ARGS);
        for value in &self.signature.params {
            copy(&mut text, ("R13", value.offset), ("SP", value.offset), value.ty.size());
        }
        let _ = writeln!(text, "\tCALL ·{callee}{}(SB)", self.number);
        text.push_str(ARGS);
        for value in &self.signature.results {
            copy(&mut text, ("SP", value.offset), ("R13", value.offset), value.ty.size());
        }
        text + "\tRET\n"
    }

    /// ABIInternal: the same with such a name. What is in registers stays there.
    fn registers_caller(&self, callee: &str) -> String {
        let mut text = self.text(&format!("r{callee}"), "<ABIInternal>", self.internal.bytes);
        text.push_str("\tNO_LOCAL_POINTERS\n");
        text.push_str(ARGS);
        for (value, at) in on_stack(&self.signature.params, &self.internal.params) {
            copy(&mut text, ("R13", at), ("SP", at), value.ty.size());
        }
        let _ = writeln!(text, "\tCALL ·{callee}{}<ABIInternal>(SB)", self.number);
        text.push_str(ARGS);
        for (value, at) in on_stack(&self.signature.results, &self.internal.results) {
            copy(&mut text, ("SP", at), ("R13", at), value.ty.size());
        }
        text + "\tRET\n"
    }
}

fn on_stack<'v>(values: &'v [Value], places: &'v [Place]) -> impl Iterator<Item = (&'v Value, u64)> {
    values.iter().zip(places).filter_map(|(value, place)| match place {
        Place::Stack(at) => Some((value, *at)),
        Place::Registers { .. } => None,
    })
}

fn parts(place: &Place) -> &[Part] {
    match place {
        Place::Stack(_) => &[],
        Place::Registers { parts, .. } => parts,
    }
}

/// Copies byte by byte what is left over of words. R12 has no argument or result.
fn copy(text: &mut String, (from, from_at): (&str, u64), (to, to_at): (&str, u64), bytes: u64) {
    let mut at = 0;
    while at < bytes {
        let (load, store, width) = if bytes - at >= 8 { ("MOVQ", "MOVQ", 8) } else { ("MOVBLZX", "MOVB", 1) };
        let _ = writeln!(text, "\t{load} {}({from}), R12\n\t{store} R12, {}({to})", from_at + at, to_at + at);
        at += width;
    }
}
