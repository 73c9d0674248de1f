//! A function's statements become pieces.

use super::frame::{self, Frame, Inserted};
use super::operand::{Depth, Resolver};
use super::piece::{Bp, Piece, Place, Reference, Work};
use super::variables::Variables;
use super::{layout, names};
use crate::diagnostic::{Diagnostic, Position};
use crate::machine;
use crate::object::{Function, Map, Options, flags};
use crate::signature::registers::{Assignment, Spill};
use crate::syntax::{Abi, Statement, StatementKind, Symbol};
use std::collections::HashMap;

/// The largest frame: offsets in it must fit an instruction's 32 bits, with room for what is added to them.
pub(super) const MAX_FRAME: i64 = 1 << 30;

/// `PCDATA_StackMapIndex` and the two kinds of `FUNCDATA` that matter here, with the values of Go's `funcdata.h`.
const STACK_MAP_INDEX: i64 = 1;
const ARGS_POINTER_MAPS: i64 = 0;
const LOCALS_POINTER_MAPS: i64 = 1;

/// Assembles a function: its `TEXT` and what follows it.
pub(super) fn function(
    section: &[Statement],
    options: &Options,
    variables: &mut Variables<'_>,
) -> Result<Function, Vec<Diagnostic>> {
    let [text, body @ ..] = section else { return Err(Vec::new()) };
    let StatementKind::Text { symbol, flags, frame: size, args } = &text.kind else { return Err(Vec::new()) };
    let name = names::linkage(symbol, options);
    let refuse = |message: String| Err(vec![Diagnostic::new(&text.position, message)]);
    // Plan 9's way to say that there is no frame.
    let (size, flags) = if *size == -8 { (0, flags | flags::NOFRAME) } else { (*size, *flags) };
    if !(0..=MAX_FRAME).contains(&size) || size % 8 != 0 {
        return refuse(format!("{name}: a frame has a multiple of 8 bytes, at most {MAX_FRAME}; this one {size}"));
    }
    let args = match args {
        Some(args) if !(0..=MAX_FRAME).contains(args) => {
            return refuse(format!("{name}: {args} bytes of arguments and results are not possible"));
        }
        Some(args) => Some(*args as u32),
        None => None,
    };
    let abi = symbol.abi.unwrap_or(Abi::Abi0);
    let assignment = options.internal.get(&name).filter(|_| abi == Abi::Internal);
    let args = assignment.map(|assignment| assignment.bytes as u32).or(args);
    let spills = match abi {
        Abi::Abi0 => Some(Vec::new()),
        Abi::Internal => assignment.map(Assignment::spills),
    };
    let frame = Frame::new(size as u32, flags, abi, body);
    let mut lowering = Lowering {
        name: &name,
        resolver: Resolver { options, variables, depth: Depth { bytes: 0, bp: i64::from(frame.bp_bytes()) } },
        frame,
        pieces: Vec::new(),
        starts: vec![0],
        labels: labels(body),
        count: 2 + body.iter().filter(|statement| counts(&statement.kind)).count(),
        hidden: 0,
        bp: Bp::Caller,
        map: 0,
        deepest: 0,
        args_map: None,
        locals_map: None,
        errors: Vec::new(),
    };
    let body_start = lowering.begin(&text.position);
    lowering.statements(body);
    let slow = lowering.end(&text.position, spills.as_deref().unwrap_or_default(), body_start);
    let Lowering { pieces, starts, deepest, args_map, locals_map, errors, .. } = lowering;
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut function = Function {
        abi,
        is_static: symbol.is_static,
        position: text.position.clone(),
        flags: frame.flags,
        frame: frame.size,
        args,
        pushes: (deepest - i64::from(frame.need())).max(0) as u32,
        align: 16,
        code: Vec::new(),
        body: 0,
        restart: None,
        instructions: Vec::new(),
        fixups: Vec::new(),
        calls: Vec::new(),
        unwind: Vec::new(),
        spills,
        args_map: args_map.or_else(|| declared(&name, options)),
        locals_map,
        name,
    };
    layout::lay_out(&mut function, &pieces, &starts, slow, body_start)?;
    Ok(function)
}

