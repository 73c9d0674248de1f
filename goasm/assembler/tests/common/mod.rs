//! What several tests need.

#![allow(dead_code, reason = "each test uses its own part")]

use goasm_assembler::parse::{Options, parse_text};
use goasm_assembler::syntax::{Operand, Statement, StatementKind};

pub mod compared;
pub mod declared;
pub mod go;
pub mod lines;
pub mod random;

/// The statements of a source, in which nothing may be wrong.
pub fn statements(text: &str) -> Vec<Statement> {
    with_options(text, &Options::default())
}

/// The same with options.
pub fn with_options(text: &str, options: &Options) -> Vec<Statement> {
    match parse_text("test.s", text, options) {
        Ok(parsed) => parsed.statements,
        Err(errors) => {
            let list: Vec<_> = errors.iter().map(ToString::to_string).collect();
            panic!("in\n{text}\n{}", list.join("\n"))
        }
    }
}

/// What is wrong with a source: messages with their notes.
pub fn errors(text: &str) -> Vec<String> {
    errors_with_options(text, &Options::default())
}

/// The same with options.
pub fn errors_with_options(text: &str, options: &Options) -> Vec<String> {
    match parse_text("test.s", text, options) {
        Ok(parsed) => panic!("nothing is wrong with\n{text}\n{:#?}", parsed.statements),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

/// A function around lines.
pub fn function(lines: &str) -> String {
    format!("TEXT ·f(SB), 4, $16-8\n{lines}\n")
}

/// The instructions of a function of these lines, each in words: `MOVQ AX BX`.
pub fn instructions(lines: &str) -> Vec<String> {
    words(&statements(&function(lines)))
}

/// All instructions, each in words; registers and numbers as Rust writes them where Go's form does not matter.
pub fn words(statements: &[Statement]) -> Vec<String> {
    let instructions = statements.iter().filter_map(|statement| match &statement.kind {
        StatementKind::Instruction(instruction) => Some(instruction),
        _ => None,
    });
    let operand = |operand: &Operand| match operand {
        Operand::Register(register) => format!("{register:?}"),
        Operand::Immediate(value) => format!("${value}"),
        other => format!("{other:?}"),
    };
    let line = |instruction: &goasm_assembler::syntax::Instruction| {
        let operands = instruction.operands.iter().map(|spanned| operand(&spanned.operand));
        std::iter::once(instruction.mnemonic.clone()).chain(operands).collect::<Vec<_>>().join(" ")
    };
    instructions.map(line).collect()
}

/// The one operand of `MOVQ`-like instruction in a function of its own.
pub fn operand_of(mnemonic: &str, text: &str) -> Operand {
    let statements = statements(&function(&format!("{mnemonic} {text}")));
    match &statements[1].kind {
        StatementKind::Instruction(instruction) if instruction.operands.len() == 1 => {
            instruction.operands[0].operand.clone()
        }
        other => panic!("{other:?}"),
    }
}
