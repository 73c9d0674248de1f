//! The bridges between Rust and mapped code (ABI0), in both directions.
//!
//! ```text
//!     Rust --- MappedFn::call --- morestack_enter ---> mapped function        (asm/enter.s)
//!     mapped function --- wrapper --- morestack_call_rust --- from_mapped ---> Rust closure   (asm/call_rust.s)
//! ```
//!
//! A panic never unwinds through mapped frames: `from_mapped` catches it, the mapped frames down to the nearest Rust frame
//! are dropped (they own nothing), and `MappedFn::call` resumes it there; if there is no Rust frame, the task ends with it.

use super::abi::{AbiArgs, AbiResults, CallFrame};
use super::g::G;
use super::{report, thread};
use crate::arch;
use crate::stack::grow::{self, Innermost};
use crate::stack::split::undisturbed;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};

/// The true code of a mapped function: from its entry to one past its end.
///
/// This is what to compare program counters with, and what to copy; never the address of the Rust function that calls it,
/// which is a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRange {
    /// Address of the first instruction.
    pub start: usize,
    /// Address behind the last.
    pub end: usize,
}

impl CodeRange {
    /// Whether `pc` lies in the function.
    pub fn contains(&self, pc: usize) -> bool {
        (self.start..self.end).contains(&pc)
    }
}

/// A mapped function with its signature, ready to be called from Rust.
pub struct MappedFn<A, R> {
    code: CodeRange,
    /// What is called: the function itself, or its wrapper.
    entry: usize,
    signature: PhantomData<fn(A) -> R>,
}

impl<A, R> Clone for MappedFn<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> Copy for MappedFn<A, R> {}

impl<A: AbiArgs, R: AbiResults> MappedFn<A, R> {
    /// The function at `code`.
    ///
    /// # Safety
    /// A mapped function is there, its arguments and results are those of the signature, and calling it with any such
    /// arguments is sound, from several threads at once too.
    pub unsafe fn new(code: CodeRange) -> Self {
        if cfg!(debug_assertions)
            && let Some(known) = report::known_if_right()
        {
            let function = known.find_function(code.start).expect("a mapped function is in the function table");
            let declared = CallFrame::<A, R>::WORDS * 8;
            let (name, args) = (function.name, function.args);
            assert_eq!(declared, (args as usize).next_multiple_of(8), "{name}: size of arguments and results");
        }
        MappedFn { code, entry: code.start, signature: PhantomData }
    }

    /// The function at `code`, whose calling convention is another: it is called through the ABI0 function at `wrapper`.
    ///
    /// # Safety
    /// As for [`Self::new`], of the wrapper; and all that it does is to call the function at `code`.
    pub unsafe fn through(wrapper: CodeRange, code: CodeRange) -> Self {
        // SAFETY: the caller vouches for the wrapper.
        let wrapper = unsafe { Self::new(wrapper) };
        MappedFn { code, ..wrapper }
    }

    /// Its true code, never a wrapper's.
    pub fn code(&self) -> CodeRange {
        self.code
    }

    /// What to call by ABI0.
    pub(crate) fn entry(&self) -> usize {
        self.entry
    }

    /// Calls it on the task's go segment, which is taken from the pool on first use; outside any task on one that the thread
    /// keeps. Costs some tens of instructions.
    ///
    /// # Panics
    /// With the payload of a panic in Rust code that the function called.
    #[inline]
    pub fn call(&self, args: A) -> R {
        let mut frame = CallFrame::<A, R>::new(args);
        // SAFETY: `new`'s caller says that the function has this frame and may be called.
        // It has left its results in the frame.
        unsafe {
            call(self.entry, (&raw mut frame).cast(), CallFrame::<A, R>::WORDS);
            R::from_area(frame.results.0.assume_init())
        }
    }
}

/// Calls the mapped function at `entry` with the frame image at `frame`.
///
/// # Safety
/// The function takes `words` words of arguments and results, and the image holds as many.
unsafe fn call(entry: usize, frame: *mut u64, words: usize) {
    crate::sigstack::refuse_in_handler("calls a mapped function");
    let mut g = arch::current_g();
    // Kept across the call: if Rust code in it ends the process, thread-locals are destroyed while the borrowed g is in use.
    let mut lender = None;
    if g.is_null() {
        g = lender.insert(thread::current()).g();
    }
    // SAFETY: the current g is live and only this thread touches these fields; its records are live because the frames that
    // made them are still on the stack.
    unsafe {
        // The words and the return address; what the function itself takes, it checks.
        let need = words * 8 + 8;
        if !(*g).stack.fits((*g).stack.free_sp(), need) {
            make_room(g, need);
        }
        if arch::morestack_enter(entry, frame, words, g) != 0 {
            let payload = (*g).panic.take().expect("a carried panic has a payload");
            panic::resume_unwind(payload);
        }
    }
}