/// The arguments' maps of a function that Rust declares.
fn declared(name: &str, options: &Options) -> Option<Map> {
    if let Some(Assignment { pointers: [args, with_results], .. }) = options.internal.get(name) {
        return Some(Map::of(&[args, with_results]));
    }
    let pointers = options.pointers.get(name)?;
    Some(Map::of(&[&pointers.args, &pointers.with_results]))
}

/// Which instruction each label is before: its number among those that `n(PC)` counts, `TEXT` being 0.
fn labels(body: &[Statement]) -> HashMap<&str, usize> {
    let mut labels = HashMap::new();
    let mut number = 1;
    for statement in body {
        match &statement.kind {
            StatementKind::Label(name) => {
                labels.insert(name.as_str(), number);
            }
            kind if counts(kind) => number += 1,
            _ => {}
        }
    }
    labels
}

/// Whether `n(PC)` counts it.
fn counts(kind: &StatementKind) -> bool {
    use StatementKind::*;
    match kind {
        Instruction(_) | FuncData { .. } | PcData { .. } | PcAlign(_) => true,
        Text { .. } | Globl { .. } | Data { .. } | Label(_) => false,
    }
}

/// Pieces of a function that checks.
#[derive(Clone, Copy)]
pub(super) struct Slow {
    /// Where a failed check goes.
    pub(super) slow: usize,
    /// Where morestack returns to.
    pub(super) restart: usize,
    /// Where it goes on without asking again.
    pub(super) skip: usize,
}

/// A function in the making.
pub(super) struct Lowering<'a, 's> {
    pub(super) name: &'a str,
    /// Has the stack's depth as the assembler counts it.
    pub(super) resolver: Resolver<'a, 's>,
    pub(super) frame: Frame,
    pieces: Vec<Piece>,
    /// The first piece of each statement that `n(PC)` counts, `TEXT` first.
    pub(super) starts: Vec<usize>,
    pub(super) labels: HashMap<&'a str, usize>,
    /// How many places `starts` will have.
    pub(super) count: usize,
    /// By how much arithmetic on SP has moved it down, which names of arguments and locals do not take into account.
    pub(super) hidden: i64,
    pub(super) bp: Bp,
    map: u32,
    /// Most bytes below the return address at any point.
    deepest: i64,
    args_map: Option<Map>,
    locals_map: Option<Map>,
    errors: Vec<Diagnostic>,
}

