//! The guard of functions that must not unwind: where it is, and whether a landing pad leads to it.

use super::code::{Flow, Instruction, decode, resume};
use super::table::{Action, Function, action};
use crate::arch;
use crate::stack::unwinder::{Frame, walk};
use std::collections::HashSet;
use std::ffi::c_void;
use std::hint::black_box;
use std::ops::{ControlFlow, Range};
use std::sync::OnceLock;

/// What Rust functions are recognised by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// core's `panic_cannot_unwind`, which ends the process.
    guard: usize,
    /// Of Rust's functions.
    pub(super) personality: usize,
}

/// Where a landing pad leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// On with the unwinding.
    On,
    /// To the guard, or to another end of the process: the unwinding does not go on.
    ToTheEnd,
    /// Nobody knows.
    Unclear,
}

/// Found by looking at a function that has the guard: the first call of its landing pad. None if it is not as expected.
pub(super) fn known() -> Option<Known> {
    static KNOWN: OnceLock<Option<Known>> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        let mut found: Option<Known> = None;
        guarded((&raw mut found).cast());
        found
    })
}

/// A function with the guard and nothing else to do when unwound.
#[inline(never)]
extern "C" fn guarded(found: *mut c_void) {
    // SAFETY: known passes its place.
    let found = unsafe { &mut *found.cast::<Option<Known>>() };
    black_box(look_at_guarded as fn(&mut Option<Known>))(found);
    // So that the call is not the last thing it does.
    black_box(());
}

#[inline(never)]
fn look_at_guarded(found: &mut Option<Known>) {
    walk(|frame: Frame| {
        if frame.start != guarded as extern "C" fn(_) as usize {
            return ControlFlow::Continue(());
        }
        *found = look_at(frame);
        ControlFlow::Break(())
    });
}

fn look_at(frame: Frame) -> Option<Known> {
    let function = Function::at(frame.pc)?;
    if frame.lsda.is_null() {
        return None;
    }
    // SAFETY: the unwinder's.
    let Action::Abort { landing_pad } = (unsafe { action(frame.lsda, frame.start, frame.pc)? }) else { return None };
    let (mut pc, mut named) = (landing_pad, 0);
    while function.code.contains(&pc) {
        let instruction = decode(bytes(pc..function.code.end), pc)?;
        let guard = match instruction.flow {
            Flow::Next => {
                named = named_by(&instruction).unwrap_or(named);
                pc += instruction.len;
                continue;
            }
            Flow::Jump(to) if to > pc => {
                pc = to;
                continue;
            }
            Flow::Call(to) => called(to, named),
            // SAFETY: the instruction would load the word.
            Flow::CallThrough(word) => unsafe { *(word as *const usize) },
            _ => return None,
        };
        let is_function = Function::at(guard).is_some_and(|found| found.code.start == guard);
        return is_function.then_some(Known { guard, personality: function.personality });
    }
    None
}

/// The function whose address the instruction may load. (In a split build, before a call of a thunk.)
fn named_by(instruction: &Instruction) -> Option<usize> {
    // SAFETY: the instruction would load the word.
    instruction.names.or_else(|| instruction.loads.map(|word| unsafe { *(word as *const usize) }))
}

/// What a call of `target` calls, after an instruction that named a function.
fn called(target: usize, named: usize) -> usize {
    if arch::is_thunk(target) { named } else { resolve(target) }
}

/// Machine code as bytes.
fn bytes<'a>(code: Range<usize>) -> &'a [u8] {
    // SAFETY: callers name parts of functions that are being executed, or that the linker has made; code does not change.
    unsafe { std::slice::from_raw_parts(code.start as *const u8, code.len()) }
}

