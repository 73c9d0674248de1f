//! What is known at a place in a function, whichever way control came.

use super::check::{Check, Form};
use super::error::Problem;
use super::inst::R11;

/// What a register holds. Only values that the passes need are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Unknown,
    /// An address in this file.
    Address(u64),
    /// A function of a shared library, by way of the slot at this address.
    Foreign(u64),
    /// An entry of the jump table at this address.
    Entry(u64),
    /// The sum of a table's address and one of its entries.
    Target(u64),
    /// An address on the stack, relative to the entry.
    Stack(Depth),
}

/// A stack pointer relative to where it was at the function's entry: there it is 0 and points to the return address.
/// After an alignment it may be anywhere between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Depth {
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Depth {
    pub(super) const ENTRY: Depth = Depth::at(0);

    pub(super) const fn at(offset: i64) -> Depth {
        Depth { low: offset, high: offset }
    }

    pub(super) fn exact(self) -> Option<i64> {
        (self.low == self.high).then_some(self.low)
    }

    pub(super) fn moved(self, by: i64) -> Option<Depth> {
        Some(Depth { low: self.low.checked_add(by)?, high: self.high.checked_add(by)? })
    }
}

impl std::fmt::Display for Depth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.exact() {
            Some(0) => write!(f, "at entry"),
            Some(exact) => write!(f, "{} bytes below entry", -exact),
            None => write!(f, "{} to {} bytes below entry", -self.high, -self.low),
        }
    }
}

/// What `%rbp` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// What it held at entry: the caller's.
    Callers,
    /// An address in this frame, relative to the entry.
    Own(i64),
    Other,
}

/// Where a standard frame has the caller's `%rbp`, and where its own points.
pub(super) const STANDARD: i64 = -8;

/// Registers that a callee may change.
const CALLER_SAVED: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];

/// Eight bytes of the frame: their address relative to the entry, and whether that is exact (see [`Depth`]).
pub(super) type Place = (i64, bool);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) rsp: Depth,
    pub(super) rbp: Frame,
    /// Where the caller's `%rbp` is saved.
    pub(super) saved: Option<i64>,
    pub(super) values: [Value; 16],
    /// What the compiler has put aside in the frame. Only values that no variable of a program can have: a variable could
    /// be changed through a pointer, this is changed where it is seen.
    places: Vec<(Place, Value)>,
    /// Registers that may hold a stack address which the check or a probe left there: nobody may read them.
    pub(super) stale: u16,
    /// Something was stored through `%rsp` since the last call: perhaps an argument of the next.
    pub(super) stored: bool,
    /// `%rsp` was aligned.
    pub(super) realigned: bool,
    /// An address in the frame may have been made, and may be anywhere by now.
    pub(super) leaked: bool,
}

impl State {
    /// At a function's body: behind its check, if it has one.
    pub(super) fn entered(check: Option<&Check>) -> State {
        let mut state = State {
            rsp: Depth::ENTRY,
            rbp: Frame::Callers,
            saved: None,
            values: [Value::Unknown; 16],
            places: Vec::new(),
            stale: 0,
            stored: false,
            realigned: false,
            leaked: false,
        };
        if let Some(Check { form: Form::Long(less), .. }) = check {
            state.set(R11, Value::Stack(Depth::at(-i64::from(*less))), true);
        }
        state
    }

    /// Where a standard frame of so many bytes is set up, and nothing else is known.
    pub(super) fn framed(frame: i64) -> State {
        let state =
            State { rsp: Depth::at(-frame), rbp: Frame::Own(STANDARD), saved: Some(STANDARD), ..State::entered(None) };
        state.without_values()
    }

    /// The same place of the stack, with nothing known of registers and memory.
    pub(super) fn without_values(&self) -> State {
        State {
            values: [Value::Unknown; 16],
            places: Vec::new(),
            stale: 1 << R11,
            stored: true,
            leaked: true,
            ..self.clone()
        }
    }

    /// What holds on both ways; tells whether that is less than this was.
    pub(super) fn join(&mut self, other: &State) -> Result<bool, Problem> {
        if self.rsp != other.rsp {
            return Err(Problem::DepthsDiffer { one: self.rsp.to_string(), other: other.rsp.to_string() });
        }
        let before = self.clone();
        if self.rbp != other.rbp {
            self.rbp = Frame::Other;
        }
        if self.saved != other.saved {
            self.saved = None;
        }
        for (value, other) in self.values.iter_mut().zip(&other.values) {
            if value != other {
                *value = Value::Unknown;
            }
        }
        self.places.retain(|place| other.places.contains(place));
        self.stale |= other.stale;
        self.stored |= other.stored;
        self.realigned |= other.realigned;
        self.leaked |= other.leaked;
        Ok(*self != before)
    }

    pub(super) fn with_rsp(&self, rsp: Depth) -> State {
        State { rsp, ..self.clone() }
    }

    /// A call: what the callee keeps is still known.
    pub(super) fn called(&mut self) {
        for register in CALLER_SAVED {
            self.forget(register);
        }
        self.stored = false;
    }

    pub(super) fn forget(&mut self, register: usize) {
        self.set(register, Value::Unknown, false);
    }

    pub(super) fn set(&mut self, register: usize, value: Value, stale: bool) {
        self.values[register] = value;
        self.stale = self.stale & !(1 << register) | u16::from(stale) << register;
    }

    /// Puts a value aside. It must be none that a variable can have.
    pub(super) fn put(&mut self, place: Place, value: Value) {
        self.places.push((place, value));
    }

    pub(super) fn get(&self, place: Place) -> Value {
        self.places.iter().find(|(known, _)| *known == place).map_or(Value::Unknown, |(_, value)| *value)
    }

    /// Something is written there.
    pub(super) fn overwrite(&mut self, range: &std::ops::Range<i64>, exact: bool) {
        self.places.retain(|((at, known), _)| *known != exact || at + 8 <= range.start || range.end <= *at);
    }
}
