//! What kind each function is.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use iced_x86::InstructionInfoFactory;

use super::check::{self, Check, Start};
use super::decode::{Code, Fault};
use super::error::Problem;
use super::follow::Tracker;
use super::image::{Function, Image, demangle};
use super::inst::{Flow, flow};
use super::landing::Tables;
use super::limits;
use super::movable::Pin;
use super::parallel::in_parallel;
use super::program::Kind;
use super::runtime::Runtime;
use super::track::{Call, Facts};

/// What one function turned out to be.
pub(super) struct Judged {
    pub(super) kind: Kind,
    pub(super) facts: Facts,
    pub(super) faults: Vec<Fault>,
}

/// What judging takes.
pub(super) struct Judge<'j, 'd> {
    pub(super) image: &'j Image<'d>,
    pub(super) runtime: &'j Runtime,
    pub(super) trusted: &'j HashMap<u64, i64>,
    /// What checked functions may take beyond what their check subtracts.
    pub(super) unsubtracted: i64,
    pub(super) referenced: &'j [u64],
    pub(super) tables: Option<&'j Tables>,
}

impl Judge<'_, '_> {
    pub(super) fn all(&self) -> Vec<Judged> {
        let len = self.image.functions.len();
        let all = Mutex::new(Vec::with_capacity(len));
        let tracker =
            || Tracker { image: self.image, referenced: self.referenced, factory: InstructionInfoFactory::new() };
        in_parallel(
            len,
            || (tracker(), Vec::new()),
            |index, (tracker, mine)| {
                mine.push((index, self.judge(&self.image.functions[index], tracker)));
            },
            |(_, mut mine)| all.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine),
        );
        let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sort_unstable_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, judged)| judged).collect()
    }

    fn judge(&self, function: &Function<'_>, tracker: &mut Tracker<'_, '_>) -> Judged {
        let at = function.address;
        let foreign =
            |why: &str| Judged { kind: Kind::Foreign(why.to_owned()), facts: Facts::default(), faults: Vec::new() };
        let wrong = |problem| Judged { faults: vec![(at, problem)], ..foreign("it is broken") };
        let start = check::parse(self.image, at, function.size, self.runtime.morestack);
        if let Some(&bound) = self.trusted.get(&at) {
            return if !self.image.bytes(at, 9).starts_with(&check::SHORT) {
                wrong(Problem::TrustedWithoutCheck)
            } else if !(0..=limits::HAND_WRITTEN).contains(&bound) {
                wrong(Problem::BoundTooLarge { bound, limit: limits::HAND_WRITTEN })
            } else {
                Judged { kind: Kind::HandWritten, ..foreign("") }
            };
        }
        match start {
            Start::Bytes => wrong(Problem::NoBound),
            Start::Malformed(what) => wrong(Problem::SlowPath(what)),
            Start::Gcc => wrong(Problem::GccCheck),
            Start::Checked(check) => match self.checked(function, &check, tracker) {
                Ok(facts) => Judged { kind: Kind::Checked(check), facts, faults: Vec::new() },
                Err(fault) => Judged { faults: vec![fault], ..foreign("it is broken") },
            },
            Start::Plain if function.ifunc => foreign("its address is chosen at start-up"),
            Start::Plain if self.runtime.is_part(at) => {
                foreign("it is a part of the runtime that is called from fixed places")
            }
            Start::Plain => match self.leaf(function, tracker) {
                Ok(facts) => Judged { kind: Kind::Leaf, facts, faults: Vec::new() },
                Err(why) => foreign(&why),
            },
        }
    }

    fn code(&self, function: &Function<'_>, apart: Vec<Range<u64>>) -> Result<Code<'_>, Fault> {
        let landing = match self.tables {
            Some(tables) => tables
                .of(self.image, function.address)
                .map_err(|what| (function.address, Problem::UnwindTable(what)))?,
            None => Default::default(),
        };
        Ok(Code::new(function.range(), self.image.bytes(function.address, function.size), landing, apart))
    }

    fn checked(&self, function: &Function<'_>, check: &Check, tracker: &mut Tracker<'_, '_>) -> Result<Facts, Fault> {
        let apart = vec![function.address..check.body.min(check.slow), check.slow..check.slow_end];
        let mut code = self.code(function, apart)?;
        let mut facts = tracker.follow(&mut code, Some(check))?;
        let limit = self.unsubtracted
            + match check.form {
                check::Form::Short => 0,
                check::Form::Long(less) => i64::from(less),
            };
        if facts.depth > limit {
            return Err((facts.deepest, Problem::TooDeep { depth: facts.depth, limit }));
        }
        if code.landing.pinned {
            facts.pin = Some(Pin {
                at: function.address,
                why: "catches exceptions with a personality routine that is not Rust's",
            });
        }
        Ok(facts)
    }

    /// Whether a function without a check may be called directly all the same, apart from where its jumps lead.
    fn leaf(&self, function: &Function<'_>, tracker: &mut Tracker<'_, '_>) -> Result<Facts, String> {
        let mut code = self.code(function, Vec::new()).map_err(|(_, problem)| problem.to_string())?;
        code.discover([function.address], &mut tracker.factory)
            .map_err(|(at, problem)| format!("at {at:#x} it {problem}"))?;
        if let Some(call) = code.insts.iter().find(|inst| matches!(flow(&inst.ins), Flow::Call(_) | Flow::IndirectCall))
        {
            return Err(format!("it has no check and calls others at {:#x}", call.address()));
        }
        let facts = tracker.follow(&mut code, None).map_err(|(at, problem)| format!("at {at:#x} it {problem}"))?;
        if facts.reach > limits::LEAF {
            return Err(format!("it has no check and takes {} bytes, of at most {}", facts.reach, limits::LEAF));
        }
        Ok(facts)
    }
}

/// Takes from the leaves those that jump to code which is not fit to be called directly, until none is left.
pub(super) fn leaves(image: &Image<'_>, runtime: &Runtime, judged: &mut [Judged]) {
    let fit = |judged: &[Judged], call: &Call| match call.target {
        Some(target) if runtime.dispatches(target) => Ok(()),
        Some(target) => match image.at(target).map(|index| (&judged[index].kind, index)) {
            Some((Kind::Foreign(_), index)) => Err(format!(
                "it has no check and jumps to `{}`, which is foreign",
                demangle(image.functions[index].name)
            )),
            Some(_) => Ok(()),
            None => Err(format!("it has no check and jumps to {target:#x}, which is no function")),
        },
        None => Err("it has no check and jumps through a pointer".into()),
    };
    let mut candidates: HashSet<usize> =
        (0..judged.len()).filter(|&index| matches!(judged[index].kind, Kind::Leaf)).collect();
    loop {
        let unfit: Vec<(usize, String)> = candidates
            .iter()
            .filter_map(|&index| {
                let mut calls = judged[index].facts.calls.iter();
                calls.find_map(|call| fit(judged, call).err()).map(|why| (index, why))
            })
            .collect();
        if unfit.is_empty() {
            return;
        }
        for (index, why) in unfit {
            candidates.remove(&index);
            judged[index] = Judged { kind: Kind::Foreign(why), facts: Facts::default(), faults: Vec::new() };
        }
    }
}