/// Where a call of `target` ends up: stubs of the linker jump on through a word.
fn resolve(target: usize) -> usize {
    const JUMP_THROUGH: [u8; 2] = [0xff, 0x25];
    const END_BRANCH: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
    // A function need not have so many bytes as are looked at, but no page of code ends with the first of a function.
    let starts_with = |pc: usize, prefix: &[u8]| (0..prefix.len()).all(|i| bytes(pc + i..pc + i + 1)[0] == prefix[i]);
    let jump = if starts_with(target, &END_BRANCH) { target + END_BRANCH.len() } else { target };
    if !starts_with(jump, &JUMP_THROUGH) {
        return target;
    }
    let distance = i32::from_le_bytes(bytes(jump + 2..jump + 6).try_into().expect("four bytes"));
    // SAFETY: the stub would load the word.
    unsafe { *((jump + 6).wrapping_add_signed(distance as isize) as *const usize) }
}

/// Follows the landing pad of a Rust function through every branch, until the unwinding goes on. Landing pads of calls in it
/// are not followed: they are for panics in destructors.
///
/// The code behind a call that does not return is followed as well, because nothing tells such calls from others; that may
/// find the guard where it is not, never miss it.
pub(super) fn follow(landing_pad: usize, function: &Range<usize>, known: Known) -> Leads {
    let resume = resolve(resume());
    let (mut open, mut seen, mut goes_on) = (vec![landing_pad], HashSet::new(), false);
    while let Some(mut pc) = open.pop() {
        let mut named = 0;
        while function.contains(&pc) && seen.insert(pc) {
            let Some(instruction) = decode(bytes(pc..function.end), pc) else { return Leads::Unclear };
            // SAFETY: the instruction would load the word.
            let loaded = |word: usize| unsafe { *(word as *const usize) };
            named = named_by(&instruction).unwrap_or(named);
            if named == known.guard {
                return Leads::ToTheEnd;
            }
            let called = match instruction.flow {
                Flow::Call(to) => called(to, named),
                Flow::CallThrough(word) => loaded(word),
                _ => 0,
            };
            if called == known.guard {
                return Leads::ToTheEnd;
            }
            if called == resume {
                goes_on = true;
                break;
            }
            match instruction.flow {
                Flow::Stop => break,
                Flow::JumpElsewhere => return Leads::Unclear,
                Flow::Branch(to) => open.push(to),
                Flow::Jump(to) => {
                    pc = to;
                    continue;
                }
                Flow::Next | Flow::Call(_) | Flow::CallThrough(_) | Flow::CallElsewhere => {}
            }
            pc += instruction.len;
        }
    }
    if goes_on { Leads::On } else { Leads::ToTheEnd }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_is_found() {
        let known = known().expect("the guard");
        let name = symbol(known.guard);
        // The address sanitizer puts a call of its own before every call that does not return; it does as well, because none
        // comes before the unwinding goes on.
        assert!(name.contains("panic_cannot_unwind") || name == "__asan_handle_no_return", "{name}");
        let name = symbol(known.personality);
        assert!(name.contains("rust_eh_personality"), "{name}");
    }

    /// What a backtrace calls the function at `pc`, as `object` finds it in the file.
    fn symbol(pc: usize) -> String {
        use object::{Object, ObjectSymbol};
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let base = |path: &str| {
            let line = maps.lines().find(|line| line.ends_with(path)).unwrap();
            usize::from_str_radix(line.split('-').next().unwrap(), 16).unwrap()
        };
        let inside = maps.lines().find(|line| {
            let (from, rest) = line.split_once('-').unwrap();
            let address = |text| usize::from_str_radix(text, 16).unwrap();
            (address(from)..address(rest.split(' ').next().unwrap())).contains(&pc)
        });
        let path = &inside.unwrap()[inside.unwrap().find('/').unwrap()..];
        let file = std::fs::read(path).unwrap();
        let file = object::File::parse(&*file).unwrap();
        let offset = (pc - base(path)) as u64;
        let symbol = file.symbols().chain(file.dynamic_symbols()).find(|symbol| symbol.address() == offset);
        symbol.map_or(String::new(), |symbol| symbol.name().unwrap().to_owned())
    }
}