impl<'a> Lowering<'a, '_> {
    /// Inserts check and prologue. The index of the first piece behind the check.
    fn begin(&mut self, position: &Position) -> usize {
        if self.frame.is_checked() {
            self.insert(position, frame::check(&self.frame));
        }
        let body = self.pieces.len();
        self.insert(position, frame::prologue(&self.frame));
        body
    }

    fn statements(&mut self, body: &'a [Statement]) {
        for statement in body {
            if !counts(&statement.kind) {
                continue;
            }
            self.starts.push(self.pieces.len());
            if let Err(error) = self.statement(statement) {
                self.errors.push(error);
            }
        }
        self.starts.push(self.pieces.len());
    }

    /// Inserts what follows the last statement. The pieces where failed checks go and what they come back to.
    fn end(&mut self, position: &Position, spills: &[Spill], body: usize) -> Option<Slow> {
        let last = self.pieces.iter().rposition(|piece| !matches!(piece.work, Work::Nothing));
        // A label at the end counts as well: its jump would run off.
        let is_end_reached = last.is_none_or(|last| !ends(&self.pieces[last].work))
            || self.labels.values().any(|number| self.starts.get(*number).is_some_and(|start| Some(*start) > last));
        if is_end_reached {
            let own = Reference::Inside(Place::Piece(self.pieces.len()));
            let work = machine("JMP", vec![machine::Operand::Target], Some(own));
            let text = "JMP\t0(PC)".into();
            self.insert(position, vec![Inserted { text, work, moves: 0, bp: None }]);
        }
        if !self.frame.is_checked() {
            return None;
        }
        let slow = self.pieces.len();
        self.resolver.depth.bytes = 0;
        (self.hidden, self.bp) = (0, Bp::Caller);
        self.insert(position, frame::slow_path(&self.frame, spills));
        let restart = self.pieces.len();
        self.insert(position, frame::again(&self.frame, spills, Place::Entry));
        let skip = match self.frame.abi {
            Abi::Abi0 => body,
            Abi::Internal => {
                let skip = self.pieces.len();
                self.insert(position, frame::again(&self.frame, spills, Place::Piece(body)));
                skip
            }
        };
        Some(Slow { slow, restart, skip })
    }

    pub(super) fn insert(&mut self, position: &Position, inserted: impl IntoIterator<Item = Inserted>) {
        for Inserted { text, work, moves, bp } in inserted {
            self.push(position, text, work, true);
            self.moved(moves);
            self.bp = bp.unwrap_or(self.bp);
        }
    }

    pub(super) fn push(&mut self, position: &Position, text: String, work: Work, is_inserted: bool) {
        let depth = self.resolver.depth.bytes + self.hidden;
        self.pieces.push(Piece {
            position: position.clone(),
            text,
            is_inserted,
            depth,
            bp: self.bp,
            map: self.map,
            work,
        });
    }

    /// The stack pointer has gone down by so many bytes.
    pub(super) fn moved(&mut self, bytes: i64) {
        self.resolver.depth.bytes += bytes;
        self.deepest = self.deepest.max(self.resolver.depth.bytes + self.hidden);
    }

    fn statement(&mut self, statement: &'a Statement) -> Result<(), Diagnostic> {
        let position = &statement.position;
        let nothing = |text: String| (text, Work::Nothing);
        let (text, work) = match &statement.kind {
            StatementKind::FuncData { index, symbol } => {
                self.func_data(position, *index, symbol)?;
                nothing(format!("FUNCDATA\t${index}, {}(SB)", symbol.name))
            }
            StatementKind::PcData { index, value } => {
                if *index == STACK_MAP_INDEX {
                    // -1 stands for the state at the entry.
                    self.map = u32::try_from(*value).unwrap_or(0);
                }
                nothing(format!("PCDATA\t${index}, ${value}"))
            }
            StatementKind::PcAlign(align) => {
                let align = match u32::try_from(*align) {
                    Ok(align) if align.is_power_of_two() && (8..=2048).contains(&align) => align,
                    _ => {
                        let message = format!("PCALIGN takes a power of two from 8 to 2048, not {align}");
                        return Err(Diagnostic::new(position, message));
                    }
                };
                (format!("PCALIGN\t${align}"), Work::Align(align))
            }
            StatementKind::Instruction(instruction) => return self.instruction(position, instruction),
            _ => return Ok(()),
        };
        self.push(position, text, work, false);
        Ok(())
    }

    fn func_data(&mut self, position: &Position, index: i64, symbol: &Symbol) -> Result<(), Diagnostic> {
        let map = match symbol.name.as_str() {
            // Two states, for functions that say when their results are set.
            "no_pointers_stackmap" => Some(Map::none(2)),
            // From the signature in Rust, as if nothing were said.
            "go_args_stackmap" => None,
            _ if matches!(index, ARGS_POINTER_MAPS | LOCALS_POINTER_MAPS) => {
                let name = names::linkage(symbol, self.resolver.options);
                Some(self.resolver.variables.map(&name, position)?)
            }
            _ => None,
        };
        match index {
            ARGS_POINTER_MAPS => self.args_map = map,
            LOCALS_POINTER_MAPS => self.locals_map = map,
            // Of interest to a collector and to debuggers of Go.
            _ => {}
        }
        Ok(())
    }
}

/// A machine instruction without suffixes.
pub(super) fn machine(mnemonic: &str, operands: Vec<machine::Operand>, reference: Option<Reference>) -> Work {
    Work::Machine { mnemonic: mnemonic.to_owned(), suffixes: Vec::new(), operands, reference }
}

/// Whether nothing goes on behind it.
fn ends(work: &Work) -> bool {
    match work {
        Work::Machine { mnemonic, .. } => matches!(mnemonic.as_str(), "RET" | "JMP"),
        // UD2.
        Work::Data(bytes) => bytes == &[0x0f, 0x0b],
        _ => false,
    }
}