/// Grows the go segment of the current `g` while Rust runs, so that `need` more bytes fit above its guard.
#[cold]
unsafe fn make_room(g: *mut G, need: usize) {
    unsafe extern "C" fn on_system_stack(arg: *mut ()) {
        // SAFETY: `make_room` passes this.
        let (g, need) = unsafe { *arg.cast::<(*mut G, usize)>() };
        // SAFETY: g is the current one; Rust runs, so its mapped code stands at the innermost crossing.
        unsafe {
            if let Err(error) =
                grow::grow(&mut (*g).stack, &mut (*(*g).m).cache, &report::known(), Innermost::Crossing, need)
            {
                report::cannot_grow(&*g, Innermost::Crossing, &error);
            }
        }
    }
    let mut arg = (g, need);
    let arg = (&raw mut arg).cast();
    // SAFETY: a task's Rust code runs on a big stack, from which the system stack can be entered; a borrowed g's Rust code
    // is on the thread's own stack already, if not in a small segment for it.
    unsafe {
        if (*g).is_borrowed() {
            undisturbed(|| on_system_stack(arg));
        } else {
            arch::morestack_systemstack(on_system_stack, arg);
        }
    }
}

/// The system-stack half of lending: fetches a big stack for a mapped task that calls Rust. Called by asm/call_rust.s.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_lend_big_stack(g: *mut G) {
    match crate::stack::big::BigStack::new(None) {
        // SAFETY: asm/call_rust.s passes the current g, which holds no big stack.
        Ok(stack) => unsafe { (*g).big_hi = stack.into_hi() },
        Err(error) => crate::stack::report::fatal(format_args!(
            "{} calls Rust from mapped code, but there is no stack for it: {error}",
            report::Label(g)
        )),
    }
}

/// Runs `body` with the arguments at `frame`, stores its results behind them, and returns 0; or keeps its panic and returns
/// 1. The Rust half of [`mapped_export!`](crate::mapped_export).
///
/// # Safety
/// Called by `morestack_call_rust` with a copy of an `(A) -> R` frame.
#[doc(hidden)]
pub unsafe fn from_mapped<A: AbiArgs, R: AbiResults>(frame: *mut u64, body: impl FnOnce(A) -> R) -> usize {
    let g = arch::current_g();
    // SAFETY: the bridge has copied such a frame there, 16-aligned, and runs on behalf of the current g.
    unsafe {
        let frame = frame.cast::<CallFrame<A, R>>();
        let args = (*frame).args.0;
        if cfg!(debug_assertions) {
            refuse_stack_pointers::<A>(g, &(*frame).args.0);
        }
        match panic::catch_unwind(AssertUnwindSafe(|| body(A::from_area(args)))) {
            Ok(results) => {
                (*frame).results.0.write(results.into_area());
                0
            }
            Err(payload) => {
                (*g).panic = Some(payload);
                1
            }
        }
    }
}

/// Debug builds look at every argument: a pointer into the go segment would dangle at the next move.
unsafe fn refuse_stack_pointers<A: AbiArgs>(g: *mut G, args: &A::Area) {
    A::words(args, &mut |words, count| {
        for at in 0..count {
            // SAFETY: so many words of the arguments are there; the g is live.
            let (word, inside) = unsafe { (*words.add(at), (*g).stack.contains(*words.add(at))) };
            if inside {
                let i = (words as usize - (&raw const *args) as usize) / 8 + at;
                crate::stack::report::fatal(format_args!(
                    "{} passes the address {word:#x} on its own go segment to Rust (argument word {i}): the segment may move; \
                     pass a copy, or memory outside the stack",
                    report::Label(g)
                ));
            }
        }
    });
}

/// Declares mapped functions so that Rust can call them.
///
/// For each it makes a function of that name, which is a bridge, and a module of the same name with `function()`, the
/// [`MappedFn`], and `code()`, its true [`CodeRange`].
///
/// ```
/// morestack::mapped_asm!(
///     r#"
/// TEXT example.add, NOSPLIT|NOFRAME, 0, 16
///     NO_ARG_POINTERS
///     movl FP+0(%rsp), %eax
///     addl FP+4(%rsp), %eax
///     seto FP+12(%rsp)
///     movl %eax, FP+8(%rsp)
///     RET
/// END example.add
/// "#
/// );
///
/// morestack::mapped! {
///     unsafe extern "ABI0" {
///         /// Adds; and whether that was too much.
///         pub fn add(a: i32, b: i32) -> (i32, bool) = "example.add";
///     }
/// }
///
/// fn main() {
///     assert_eq!(add(10, 32), (42, false));
///     assert_eq!(add(i32::MAX, 1), (i32::MIN, true));
///     assert!(add::code().contains(add::code().start));
/// }
/// ```
///
/// The block is `unsafe` because the assembly must take exactly these arguments, leave exactly these results, and be sound to
/// call with any of them.
#[macro_export]
macro_rules! mapped {
    (unsafe extern "ABI0" { $($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $symbol:literal;)* }) => { $(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            $name::function().call(($($arg,)*))
        }
        $crate::__mapped_module!($vis $name, ($($ty,)*), $crate::__mapped_result!($($ret)?), $symbol);
    )* };
}

