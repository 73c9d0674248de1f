//! All functions of a binary, each with its kind and with what following it showed.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use iced_x86::{Decoder, DecoderOptions, InstructionInfoFactory, Mnemonic, Register};

use super::Options;
use super::check::{self, Check, Start};
use super::decode::{Code, Fault, Flow, flow};
use super::error::{Error, Problem, Violation};
use super::image::{Function, Image, demangle};
use super::landing::Tables;
use super::limits;
use super::movable::Pin;
use super::runtime::Runtime;
use super::track::{Call, Facts, Tracker};

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

/// What one function turned out to be.
struct Judged {
    kind: Kind,
    facts: Facts,
    faults: Vec<Fault>,
}

impl<'i, 'd> Program<'i, 'd> {
    pub(super) fn analyse(image: &'i Image<'d>, runtime: Runtime) -> Program<'i, 'd> {
        let tables = Tables::parse(image);
        let trusted = runtime.trusted(image);
        let referenced = references(image);
        let judge = Judge {
            image,
            runtime: &runtime,
            trusted: &trusted,
            unsubtracted: limits::unsubtracted(
                trusted.values().copied().max().unwrap_or(0).clamp(0, limits::HAND_WRITTEN),
            ),
            referenced: &referenced,
            tables: tables.as_ref().ok(),
        };
        let mut judged = judge.all();
        leaves(image, &runtime, &mut judged);
        let mut program = Program { image, runtime, kinds: Vec::new(), facts: Vec::new(), violations: Vec::new() };
        if let Err(what) = tables {
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
            _ => instruction(self.image, address),
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

/// The instruction at an address, as text.
pub(super) fn instruction(image: &Image<'_>, address: u64) -> String {
    use iced_x86::Formatter;
    // The longest instruction has 15 bytes.
    let bytes = image.bytes(address, 15);
    let ins = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE).decode();
    if ins.is_invalid() {
        return String::new();
    }
    let mut text = String::new();
    iced_x86::GasFormatter::new().format(&ins, &mut text);
    text
}

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

/// Sorted addresses that code or data refers to.
fn references(image: &Image<'_>) -> Vec<u64> {
    let found = Mutex::new(image.pointed_to.clone());
    in_parallel(
        image.functions.len(),
        Vec::new,
        |index, local: &mut Vec<u64>| {
            super::tables::references(image, image.functions[index].range(), local);
        },
        |mut local| found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut local),
    );
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_unstable();
    found.dedup();
    found
}

/// Calls `work` for each number below `len`, on all processors.
fn in_parallel<L>(
    len: usize,
    local: impl Fn() -> L + Sync,
    work: impl Fn(usize, &mut L) + Sync,
    done: impl Fn(L) + Sync,
) {
    // Few enough that all threads end together, many enough that the counter is cold.
    const BATCH: usize = 32;
    let next = AtomicUsize::new(0);
    let run = || {
        let mut mine = local();
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= len {
                break;
            }
            for index in start..len.min(start + BATCH) {
                work(index, &mut mine);
            }
        }
        done(mine);
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
}

struct Judge<'j, 'd> {
    image: &'j Image<'d>,
    runtime: &'j Runtime,
    trusted: &'j HashMap<u64, i64>,
    /// What checked functions may take beyond what their check subtracts.
    unsubtracted: i64,
    referenced: &'j [u64],
    tables: Option<&'j Tables>,
}

impl Judge<'_, '_> {
    fn all(&self) -> Vec<Judged> {
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
            |(_, mut mine)| all.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut mine),
        );
        let mut all = all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
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

    fn code<'d>(&self, function: &Function<'d>) -> Result<Code<'_>, Fault> {
        let landing = match self.tables {
            Some(tables) => tables
                .of(self.image, function.address)
                .map_err(|what| (function.address, Problem::UnwindTable(what)))?,
            None => Default::default(),
        };
        Ok(Code::new(function.range(), self.image.bytes(function.address, function.size), landing))
    }

    fn checked(&self, function: &Function<'_>, check: &Check, tracker: &mut Tracker<'_, '_>) -> Result<Facts, Fault> {
        let mut code = self.code(function)?;
        let mut facts = tracker.follow(&mut code, Some(check))?;
        let limit = self.unsubtracted
            + match check.form {
                check::Form::Short => 0,
                check::Form::Long(less) => i64::from(less),
            };
        if facts.depth > limit {
            return Err((facts.deepest, Problem::TooDeep { depth: facts.depth, limit }));
        }
        let apart = [function.address..first_of(check, function), check.slow..check.slow_end];
        if let Some(at) = code.unreached(&apart) {
            return Err((at, Problem::Unreached));
        }
        if code.landing.catches {
            facts.pin = Some(Pin {
                at: function.address,
                why: "catches panics: the unwinder remembers its frame's address meanwhile",
            });
        }
        Ok(facts)
    }

    /// Whether a function without a check may be called directly all the same, apart from where its jumps lead.
    fn leaf(&self, function: &Function<'_>, tracker: &mut Tracker<'_, '_>) -> Result<Facts, String> {
        let mut code = self.code(function).map_err(|(_, problem)| problem.to_string())?;
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
        match code.unreached(&[]) {
            Some(at) => Err(format!("at {at:#x} it has bytes that no path reaches")),
            None => Ok(facts),
        }
    }
}

/// The end of the check's own instructions.
fn first_of(check: &Check, function: &Function<'_>) -> u64 {
    // A body that follows the slow path lies behind it.
    if check.body > check.slow { check.slow } else { check.body }.max(function.address)
}

/// Takes from the leaves those that jump to code which is not fit to be called directly, until none is left.
fn leaves(image: &Image<'_>, runtime: &Runtime, judged: &mut [Judged]) {
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
