//! Functions that are registered while the program runs.

use super::abi::Abi;
use super::check::check;
use super::error::{InUse, RegisterError, User};
use super::function::{Function, Owned};
use super::memory;
use super::unwind::UnwindTables;
use super::users::{Slot, Users};
use crate::arch;
use crate::stack::frames::known::{Group, Known, publish};
use crate::stack::locked;
use crate::stack::table::{CallSite, Table};
use crate::task::bridge::frame_bytes;
use crate::task::{AbiArgs, AbiResults, CodeRange, MappedFn};
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

/// All registrations. Its lock is the writers' lock of what is known.
static ALL: Mutex<Vec<Arc<Inner>>> = Mutex::new(Vec::new());

struct Inner {
    group: Arc<Group>,
    users: Users,
    /// What goes when the functions are unregistered, which is before the last handle to them goes: their unwind tables, and what keeps
    /// the other registrations that they call.
    held: Mutex<Option<(UnwindTables, Vec<Using>)>>,
}

/// Functions that have been registered, by [`register`].
///
/// Dropping it changes nothing: the functions stay registered for good. [`unregister`](Registration::unregister) takes them away.
pub struct Registration(Arc<Inner>);

/// A registered function with its signature, ready to be called from Rust. It may be cloned, and sent to other threads.
pub struct Registered<A, R> {
    inner: Arc<Inner>,
    function: MappedFn<A, R>,
    number: usize,
}

/// Keeps registered functions: as long as it lives, they are not unregistered. See [`Registration::keep`].
pub struct Using {
    inner: Arc<Inner>,
    /// Taken when it is dropped.
    slot: Option<Slot>,
}

/// The functions have been unregistered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function has been unregistered")]
pub struct Unregistered;

/// Why a registered function cannot be had under a name and with a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// None has this name.
    #[error("no function {name} is in this registration")]
    NoSuchFunction {
        /// The name asked for.
        name: String,
    },
    /// It takes and returns another number of bytes.
    #[error("function {name} has {registered} bytes of arguments and results, this signature has {asked}")]
    Signature {
        /// The function.
        name: String,
        /// What was said when it was registered.
        registered: u32,
        /// What the signature makes.
        asked: usize,
    },
}

