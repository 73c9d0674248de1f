//! Pieces get addresses: short jumps where they reach, padding, fields for linking.

use super::lower::Slow;
use super::piece::{Piece, Place, Reference, Work};
use super::{frame, unwind};
use crate::diagnostic::Diagnostic;
use crate::encode::{self, Encoded, FixupKind as Field, Reach};
use crate::object::{Call, Fixup, FixupKind, Function, Placed};

/// A piece with its bytes. Jumps are encoded anew when they are found not to reach.
enum Code {
    Nothing,
    Align(u32),
    Data(Vec<u8>),
    Machine(Encoded),
}

/// Fills in the function's code and everything that depends on addresses.
pub(super) fn lay_out(
    function: &mut Function,
    pieces: &[Piece],
    starts: &[usize],
    slow: Option<Slow>,
    body: usize,
) -> Result<(), Vec<Diagnostic>> {
    let direct = |place: Place| match place {
        Place::Entry => 0,
        Place::Piece(piece) => piece,
        Place::Statement(number) => starts.get(number).copied().unwrap_or(pieces.len()),
        Place::Slow => slow.map_or(pieces.len(), |slow| slow.slow),
    };
    let target_of = |piece: &Piece| match reference(piece) {
        Some(Reference::Inside(place)) => Some(follow(pieces, direct(*place), direct)),
        _ => None,
    };
    let targets: Vec<Option<usize>> = pieces.iter().map(target_of).collect();
    let mut codes = encode_all(pieces)?;
    let offsets = loop {
        let offsets = offsets(&codes);
        if !lengthen(pieces, &mut codes, &offsets, &targets)? {
            break offsets;
        }
    };
    function.body = offsets[slow.map_or(body, |slow| slow.skip)] as u32;
    function.restart = slow.map(|slow| offsets[slow.restart] as u32);
    for (at, (piece, code)) in pieces.iter().zip(&codes).enumerate() {
        let start = offsets[at];
        let len = offsets[at + 1] - start;
        let target = targets[at].map(|target| offsets[target]);
        let mut machine = None;
        match code {
            Code::Nothing => {}
            Code::Align(align) => {
                function.align = function.align.max(*align);
                function.code.extend(padding(len));
            }
            Code::Data(bytes) => function.code.extend(bytes),
            Code::Machine(encoded) => {
                function.code.extend(&encoded.bytes);
                machine = Some(encoded.instruction);
                fill(function, piece, encoded, start, target);
                note_call(function, piece, start + len);
            }
        }
        function.instructions.push(Placed {
            at: start as u32,
            len: len as u32,
            position: piece.position.clone(),
            text: piece.text.clone(),
            is_inserted: piece.is_inserted,
            depth: piece.depth,
            machine,
            target: target.map(|target| target as u32),
        });
    }
    function.unwind = unwind::rows(function, pieces);
    Ok(())
}

/// Where a jump to a piece ends: jumps to jumps go to where those lead, as with Go's assembler.
fn follow(pieces: &[Piece], start: usize, direct: impl Fn(Place) -> usize) -> usize {
    let mut at = start;
    // A circle of jumps is left as it is, and so is a chain that nobody has written by hand.
    for _ in 0..100 {
        match pieces[at..].iter().find(|piece| !matches!(piece.work, Work::Nothing)) {
            Some(Piece { work: Work::Machine { mnemonic, reference: Some(Reference::Inside(place)), .. }, .. })
                if mnemonic == "JMP" =>
            {
                at = direct(*place);
            }
            _ => return at,
        }
    }
    start
}

fn encode_all(pieces: &[Piece]) -> Result<Vec<Code>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut codes = Vec::with_capacity(pieces.len());
    for piece in pieces {
        codes.push(match &piece.work {
            Work::Nothing => Code::Nothing,
            Work::Align(align) => Code::Align(*align),
            Work::Data(bytes) => Code::Data(bytes.clone()),
            Work::Machine { .. } => match encode(piece, Reach::Short) {
                Ok(encoded) => Code::Machine(encoded),
                Err(error) => {
                    errors.push(error);
                    Code::Nothing
                }
            },
        });
    }
    if errors.is_empty() { Ok(codes) } else { Err(errors) }
}

/// Encodes a piece; a jump to another function always reaches far.
fn encode(piece: &Piece, reach: Reach) -> Result<Encoded, Diagnostic> {
    let Work::Machine { mnemonic, suffixes, operands, reference } = &piece.work else {
        return Err(Diagnostic::new(&piece.position, "no instruction"));
    };
    let reach = if matches!(reference, Some(Reference::Inside(_))) { reach } else { Reach::Near };
    encode::encode(mnemonic, suffixes, operands, reach)
        .map_err(|error| Diagnostic::new(&piece.position, error.to_string()))
}

