//! ABI0 as Rust types: arguments, then results, in memory, each area 8-aligned, each value at its natural alignment.

use std::mem::MaybeUninit;

/// A value that ABI0 passes: a plain word, Go's header of a slice or string, or an array of them.
///
/// # Safety
/// Any bytes that the callee's assembly can leave there are a value of the type, or the declaration's `unsafe` vouches for
/// it; the type has no destructor and C's layout.
pub unsafe trait AbiValue: Copy {}

macro_rules! values {
    ($($t:ty)*) => { $(
        // SAFETY: a scalar of C's layout.
        unsafe impl AbiValue for $t {}
    )* };
}
values!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64 bool);
// SAFETY: a thin pointer is one word.
unsafe impl<T> AbiValue for *const T {}
// SAFETY: the same.
unsafe impl<T> AbiValue for *mut T {}
// SAFETY: C's layout for arrays.
unsafe impl<T: AbiValue, const N: usize> AbiValue for [T; N] {}

/// Go's slice, as its functions take and give it: three words.
#[derive(Debug)]
#[repr(C)]
pub struct GoSlice<T> {
    /// Where it begins. Null in Go's nil slice.
    pub base: *mut T,
    /// How many values there are.
    pub len: usize,
    /// For how many there is room.
    pub cap: usize,
}

impl<T> Clone for GoSlice<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for GoSlice<T> {}

// SAFETY: three words in C's layout, without a destructor.
unsafe impl<T> AbiValue for GoSlice<T> {}

impl<T> From<&[T]> for GoSlice<T> {
    /// Who gets it must only read: the type does not say so.
    fn from(slice: &[T]) -> Self {
        GoSlice { base: slice.as_ptr().cast_mut(), len: slice.len(), cap: slice.len() }
    }
}

impl<T> From<&mut [T]> for GoSlice<T> {
    fn from(slice: &mut [T]) -> Self {
        GoSlice { base: slice.as_mut_ptr(), len: slice.len(), cap: slice.len() }
    }
}

impl<T> GoSlice<T> {
    /// The same words for another type of value.
    pub fn cast<U>(self) -> GoSlice<U> {
        GoSlice { base: self.base.cast(), len: self.len, cap: self.cap }
    }

    /// The values, without the room behind them.
    ///
    /// # Safety
    /// As for [`std::slice::from_raw_parts`], but that a nil slice is an empty one.
    pub unsafe fn as_slice<'a>(self) -> &'a [T] {
        if self.base.is_null() {
            return &[];
        }
        // SAFETY: the caller vouches for it.
        unsafe { std::slice::from_raw_parts(self.base, self.len) }
    }

    /// The values, without the room behind them.
    ///
    /// # Safety
    /// As for [`std::slice::from_raw_parts_mut`], but that a nil slice is an empty one.
    pub unsafe fn as_mut_slice<'a>(self) -> &'a mut [T] {
        if self.base.is_null() {
            return &mut [];
        }
        // SAFETY: the caller vouches for it.
        unsafe { std::slice::from_raw_parts_mut(self.base, self.len) }
    }
}

/// Go's string, as its functions take and give it: two words.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct GoStr {
    /// Where it begins. May be null in an empty one.
    pub base: *const u8,
    /// Bytes.
    pub len: usize,
}

// SAFETY: two words in C's layout, without a destructor.
unsafe impl AbiValue for GoStr {}

impl From<&str> for GoStr {
    fn from(s: &str) -> Self {
        GoStr { base: s.as_ptr(), len: s.len() }
    }
}

impl GoStr {
    /// The text.
    ///
    /// # Safety
    /// As for [`std::slice::from_raw_parts`], but that base may be null if the string is empty; and it is UTF-8, which Go does not ask.
    pub unsafe fn as_str<'a>(self) -> &'a str {
        if self.base.is_null() {
            return "";
        }
        // SAFETY: the caller vouches for it.
        unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(self.base, self.len)) }
    }
}

mod sealed {
    /// Only this module says what a list of arguments or results looks like in memory.
    pub trait Sealed {}
}

/// A list of arguments: a tuple of up to 40 values.
pub trait AbiArgs: sealed::Sealed {
    /// The list as it lies in memory.
    #[doc(hidden)]
    type Area: Copy;
    #[doc(hidden)]
    fn into_area(self) -> Self::Area;
    #[doc(hidden)]
    fn from_area(area: Self::Area) -> Self;
    /// Calls `each` with the words that may be addresses, and how many there are one behind the other. Smaller values and the bytes
    /// between them, which are anything, are not among them.
    #[doc(hidden)]
    fn words(area: &Self::Area, each: &mut dyn FnMut(*const usize, usize));
}

