//! Go assembly in Rust programs, on goroutine stacks.
//!
//! [`include!`] assembles a file in Go's (Plan 9) amd64 assembly, [`asm!`] a text, when the crate is compiled. Functions begin on 2 KB of
//! stack: the assembler inserts the check, and [`morestack`] moves the stack when it fails. A declaration in Rust says what a function
//! takes and gives, and the assembly is checked against it.
//!
//! ```text
//! // func add(a, b int32) (sum int32, carry bool)
//! TEXT ·add(SB), NOSPLIT, $0-13
//!     MOVL a+0(FP), AX
//!     ADDL b+4(FP), AX
//!     SETOS carry+12(FP)
//!     MOVL AX, sum+8(FP)
//!     RET
//! ```
//!
//! ```
//! goasm::include! {
//!     "tests/samples/add_amd64.s";
//!
//!     unsafe extern "ABI0" {
//!         /// Adds; and whether that was too much.
//!         pub safe fn add(a: i32, b: i32) -> (sum: i32, carry: bool);
//!     }
//! }
//!
//! fn main() {
//!     assert_eq!(add(10, 32), (42, false));
//!     assert_eq!(add(i32::MAX, 1), (i32::MIN, true));
//! }
//! ```
//!
//! # Declarations
//!
//! A block is `unsafe`, because it vouches that each function does what its declaration says, with any arguments of these types if it is
//! `safe`. Without `safe` a function is unsafe to call, as in every `unsafe extern` block. Attributes, visibility and lifetimes are
//! those of the Rust function.
//!
//! | Rust | Go's words | names in the assembly |
//! |---|---|---|
//! | `u8` to `u64`, `i8` to `i64`, `usize`, `isize`, `f32`, `f64`, `bool` | itself | `x` |
//! | `*const T`, `*mut T`, `&T`, `&mut T` | an address | `x` |
//! | `&[T]`, `&mut [T]` | [`GoSlice`]: address, length, capacity | `x_base`, `x_len`, `x_cap` |
//! | `&str` | [`GoStr`]: address, length | `x_base`, `x_len` |
//! | `[T; 4]` | so many, one behind the other | `x_0` to `x_3` |
//!
//! Arguments stand one behind the other at their natural alignment; results follow at the next multiple of 8. A result without a name
//! is `ret`, further ones `ret1`, `ret2`; an argument `_` is `arg`, or with its place in the list, `arg1`. There may be 40 of each.
//!
//! ```
//! goasm::asm! {
//!     r#"
//! #include "textflag.h"
//!
//! // A slice without its first value.
//! TEXT ·rest(SB), NOSPLIT, $0-48
//!     MOVQ p_base+0(FP), AX
//!     ADDQ $8, AX
//!     MOVQ AX, ret_base+24(FP)
//!     MOVQ p_len+8(FP), AX
//!     DECQ AX
//!     MOVQ AX, ret_len+32(FP)
//!     MOVQ AX, ret_cap+40(FP)
//!     RET
//! "#;
//!
//!     unsafe extern "ABI0" {
//!         /// The values behind the first.
//!         ///
//!         /// # Safety
//!         /// There is a first one.
//!         unsafe fn rest<'a>(p: &'a [u64]) -> &'a [u64];
//!     }
//! }
//!
//! fn main() {
//!     // SAFETY: there are three.
//!     assert_eq!(unsafe { rest(&[1, 2, 3]) }, [2, 3]);
//! }
//! ```
//!
//! Beside each function is a module of its name with `code()`, the true [`CodeRange`] (the Rust function is a bridge), and the unsafe
//! `function()`, the [`MappedFn`] that takes Go's words.
//!
//! # Calling conventions
//!
//! Arguments of **ABI0** are on the stack, and nothing but SP and BP survives a call. **ABIInternal** is what Go's compiler uses: a function's
//! symbol is `f<ABIInternal>`, integers and addresses are in AX, BX, CX, DI, SI, R8 to R11, floating-point numbers in X0 to X14, results
//! likewise; R14 is `g`, X15 zero, DX the context. What has no register left, and arrays of two or more, are on the stack, behind 0(FP).
//! Arguments in registers have a place in the spill space above the return address: the caller's frame has it, behind the arguments and
//! results on the stack, and a failed check saves them there. So a function that checks has to be declared. The size in `TEXT` is that
//! of ABI0, as in Go.
//!
//! ```
//! goasm::asm! {
//!     r#"
//! // A number times itself, plus one, in Go's own convention.
//! TEXT ·square_plus_one<ABIInternal>(SB), $0-16
//!     IMULQ AX, AX
//!     INCQ AX
//!     RET
//! "#;
//!
//!     unsafe extern "ABIInternal" {
//!         safe fn square_plus_one(x: u64) -> u64;
//!     }
//! }
//!
//! fn main() {
//!     assert_eq!(square_plus_one(5), 26);
//! }
//! ```
//!
//! Each declared function is there for both conventions: the one that is written, and a **wrapper** of the same name for the other, made
//! from the declaration. `unsafe extern "Rust"` declares a function of [`morestack::mapped_export!`], for assembly of ABIInternal: it makes
//! the wrapper and nothing else. A wrapper's address is not the function's. Who compares program counters or copies code has to know
//! which one a call or `LEAQ` reaches:
//!
//! | | from | to | how | reaches | by |
//! |---|---|---|---|---|---|
//! | 1 | ABIInternal | ABIInternal | `CALL ·f<ABIInternal>(SB)` | `f` itself | |
//! | 2 | ABIInternal | ABIInternal | `LEAQ ·f<ABIInternal>(SB), R12; CALL R12` | `f` itself | |
//! | 3 | ABIInternal | ABI0 | `CALL ·f(SB)`, with arguments on the stack | `f` itself | then R14 and X15 are to be set again |
//! | 4 | ABIInternal | ABI0 | `LEAQ ·f<ABIInternal>(SB), R12; CALL R12` | the wrapper | ABIInternal |
//! | 5 | ABI0 | ABI0 | `CALL ·f(SB)`, `LEAQ ·f(SB), AX; CALL AX` | `f` itself | |
//! | 6 | ABI0 | ABIInternal | `CALL ·f(SB)`, `LEAQ ·f(SB), AX; CALL AX` | the wrapper | ABI0 |
//! | | Rust | ABI0 | `f(..)`, `f::function().call(..)` | `f` itself | a bridge |
//! | | Rust | ABIInternal | the same | the wrapper | a bridge, then ABI0 |
//! | | any | any | `f::code()`, `f::function().code()` | `f` itself | an address stub |
//!
//! ```
//! # #[cfg(feature = "wrappers")]
//! goasm::include! {
//!     "tests/samples/conventions_by_wrapper_amd64.s";
//!
//!     unsafe extern "ABI0" {
//!         safe fn stack_callee(x: u64) -> (own: usize, caller: usize, next: u64);
//!         # safe fn stack_calls_registers(
//!         #     x: u64,
//!         # ) -> (own: usize, caller: usize, address: usize, own2: usize, caller2: usize, next: u64);
//!     }
//!
//!     unsafe extern "ABIInternal" {
//!         # safe fn registers_callee(x: u64) -> (own: usize, caller: usize, next: u64);
//!         safe fn registers_call_stack(x: u64) -> (own: usize, caller: usize, address: usize, next: u64);
//!     }
//! }
//!
//! # #[cfg(not(feature = "wrappers"))]
//! # fn main() {}
//! # #[cfg(feature = "wrappers")]
//! fn main() {
//!     // Case 4: the address that the assembly took and called; where the function found itself; where that returned to.
//!     let (own, caller, address, next) = registers_call_stack(5);
//!     assert_eq!(next, 6);
//!     let code = stack_callee::code();
//!     assert_eq!(own, code.start);
//!     assert!(!code.contains(address) && !code.contains(caller), "that is the wrapper");
//! }
//! ```
//!
//! The types keep them apart: what Rust calls is no [`CodeRange`].
//!
//! ```compile_fail,E0308
//! goasm::asm! {
//!     "TEXT ·f<ABIInternal>(SB), 4, $0-0\n RET\n";
//!     unsafe extern "ABIInternal" {
//!         safe fn f();
//!     }
//! }
//!
//! fn main() {
//!     let code: goasm::CodeRange = f;
//! }
//! ```
//!
//! Wrappers have the flags WRAPPER and ABIWRAPPER, and the runtime's reports leave them out. Without the feature `wrappers` (on by default)
//! no function has one under its own name: naming it in the assembly is then an error with the reason, cases 4 and 6 do not exist, and
//! Rust calls functions of ABIInternal all the same.
//!
//! # Symbols
//!
//! `·add`, and `""·add`, is `add` of the crate: the linker's symbol is `my_crate.add`. `package("math/big")` says another name. A symbol
//! that names its package keeps it. A function whose symbol is not its Rust name says so: `fn sqrt(x: f64) -> f64 = "archSqrt";`, or
//! `= "runtime·memequal"` for one of another package.
//!
//! Assembly calls Rust by way of [`morestack::mapped_export!`], under the same kind of symbol:
//!
//! ```
//! morestack::mapped_export! {
//!     /// Squares.
//!     #[unsafe(export_name = "example.square")]
//!     fn square(x: u64) -> u64 { x * x }
//! }
//!
//! goasm::asm! {
//!     r#"
//! #include "funcdata.h"
//!
//! TEXT ·square_plus_one(SB), 0, $16-16
//!     NO_LOCAL_POINTERS
//!     MOVQ x+0(FP), AX
//!     MOVQ AX, 0(SP)
//!     CALL ·square(SB)
//!     MOVQ 8(SP), AX
//!     INCQ AX
//!     MOVQ AX, ret+8(FP)
//!     RET
//! "#, package("example");
//!
//!     unsafe extern "ABI0" {
//!         safe fn square_plus_one(x: u64) -> u64;
//!     }
//! }
//!
//! fn main() {
//!     assert_eq!(square_plus_one(5), 26);
//! }
//! ```
//!
//! # Mistakes
//!
//! are errors of the compiler, at the line of the assembly: what cannot be assembled; a name that the declaration does not have, one
//! at another offset, or moved with another width (what Go's `vet` finds long after); a wrong size of arguments in `TEXT`; a result that
//! nobody writes; a chain of NOSPLIT functions that may need more stack than there is without a check.
//!
//! ```text
//! error: src/add_amd64.s:7:7: `b+8(FP)` is 8 bytes into the arguments, but b: i32 is at b+4(FP)
//!
//!            ADDL b+8(FP), AX
//!                 ^
//! ```

