//! All functions that are known now: those of the program's own table, and those that [`crate::code`] has registered since.
//!
//! The program's table is looked at first, so walks over the program's own functions cost what they cost without the others. Each
//! registration has a table of its own; they stand in one list, sorted by address, that is replaced as a whole ([`Published`]).

use super::function::{CallSite, Function};
use super::published::{Published, Reading};
use super::table::{Found, Table};
use std::any::Any;
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// The functions of one registration. Their names, files and maps are no longer there once it is dropped.
pub(crate) struct Group {
    /// The addresses that all of them lie in.
    pub(crate) range: Range<usize>,
    pub(crate) table: Table,
    /// What the table refers to. Dropped after it, being declared after it.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) keeps: Box<dyn Any + Send + Sync + UnwindSafe + RefUnwindSafe>,
}

type Groups = Vec<Arc<Group>>;

static GROUPS: Published<Groups> = Published::new();

/// Makes these the groups that are known, besides the program's own functions. Their ranges do not overlap. One thread at a time.
#[cfg_attr(not(feature = "code"), allow(dead_code, reason = "only that registers functions"))]
pub(crate) fn publish(mut groups: Groups) {
    groups.sort_by_key(|group| group.range.start);
    GROUPS.replace((!groups.is_empty()).then(|| Box::new(groups)));
}

/// What is known now. While it lives, everything that is found through it stays, also if it is unregistered meanwhile.
///
/// A frame that stands on some stack is found by whoever walks that stack: a registration is not taken away while one of its
/// functions runs, and that it was made is known to who has called the function.
pub(crate) struct Known {
    program: &'static Table,
    groups: Option<Reading<'static, Groups>>,
}

impl Known {
    /// The functions of the program, and of what is registered. Takes no lock and allocates nothing.
    #[inline]
    pub(crate) fn now(program: &'static Table) -> Known {
        Known { program, groups: GROUPS.read() }
    }

    /// The group that `pc` lies in.
    fn group(&self, pc: usize) -> Option<&Table> {
        let groups = self.groups.as_ref()?;
        let after = groups.partition_point(|group| group.range.start <= pc);
        let group = &groups[after.checked_sub(1)?];
        group.range.contains(&pc).then_some(&group.table)
    }

    /// See [`Table::find_function`].
    pub(crate) fn find_function(&self, pc: usize) -> Option<&Function> {
        self.program.find_function(pc).or_else(|| self.group(pc)?.find_function(pc))
    }

    /// See [`Table::find_restart`].
    #[inline]
    pub(crate) fn find_restart(&self, pc: usize) -> Option<&Function> {
        self.program.find_restart(pc).or_else(|| self.group(pc)?.find_restart(pc))
    }

    #[inline]
    pub(super) fn look_up(&self, pc: usize) -> Option<Found<'_>> {
        self.program.look_up(pc).or_else(|| self.group(pc)?.look_up(pc))
    }

    /// All functions and calls.
    #[cfg_attr(not(feature = "code"), allow(dead_code, reason = "only that registers functions"))]
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        let groups = self.groups.iter().flat_map(|groups| groups.iter()).map(|group| &group.table);
        [self.program].into_iter().chain(groups)
    }
}

/// Which functions a chain of NOSPLIT functions may lead through: everything that is known, and a table that is to be added.
#[cfg_attr(not(feature = "code"), allow(dead_code, reason = "only that registers functions"))]
pub(crate) fn together(known: &Known, new: &Table) -> (Vec<Function>, Vec<(usize, CallSite)>) {
    let tables = || known.tables().chain([new]);
    let mut functions: Vec<_> = tables().flat_map(|table| table.functions().iter().cloned()).collect();
    functions.sort_by_key(|f| f.entry);
    let index = |f: &Function| functions.binary_search_by_key(&f.entry, |f| f.entry).expect("just put there");
    let calls = tables().flat_map(|table| table.calls()).map(|(f, call)| (index(f), call.clone())).collect();
    (functions, calls)
}