/// Where each piece begins, and behind them where the last one ends.
fn offsets(codes: &[Code]) -> Vec<usize> {
    let mut offsets = Vec::with_capacity(codes.len() + 1);
    let mut at = 0_usize;
    for code in codes {
        offsets.push(at);
        at = match code {
            Code::Nothing => at,
            Code::Align(align) => at.next_multiple_of(*align as usize),
            Code::Data(bytes) => at + bytes.len(),
            Code::Machine(encoded) => at + encoded.bytes.len(),
        };
    }
    offsets.push(at);
    offsets
}

/// Encodes the short jumps that do not reach as long ones. Whether there were any. Jumps only ever become longer, so this ends.
fn lengthen(
    pieces: &[Piece],
    codes: &mut [Code],
    offsets: &[usize],
    targets: &[Option<usize>],
) -> Result<bool, Vec<Diagnostic>> {
    let mut changed = false;
    for (at, piece) in pieces.iter().enumerate() {
        let (Some(target), Code::Machine(encoded)) = (targets[at], &mut codes[at]) else { continue };
        let distance = offsets[target] as i64 - offsets[at + 1] as i64;
        let is_short = encoded.fixup.as_ref().is_some_and(|field| field.size == 1);
        if is_short && i8::try_from(distance).is_err() {
            *encoded = encode(piece, Reach::Near).map_err(|error| vec![error])?;
            if encoded.fixup.as_ref().is_some_and(|field| field.size == 1) {
                let message = format!("{} reaches 127 bytes, and this is {distance} away", piece.text);
                return Err(vec![Diagnostic::new(&piece.position, message)]);
            }
            changed = true;
        }
    }
    Ok(changed)
}

fn reference(piece: &Piece) -> Option<&Reference> {
    match &piece.work {
        Work::Machine { reference, .. } => reference.as_ref(),
        Work::Nothing | Work::Align(_) | Work::Data(_) => None,
    }
}

/// Fills in the field of an instruction that begins at `start`, or notes it for linking.
fn fill(function: &mut Function, piece: &Piece, encoded: &Encoded, start: usize, target: Option<usize>) {
    let (Some(field), Some(reference)) = (&encoded.fixup, reference(piece)) else { return };
    let at = start + field.at;
    let end = (at + field.end) as i64;
    match (field.kind, reference) {
        (_, Reference::Inside(_)) => {
            let distance = target.unwrap_or_default() as i64 - end;
            function.code[at..at + field.size].copy_from_slice(&distance.to_le_bytes()[..field.size]);
        }
        (Field::Target | Field::Symbol, Reference::Symbol { name, addend }) => function.fixups.push(Fixup {
            at: at as u32,
            kind: FixupKind::PcRelative,
            symbol: name.clone(),
            addend: addend - field.end as i64,
        }),
        (_, Reference::CurrentG { addend }) => function.fixups.push(Fixup {
            at: at as u32,
            kind: FixupKind::ThreadPointer,
            symbol: frame::CURRENT_G.to_owned(),
            addend: *addend,
        }),
        (Field::ThreadLocal, Reference::Symbol { .. }) => {}
    }
}

/// Notes a call that returns to `at`, or a jump out of the function. A check's call of morestack is known as the restart.
fn note_call(function: &mut Function, piece: &Piece, at: usize) {
    let Work::Machine { mnemonic, reference, .. } = &piece.work else { return };
    let is_tail = match mnemonic.as_str() {
        "CALL" if function.restart != Some(at as u32) => false,
        "JMP" if !matches!(reference, Some(Reference::Inside(_))) => true,
        _ => return,
    };
    let is_direct =
        matches!(&piece.work, Work::Machine { operands, .. } if operands == &[crate::machine::Operand::Target]);
    let callee = match reference {
        Some(Reference::Symbol { name, .. }) if is_direct => Some(name.clone()),
        _ => None,
    };
    let pushed = piece.depth - i64::from(function.need());
    let (map, position) = (piece.map, piece.position.clone());
    function.calls.push(Call { at: at as u32, callee, map, position, pushed, is_tail });
}

/// So many bytes of instructions that do nothing, as the processors' manuals recommend them for each length.
fn padding(len: usize) -> Vec<u8> {
    const NOPS: [&[u8]; 9] = [
        &[0x90],
        &[0x66, 0x90],
        &[0x0f, 0x1f, 0x00],
        &[0x0f, 0x1f, 0x40, 0x00],
        &[0x0f, 0x1f, 0x44, 0x00, 0x00],
        &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
        &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
        &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        &[0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    ];
    let longest = NOPS.len();
    let mut bytes = NOPS[longest - 1].repeat(len / longest);
    if !len.is_multiple_of(longest) {
        bytes.extend(NOPS[len % longest - 1]);
    }
    bytes
}
