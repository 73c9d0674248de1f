//! Reads the function table's link sections: the binary form of `asm/macros.s`'s `END` and `CALL`.

use super::lines::Lines;
use super::stackmap::StackMap;
use super::table::{CallSite, Function, Table, TableError};
use std::ffi::CStr;
use std::sync::OnceLock;

/// An address stored as the distance from the word itself, which needs no relocation at load time. 0 stands for none.
#[repr(transparent)]
struct Relative(i32);

impl Relative {
    fn get(&self) -> Option<usize> {
        (self.0 != 0).then(|| (&raw const self.0 as usize).wrapping_add_signed(self.0 as isize))
    }

    fn address(&self) -> usize {
        self.get().unwrap_or(0)
    }

    /// The string there.
    ///
    /// # Safety
    /// The word leads to a NUL-terminated string in read-only data.
    unsafe fn str(&self) -> &'static str {
        // SAFETY: the caller says so; assembly sources are UTF-8, and a name that is not is shown as `?`.
        unsafe { CStr::from_ptr(self.address() as *const _) }.to_str().unwrap_or("?")
    }
}

/// An entry of `morestack_functab`; the macro FUNCTAB writes it.
#[repr(C)]
struct RawFunction {
    entry: Relative,
    end: Relative,
    body: Relative,
    restart: Relative,
    frame: u32,
    args: u32,
    flags: u32,
    line: u32,
    name: Relative,
    file: Relative,
    args_map: Relative,
    locals_map: Relative,
    lines: Relative,
    pushes: u32,
}

/// An entry of `morestack_calls`; the macro CALL_SITE writes it.
#[repr(C)]
struct RawCall {
    pc: Relative,
    callee: Relative,
    map: u32,
    line: u32,
    pushed: i32,
}

unsafe extern "C" {
    // The linker defines these for sections whose name is a C identifier.
    #[link_name = "__start_morestack_functab"]
    static FUNCTIONS_START: RawFunction;
    #[link_name = "__stop_morestack_functab"]
    static FUNCTIONS_STOP: RawFunction;
    #[link_name = "__start_morestack_calls"]
    static CALLS_START: RawCall;
    #[link_name = "__stop_morestack_calls"]
    static CALLS_STOP: RawCall;
}

/// The entries between two linker symbols.
///
/// # Safety
/// `start..stop` is a section that holds nothing but `T`s.
unsafe fn entries<T>(start: *const T, stop: *const T) -> &'static [T] {
    // SAFETY: the caller says so, and sections live as long as the program.
    unsafe { std::slice::from_raw_parts(start, (stop as usize - start as usize) / size_of::<T>()) }
}

/// All functions and calls that this program's assembly files have registered.
fn read() -> (Vec<Function>, Vec<CallSite>) {
    // SAFETY: only FUNCTAB and CALL_SITE write into these sections, with the layout of the two structs, and the crate's own
    // assembly registers some, so both exist.
    let (functions, calls) = unsafe {
        (
            entries(&raw const FUNCTIONS_START, &raw const FUNCTIONS_STOP),
            entries(&raw const CALLS_START, &raw const CALLS_STOP),
        )
    };
    let functions = functions.iter().map(|f| {
        // SAFETY: FUNCTAB makes name and file point to `.asciz` strings, the maps to STACKMAP_... data, the lines to LINES.
        let (name, file, args_map, locals_map, lines) = unsafe {
            let map = |at: &Relative| at.get().map(|at| StackMap::at(at as *const u32));
            let lines = f.lines.get().map(|at| Lines::at(at as *const u32));
            (f.name.str(), f.file.str(), map(&f.args_map), map(&f.locals_map), lines)
        };
        let (entry, end, body, restart) = (f.entry.address(), f.end.address(), f.body.address(), f.restart.address());
        let (frame, pushes, args, flags, line) = (f.frame, f.pushes, f.args, f.flags, f.line);
        Function {
            entry,
            end,
            body,
            restart,
            frame,
            pushes,
            args,
            flags,
            line,
            name,
            file,
            args_map,
            locals_map,
            lines,
        }
    });
    let calls = calls.iter().map(|c| CallSite {
        pc: c.pc.address(),
        callee: c.callee.get(),
        map: c.map,
        line: c.line,
        pushed: c.pushed,
    });
    (functions.collect(), calls.collect())
}

impl Table {
    /// The table of this program's link sections.
    ///
    /// Built on first use; later calls cost one load.
    ///
    /// # Errors
    /// What [`Table::build`] refuses.
    pub fn of_program() -> Result<&'static Table, &'static TableError> {
        static TABLE: OnceLock<Result<Table, TableError>> = OnceLock::new();
        TABLE
            .get_or_init(|| {
                let (functions, calls) = read();
                Table::build(functions, calls)
            })
            .as_ref()
    }
}