/// The module beside the bridge of a mapped function. `goasm` uses it, too, with `unsafe` where not every value of the words is one of
/// the function's, and for functions that are called through a wrapper.
#[doc(hidden)]
#[macro_export]
macro_rules! __mapped_module {
    ($vis:vis $name:ident, $args:ty, $results:ty, $symbol:literal $(, $unsafe:tt $(, $wrapper:literal)?)?) => {
        #[doc(hidden)]
        #[allow(unused_imports, non_snake_case)]
        $vis mod $name {
            use super::*;
            /// The function with its signature.
            pub $($unsafe)? fn function() -> $crate::task::MappedFn<$args, $results> {
                // SAFETY: the `unsafe extern` block vouches for the signature.
                unsafe { $crate::__mapped_fn!(code() $($(, $wrapper)?)?) }
            }
            /// Its true code.
            #[inline]
            pub fn code() -> $crate::task::CodeRange {
                $crate::__mapped_code!($symbol)
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __mapped_fn {
    ($code:expr) => {
        $crate::task::MappedFn::new($code)
    };
    ($code:expr, $wrapper:literal) => {
        $crate::task::MappedFn::through($crate::__mapped_code!($wrapper), $code)
    };
}

/// The code of the function with this symbol, as its address stubs have it.
#[doc(hidden)]
#[macro_export]
macro_rules! __mapped_code {
    ($symbol:literal) => {{
        unsafe extern "C" {
            #[link_name = concat!($symbol, "$entry")]
            safe fn entry() -> usize;
            #[link_name = concat!($symbol, "$end")]
            safe fn end() -> usize;
        }
        $crate::task::CodeRange { start: entry(), end: end() }
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __mapped_result {
    () => {
        ()
    };
    ($ret:ty) => {
        $ret
    };
}

/// Defines Rust functions that mapped code can `CALL` by the given symbol.
///
/// ```
/// morestack::mapped_export! {
///     /// Squares.
///     #[unsafe(export_name = "example.square")]
///     fn square(x: u64) -> u64 { x * x }
/// }
///
/// morestack::mapped_asm!(
///     r#"
/// TEXT example.square_plus_one, 0, 16, 16
///     NO_ARG_POINTERS
///     NO_LOCAL_POINTERS
///     movq FP+0(%rsp), %rax
///     movq %rax, 0(%rsp)
///     CALL example.square
///     movq 8(%rsp), %rax
///     incq %rax
///     movq %rax, FP+8(%rsp)
///     RET
/// END example.square_plus_one
/// "#
/// );
///
/// morestack::mapped! {
///     unsafe extern "ABI0" {
///         fn square_plus_one(x: u64) -> u64 = "example.square_plus_one";
///     }
/// }
///
/// fn main() {
///     assert_eq!(square_plus_one(5), 26);
/// }
/// ```
///
/// Each is an ordinary Rust function besides. The name is `unsafe` as in every `export_name`: it must be nobody else's, and the
/// mapped code that calls it must pass these arguments.
///
/// It stands where items stand, at the top level of a module, because assembly does.
///
/// The function runs on a big stack. It may panic, park, and call mapped code; a panic goes to the nearest Rust frame below
/// the mapped ones.
#[macro_export]
macro_rules! mapped_export {
    ($($(#[doc = $doc:expr])* #[unsafe(export_name = $symbol:literal)] $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => { $(
        $(#[doc = $doc])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? $body
        const _: () = {
            // Items in here hide the user's of the same name, so there is just this one. It is exported, because `global_asm!`
            // stands at the top level, where nothing in this block can be named by a path.
            #[unsafe(export_name = concat!($symbol, "$rust"))]
            unsafe extern "C" fn __morestack_shim(frame: *mut u64) -> usize {
                // Outside the `unsafe` block, which is not the user's.
                let body = |($($arg,)*): ($($ty,)*)| $name($($arg),*);
                // SAFETY: only the wrapper below calls this, with a frame of this signature.
                unsafe {
                    $crate::task::bridge::from_mapped::<($($ty,)*), $crate::__mapped_result!($($ret)?)>(frame, body)
                }
            }
        };
        $crate::mapped_asm!(
            concat!(
                "FILE \"", file!(), "\"\n.set LINE, ", line!(), "\n",
                "TO_RUST ", $symbol, ", {args}, ", $symbol, "$rust\n"
            );
            args = const $crate::task::bridge::frame_bytes::<($($ty,)*), $crate::__mapped_result!($($ret)?)>()
        );
    )* };
}

/// Bytes of arguments and results of a signature.
#[doc(hidden)]
pub const fn frame_bytes<A: AbiArgs, R: AbiResults>() -> usize {
    CallFrame::<A, R>::WORDS * 8
}