/// Assembles a file, and declares its functions.
///
/// First the path, from the directory of the crate's `Cargo.toml`. It may begin with an environment variable, so that build scripts can
/// write or fetch assembly: `"$OUT_DIR/made_amd64.s"`. Behind it, each after a comma, what the file needs:
///
/// - `define("NAME")`, `define("NAME", "value")`: a macro, as `-D` of Go's assembler; without a value it is 1
/// - `include_dir("path")`: where `#include` looks, after the directory of the file that includes; a path like the first
/// - `package("name")`: what stands before the dot of the file's symbols, if not the crate's name
///
/// Then a semicolon, and blocks of [declarations](crate#declarations). A change of any file that was read builds the crate again.
///
/// ```
/// goasm::include! {
///     "tests/samples/add_amd64.s", package("arithmetic"), define("GOAMD64_v3");
///
///     unsafe extern "ABI0" {
///         safe fn checked_add(a: i32, b: i32) -> (sum: i32, carry: bool) = "add";
///     }
/// }
///
/// fn main() {
///     assert_eq!(checked_add(1, 2), (3, false));
/// }
/// ```
///
/// It stands where items stand, at the top level of a module, because assembly does.
///
/// What is wrong with the assembly is an error of the compiler:
///
/// ```compile_fail
/// goasm::include! {
///     "tests/samples/add_amd64.s";
///     unsafe extern "ABI0" {
///         safe fn add(a: i64, b: i64) -> (sum: i64, carry: bool);
///     }
/// }
/// # fn main() {}
/// ```
///
/// And without `safe` a function is unsafe to call, by its module, too:
///
/// ```compile_fail,E0133
/// goasm::include! {
///     "tests/samples/add_amd64.s";
///     unsafe extern "ABI0" {
///         fn add(a: i32, b: i32) -> (sum: i32, carry: bool);
///     }
/// }
///
/// fn main() {
///     add(1, 2);
///     add::function().call((1, 2));
/// }
/// ```
pub use goasm_macros::include;

/// Assembles a text, and declares its functions.
///
/// As [`include!`](crate::include!), but with the text itself in the place of the path, best as a raw string. Messages name its lines in the
/// Rust source.
///
/// ```
/// goasm::asm! {
///     r#"
/// TEXT ·answer(SB), $0-8
///     MOVQ $ANSWER, ret+0(FP)
///     RET
/// "#, define("ANSWER", "42");
///
///     unsafe extern "ABI0" {
///         safe fn answer() -> u64;
///     }
/// }
///
/// fn main() {
///     assert_eq!(answer(), 42);
/// }
/// ```
pub use goasm_macros::asm;

/// What the macros' expansions name.
#[doc(hidden)]
pub use morestack;
pub use morestack::task::{CodeRange, GoSlice, GoStr, MappedFn};
