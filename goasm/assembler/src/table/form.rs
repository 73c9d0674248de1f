//! One way to write an instruction, and what it is encoded as.

use iced_x86::{Code, EncodingKind, Register};

use super::want::{Number, Want};

/// In which order Go writes the operands that Intel's manuals write target first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The target last. So it is with all but the following.
    Reversed,
    /// As Intel does: comparing `a` with `b`.
    Same,
    /// Reversed, but for the number, which says what the instruction is to do and comes last.
    NumberLast,
    /// One register is written once and stands for the first two operands.
    Twice,
}

/// What a row of the tables says of instructions beside their names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) order: Order,
    /// Registers that the instruction implies, but Go writes first, and last.
    pub(crate) before: &'static [Register],
    pub(crate) after: &'static [Register],
    /// Go does not write registers that no other could stand for.
    pub(crate) hides_fixed: bool,
    /// A number of 32 bits stands for one of 64 whose upper half is zero.
    pub(crate) clears_upper: bool,
}

impl Shape {
    /// What most instructions have.
    pub(crate) const PLAIN: Shape =
        Shape { order: Order::Reversed, before: &[], after: &[], hides_fixed: false, clears_upper: false };
    /// What compares.
    pub(crate) const SAME: Shape = Shape { order: Order::Same, ..Shape::PLAIN };
    /// What has the number last.
    pub(crate) const NUMBER_LAST: Shape = Shape { order: Order::NumberLast, ..Shape::PLAIN };
    /// What multiplies a register in place.
    pub(crate) const TWICE: Shape = Shape { order: Order::Twice, ..Shape::PLAIN };
    /// What has no written registers: string instructions, ports.
    pub(crate) const HIDDEN: Shape = Shape { hides_fixed: true, ..Shape::PLAIN };
    /// What writes half a register and so clears the other half.
    pub(crate) const CLEARS_UPPER: Shape = Shape { clears_upper: true, ..Shape::PLAIN };
    /// What loads the top of the x87 stack, and what stores it.
    pub(crate) const TO_TOP: Shape = Shape { after: &[Register::ST0], ..Shape::PLAIN };
    pub(crate) const FROM_TOP: Shape = Shape { before: &[Register::ST0], ..Shape::PLAIN };
    /// What uses both registers at the top of the x87 stack.
    pub(crate) const TOP_TWO: Shape = Shape { before: &[Register::ST0, Register::ST1], ..Shape::PLAIN };
    /// What selects by the first vector register.
    pub(crate) const BY_X0: Shape = Shape { before: &[Register::XMM0], ..Shape::PLAIN };
}

/// An operand as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// It is this operand of the instruction.
    Operand(u8),
    /// It has to be this register, which the encoding does not name.
    Only(Register),
}

/// Which of the three families of prefixes an encoding has. Older ones are taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Legacy,
    Vex,
    Evex,
}

/// One way to write an instruction, and what it is encoded as.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) code: Code,
    pub(crate) family: Family,
    /// Others of the same family are taken first.
    late: bool,
    /// What the instruction wants, in Intel's order.
    pub(crate) wants: Vec<Want>,
    /// What is written, in Go's order, without the mask.
    pub(crate) slots: Vec<Slot>,
    /// The first two operands are the register that is written once.
    pub(crate) twice: bool,
    /// A mask may, and must, stand before the last operand.
    pub(crate) takes_mask: bool,
    pub(crate) needs_mask: bool,
    pub(crate) can_zero: bool,
    pub(crate) can_broadcast: bool,
    pub(crate) can_round: bool,
    pub(crate) can_suppress: bool,
}

impl Form {
    /// `code`, written as `shape` says; `None` if it has operands that this language does not have.
    pub(super) fn new(code: Code, shape: &Shape) -> Option<Form> {
        let info = code.op_code();
        let family = match info.encoding() {
            EncodingKind::Legacy => Family::Legacy,
            EncodingKind::VEX => Family::Vex,
            EncodingKind::EVEX => Family::Evex,
            _ => return None,
        };
        let mut wants = Vec::with_capacity(info.op_kinds().len());
        for kind in info.op_kinds() {
            wants.push(match Want::from_kind(*kind)? {
                Want::Number(Number::Long) if shape.clears_upper => Want::Number(Number::LongToZero),
                want => want,
            });
        }
        super::exceptions::amend(code, &mut wants);
        Some(Form {
            code,
            family,
            late: super::exceptions::comes_late(code),
            slots: slots(&wants, shape),
            wants,
            twice: shape.order == Order::Twice,
            takes_mask: info.can_use_op_mask_register(),
            needs_mask: info.require_op_mask_register(),
            can_zero: info.can_use_zeroing_masking(),
            can_broadcast: info.can_broadcast(),
            can_round: info.can_use_rounding_control(),
            // What can round suppresses exceptions whenever it does, and never otherwise.
            can_suppress: info.can_suppress_all_exceptions() && !info.can_use_rounding_control(),
        })
    }

    /// What is taken before what else, be it longer.
    pub(crate) fn class(&self) -> (Family, bool) {
        (self.family, self.late)
    }

    /// What Go writes for it, as messages say it.
    pub(crate) fn describe(&self) -> String {
        let mut words: Vec<String> = self
            .slots
            .iter()
            .map(|slot| match slot {
                Slot::Operand(index) => self.wants[usize::from(*index)].describe(),
                Slot::Only(register) => crate::registers::name(*register),
            })
            .collect();
        if self.takes_mask {
            let last = words.len().saturating_sub(1);
            words.insert(last, if self.needs_mask { "K".into() } else { "[K]".into() });
        }
        if words.is_empty() { "no operands".into() } else { words.join(", ") }
    }
}

/// Go's order of what an instruction wants.
fn slots(wants: &[Want], shape: &Shape) -> Vec<Slot> {
    let is_hidden = |want: &Want| want.is_implied() || shape.hides_fixed && matches!(want, Want::Fixed(_));
    let written = (0u8..).zip(wants).filter(|(_, want)| !is_hidden(want)).map(|(index, want)| (index, *want));
    let mut operands: Vec<(u8, Want)> = written.collect();
    match shape.order {
        Order::Same => {}
        Order::Reversed => operands.reverse(),
        Order::NumberLast => {
            operands.reverse();
            operands.sort_by_key(|(_, want)| matches!(want, Want::Number(_)));
        }
        Order::Twice => {
            operands.reverse();
            operands.pop();
        }
    }
    let operands = operands.into_iter().map(|(index, _)| Slot::Operand(index));
    let only = |registers: &'static [Register]| registers.iter().map(|register| Slot::Only(*register));
    only(shape.before).chain(operands).chain(only(shape.after)).collect()
}