/// Adds functions whose code is in `range` to those that are known: their frames can then be moved, walked, unwound and named in
/// reports, like those of the program's own mapped functions.
///
/// What is said about each is compared with its code, all of which is decoded: the check is the one that its frame needs, the prologue
/// takes the frame, returns take it down, nothing else changes %rsp or %rbp, each call is told of and each that is told of is one. Chains
/// of NOSPLIT functions are followed into everything that is known. [`Function`] shows the form that the code must have.
///
/// **What it costs.** Registering reads the process's list of mappings and looks at all functions that are known: some ten to hundred
/// microseconds, so a compiler that has many functions registers them together. A walk over the program's own functions costs what it
/// did. While anything is registered, the unwinder looks through its list of such tables first, under a lock in older libgccs.
///
/// **Left out.** gdb is not told of the functions. Functions that push words below their frames, jump out of themselves, or have jump
/// tables are refused.
///
/// # Errors
/// See [`RegisterError`]; each names the function and the address.
///
/// # Safety
/// - The code stays where it is, unchanged, until [`Registration::unregister`] has returned `Ok`.
/// - What the code cannot show is true: the maps name every word that may point into the stack; arguments and results have the sizes
///   given, and callees find theirs in the frame; no pointer into the stack goes elsewhere; memory below the stack pointer is not used;
///   every register but %rsp and %rbp is taken for lost by a call; the thread pointer and the direction flag stay as they are.
/// - Who reaches one of the functions by its address, in whatever way, holds a [`Using`] meanwhile; calls through [`Registered`] do so by
///   themselves, and so do direct calls from other registrations.
pub unsafe fn register(range: CodeRange, functions: &[Function<'_>]) -> Result<Registration, RegisterError> {
    let bytes = memory::code(range)?;
    let CodeRange { start, end } = range;
    if functions.is_empty() {
        return Err(RegisterError::Nothing { start, end });
    }
    let code_of = |f: &Function| &bytes[f.entry - start..f.end - start];
    let (abi, mut names) = (Abi::of_program(), HashSet::new());
    for f in functions {
        let function = f.name.to_owned();
        if f.end <= f.entry || f.entry < start || f.end > end {
            return Err(RegisterError::Outside { function, entry: f.entry, end: f.end, start, stop: end });
        }
        if !names.insert(f.name) {
            return Err(RegisterError::SameName { function, entry: f.entry });
        }
        check(f, code_of(f), &abi)?;
    }
    let mut all = locked(&ALL);
    let program = Table::of_program().map_err(|error| RegisterError::Program(error.to_string()))?;
    free(range, program, &all)?;
    let calls = called(functions, program, &all)?;
    let mut owned = Owned::default();
    // SAFETY: the table is the group's, and dropped before what it refers to; what else has references into it gets them with a group.
    let entries = functions.iter().map(|f| unsafe { owned.entry(f) }).collect();
    let sites = functions.iter().flat_map(|f| f.calls.iter().cloned()).collect();
    let table = Table::beside(&Known::now(program), entries, sites).map_err(|error| RegisterError::Table {
        start,
        end,
        what: error.to_string(),
    })?;
    arguments_fit(&table, &Known::now(program))?;
    let group = Arc::new(Group { range: start..end, table, keeps: Box::new(owned) });
    // SAFETY: checked above, and the caller says that the code stays; the tables go when nobody uses the functions any more.
    let unwind = unsafe { UnwindTables::register(functions, code_of) };
    let held = Mutex::new(Some((unwind, calls)));
    let inner = Arc::new(Inner { group, users: Users::default(), held });
    all.push(inner.clone());
    publish_all(&all);
    Ok(Registration(inner))
}

/// Makes these, and no others, known.
fn publish_all(all: &[Arc<Inner>]) {
    publish(all.iter().map(|inner| inner.group.clone()).collect());
}

/// That nothing which is known has an address in common with the range.
fn free(range: CodeRange, program: &Table, all: &[Arc<Inner>]) -> Result<(), RegisterError> {
    let CodeRange { start, end } = range;
    let of_program = program.functions().iter().find(|f| f.entry < end && start < f.end);
    let of_others = || {
        let mut groups = all.iter().map(|inner| &inner.group);
        let taken = groups.find(|group| group.range.start < end && start < group.range.end)?;
        Some((taken.table.functions().first()?, taken.range.start))
    };
    match of_program.map(|f| (f, f.entry)).or_else(of_others) {
        Some((f, at)) => Err(RegisterError::Taken { start, end, function: f.name.to_owned(), at }),
        None => Ok(()),
    }
}

/// That a frame has room for the arguments and results of what is called directly.
fn arguments_fit(table: &Table, known: &Known) -> Result<(), RegisterError> {
    for (f, CallSite { pc, callee, .. }) in table.calls() {
        let Some(callee) = callee.and_then(|pc| table.find_function(pc).or_else(|| known.find_function(pc))) else {
            continue;
        };
        if callee.args > f.frame {
            let (name, args, frame) = (callee.name, callee.args, f.frame);
            let what = format!("its call before {pc:#x} passes {args} bytes to {name}, but its frame has {frame}");
            return Err(RegisterError::Impossible { function: f.name.to_owned(), entry: f.entry, what });
        }
    }
    Ok(())
}

/// Keeps the other registrations that these functions call.
fn called(functions: &[Function], program: &Table, all: &[Arc<Inner>]) -> Result<Vec<Using>, RegisterError> {
    let mut kept: Vec<Using> = Vec::new();
    for f in functions {
        for CallSite { pc, callee, .. } in &f.calls {
            let Some(callee) = *callee else { continue };
            if functions.iter().any(|f| f.entry == callee) || program.find_function(callee).is_some() {
                continue;
            }
            // One that is nobody's is the table's to refuse.
            let Some(other) = all.iter().find(|inner| inner.group.range.contains(&callee)) else { continue };
            if !kept.iter().any(|using| Arc::ptr_eq(&using.inner, other)) {
                let leaving = || RegisterError::Leaving { function: f.name.to_owned(), at: *pc, callee };
                kept.push(Using::new(other, User::Registration, 0).ok_or_else(leaving)?);
            }
        }
    }
    Ok(kept)
}

impl Registration {
    /// The function of that name, to be called from Rust.
    ///
    /// # Errors
    /// If there is none of that name, or it has another size of arguments and results than the signature.
    ///
    /// # Safety
    /// Its arguments and results are those of the signature, and calling it with any such arguments is sound, from several threads at
    /// once too.
    pub unsafe fn function<A: AbiArgs, R: AbiResults>(&self, name: &str) -> Result<Registered<A, R>, LookupError> {
        let functions = self.0.group.table.functions();
        let Some(number) = functions.iter().position(|f| f.name == name) else {
            return Err(LookupError::NoSuchFunction { name: name.to_owned() });
        };
        let (f, asked) = (&functions[number], frame_bytes::<A, R>());
        if asked != (f.args as usize).next_multiple_of(8) {
            return Err(LookupError::Signature { name: name.to_owned(), registered: f.args, asked });
        }
        // SAFETY: it is registered, as long as this registration is there; the signature is the caller's to answer for.
        let function = unsafe { MappedFn::new(CodeRange { start: f.entry, end: f.end }) };
        Ok(Registered { inner: self.0.clone(), function, number })
    }

    /// Keeps the functions registered as long as what this returns lives: for those that are reached by their addresses, as a mapped task's
    /// own function is ([`Registered::mapped`]), or one that mapped code calls through a pointer.
    pub fn keep(&self) -> Using {
        // Only `unregister` ends that, and it takes the registration.
        Using::new(&self.0, current_user(), 0).expect("a registration that is there is registered")
    }

    /// The range that was registered.
    pub fn range(&self) -> CodeRange {
        CodeRange { start: self.0.group.range.start, end: self.0.group.range.end }
    }

    /// Takes the functions away, unless one of them is in use: when this has returned `Ok`, none of their frames is on any stack, none
    /// will be entered any more, and the code may be unmapped.
    ///
    /// A use is a call through [`Registered`] that has not returned, be its task parked or on another thread; a [`Using`]; and another
    /// registration with a direct call. All ways into the functions are uses, so no stack need be searched. A task that is never
    /// going to end, or was leaked by the end of its runtime, keeps them for good.
    ///
    /// # Errors
    /// [`InUse`] names a function and who uses it, and gives the registration back.
    pub fn unregister(self) -> Result<(), InUse> {
        let mut all = locked(&ALL);
        let inner = &self.0;
        if let Err(found) = inner.users.close() {
            let functions = inner.group.table.functions();
            let f = &functions[found.function.min(functions.len() - 1)];
            let (count, user, function, entry) = (found.count, found.user, f.name.to_owned(), f.entry);
            drop(all);
            return Err(InUse { registration: self, count, function, entry, user });
        }
        all.retain(|other| !Arc::ptr_eq(other, inner));
        publish_all(&all);
        drop(all);
        // Not under the lock: what these functions called may be unregistered at once.
        let held = locked(&inner.held).take();
        drop(held);
        Ok(())
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.group.table.functions().iter().map(|f| f.name);
        write!(f, "Registration({:#x?} ", self.0.group.range)?;
        f.debug_list().entries(names).finish()?;
        f.write_str(")")
    }
}

impl<A: AbiArgs, R: AbiResults> Registered<A, R> {
    /// Calls it as [`MappedFn::call`] does.
    ///
    /// # Errors
    /// If it has been unregistered.
    ///
    /// # Panics
    /// With the payload of a panic in Rust code that the function called.
    #[inline]
    pub fn call(&self, args: A) -> Result<R, Unregistered> {
        /// Ends the use, also if the call panics.
        struct Leave<'u>(&'u Users, Option<Slot>);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.leave(self.1.take().expect("left once"));
            }
        }
        let users = &self.inner.users;
        let _leave = Leave(users, Some(users.enter(current_user(), self.number).ok_or(Unregistered)?));
        Ok(self.function.call(args))
    }

    /// The function without what keeps it: for mapped tasks, which begin with one.
    ///
    /// # Safety
    /// It is not called but while a [`Using`] of its registration lives, up to the end of each call or task.
    pub unsafe fn mapped(&self) -> MappedFn<A, R> {
        self.function
    }

    /// Its true code.
    pub fn code(&self) -> CodeRange {
        self.function.code()
    }
}

impl<A, R> Clone for Registered<A, R> {
    fn clone(&self) -> Self {
        Registered { inner: self.inner.clone(), function: self.function, number: self.number }
    }
}

impl Using {
    fn new(inner: &Arc<Inner>, user: User, function: usize) -> Option<Using> {
        let slot = Some(inner.users.enter(user, function)?);
        Some(Using { inner: inner.clone(), slot })
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.inner.users.leave(slot);
        }
    }
}

impl fmt::Debug for Using {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Using({:#x?})", self.inner.group.range)
    }
}

/// Who is calling.
#[inline]
fn current_user() -> User {
    // SAFETY: the current g is null or live, and so is the ident of one that is a task's.
    match unsafe { arch::current_g().as_ref() } {
        // SAFETY: as above.
        Some(g) if !g.is_borrowed() => User::Task(unsafe { (*g.ident).id }),
        _ => User::Thread,
    }
}