/// Results: nothing, one value, or a tuple of up to 40 values.
pub trait AbiResults: sealed::Sealed {
    /// The results as they lie in memory.
    #[doc(hidden)]
    type Area: Copy;
    #[doc(hidden)]
    fn into_area(self) -> Self::Area;
    #[doc(hidden)]
    fn from_area(area: Self::Area) -> Self;
}

/// Lists of up to as many values as there are lines below, which is what an area is named for.
macro_rules! tuples {
    ([$($known:tt)*]) => {};
    ([$($known:tt)*] $area:ident $t:ident $n:tt, $($rest:tt)*) => {
        tuples!(@ $area $($known)* $t $n);
        tuples!([$($known)* $t $n] $($rest)*);
    };
    (@ $trait:ident for $area:ident $($t:ident $n:tt)* { $($more:item)* }) => {
        impl<$($t: AbiValue),*> $trait for ($($t,)*) {
            type Area = $area<$($t),*>;
            fn into_area(self) -> Self::Area { $area($(self.$n),*) }
            fn from_area(area: Self::Area) -> Self { ($(area.$n,)*) }
            $($more)*
        }
    };
    (@ $area:ident $($t:ident $n:tt)*) => {
        #[doc(hidden)]
        #[derive(Clone, Copy)]
        #[repr(C)]
        pub struct $area<$($t),*>($($t),*);
        impl<$($t: AbiValue),*> sealed::Sealed for ($($t,)*) {}
        tuples!(@ AbiArgs for $area $($t $n)* {
            fn words(area: &Self::Area, each: &mut dyn FnMut(*const usize, usize)) {
                $(if align_of::<$t>() == align_of::<usize>() {
                    each((&raw const area.$n).cast(), size_of::<$t>() / size_of::<usize>());
                })*
            }
        });
        tuples!(@ AbiResults for $area $($t $n)* {});
    };
}
tuples! { []
    Area1 T0 0, Area2 T1 1, Area3 T2 2, Area4 T3 3,
    Area5 T4 4, Area6 T5 5, Area7 T6 6, Area8 T7 7,
    Area9 T8 8, Area10 T9 9, Area11 T10 10, Area12 T11 11,
    Area13 T12 12, Area14 T13 13, Area15 T14 14, Area16 T15 15,
    Area17 T16 16, Area18 T17 17, Area19 T18 18, Area20 T19 19,
    Area21 T20 20, Area22 T21 21, Area23 T22 22, Area24 T23 23,
    Area25 T24 24, Area26 T25 25, Area27 T26 26, Area28 T27 27,
    Area29 T28 28, Area30 T29 29, Area31 T30 30, Area32 T31 31,
    Area33 T32 32, Area34 T33 33, Area35 T34 34, Area36 T35 35,
    Area37 T36 36, Area38 T37 37, Area39 T38 38, Area40 T39 39,
}

impl sealed::Sealed for () {}

impl AbiArgs for () {
    type Area = ();
    fn into_area(self) {}
    fn from_area((): ()) {}
    fn words((): &(), _: &mut dyn FnMut(*const usize, usize)) {}
}

impl AbiResults for () {
    type Area = ();
    fn into_area(self) {}
    fn from_area((): ()) {}
}

impl<T: AbiValue> sealed::Sealed for T {}

impl<T: AbiValue> AbiResults for T {
    type Area = T;
    fn into_area(self) -> T {
        self
    }
    fn from_area(area: T) -> T {
        area
    }
}

/// An area of the frame: 8-aligned, as long as its contents rounded up to words.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Area<T>(pub(crate) T);

/// Arguments and results as a call leaves them in the caller's frame.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct CallFrame<A: AbiArgs, R: AbiResults> {
    pub(crate) args: Area<A::Area>,
    pub(crate) results: Area<MaybeUninit<R::Area>>,
}

impl<A: AbiArgs, R: AbiResults> CallFrame<A, R> {
    /// Words that it takes.
    pub(crate) const WORDS: usize = size_of::<Self>() / 8;
    const ALIGNED: () = assert!(align_of::<Self>() == 8, "ABI0 aligns nothing to more than a word");

    /// A frame with these arguments and zeroed results.
    pub(crate) fn new(args: A) -> Self {
        let () = Self::ALIGNED;
        CallFrame { args: Area(args.into_area()), results: Area(MaybeUninit::zeroed()) }
    }
}
