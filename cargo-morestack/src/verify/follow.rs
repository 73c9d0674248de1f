//! Follows a function over all of its paths, round by round, until no round finds more code.

use iced_x86::InstructionInfoFactory;

use super::check::Check;
use super::decode::{Code, Fault};
use super::error::Problem;
use super::image::Image;
use super::state::State;
use super::tables;
use super::track::{Facts, Walk};

/// What following takes; one for each thread.
pub(super) struct Tracker<'t, 'd> {
    pub(super) image: &'t Image<'d>,
    /// Sorted addresses that something points to: a jump table does not go beyond the next.
    pub(super) referenced: &'t [u64],
    pub(super) factory: InstructionInfoFactory,
}

impl Tracker<'_, '_> {
    /// Follows all paths from a function's body: its entry, or what comes after its check.
    pub(super) fn follow(&mut self, code: &mut Code<'_>, check: Option<&Check>) -> Result<Facts, Fault> {
        let body = check.map_or(code.range.start, |check| check.body);
        let pads: Vec<u64> = code.landing.pads.iter().map(|pad| pad.2).collect();
        code.discover(std::iter::once(body).chain(pads), &mut self.factory)?;
        let mut roots = vec![(body, State::entered(check))];
        loop {
            let (again, dead) = match self.round(code, check, &roots) {
                Ok(None) => continue,
                Ok(Some((facts, frame))) => match (code.unreached(), frame) {
                    (None, _) => return Ok(facts),
                    (Some(dead), Some(frame)) => ((dead, frame), dead),
                    (Some(dead), None) => return Err((dead, Problem::Unreached)),
                },
                // All was well without the code that no path reaches.
                Err(fault) => {
                    return Err(if roots.len() > 1 { (roots[roots.len() - 1].0, Problem::Unreached) } else { fault });
                }
            };
            // Without optimisation compilers leave code that nothing leads to. Were it only that a way there is not known, it
            // would be entered with the frame set up: so it is followed from there.
            roots.push(again);
            code.discover([dead], &mut self.factory).map_err(|_| (dead, Problem::Unreached))?;
        }
    }

    /// Follows all paths that are known. Nothing comes of it if that finds jump tables, and with them more code; else what
    /// was found, and what holds where the function's frame is set up.
    fn round(
        &mut self,
        code: &mut Code<'_>,
        check: Option<&Check>,
        roots: &[(u64, State)],
    ) -> Result<Option<(Facts, Option<State>)>, Fault> {
        let mut walk = Walk::new(self.image, code, check);
        walk.solve(roots)?;
        let mut found = Vec::new();
        for (at, base) in walk.report()? {
            match base {
                Some(base) => found.push((at, tables::targets(self.image, self.referenced, &code.range, base))),
                None => return Err((at, Problem::UnknownJump)),
            }
        }
        if found.is_empty() {
            let frame = walk.frame();
            return Ok(Some((walk.facts, frame)));
        }
        for (at, targets) in found {
            if targets.is_empty() {
                return Err((at, Problem::UnknownJump));
            }
            code.discover(targets.iter().copied(), &mut self.factory)?;
            code.tables.insert(at, targets);
        }
        Ok(None)
    }
}
