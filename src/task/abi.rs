//! ABI0 as Rust types: arguments, then results, in memory, each area 8-aligned, each value at its natural alignment.

use std::mem::MaybeUninit;

/// A value that ABI0 passes: a plain word, or an array of them.
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

mod sealed {
    /// Only this module says what a list of arguments or results looks like in memory.
    pub trait Sealed {}
}

/// A list of arguments: a tuple of values.
pub trait AbiArgs: sealed::Sealed {
    /// The list as it lies in memory.
    #[doc(hidden)]
    type Area: Copy;
    #[doc(hidden)]
    fn into_area(self) -> Self::Area;
    #[doc(hidden)]
    fn from_area(area: Self::Area) -> Self;
}

/// Results: nothing, one value, or a tuple of values.
pub trait AbiResults: sealed::Sealed {
    /// The results as they lie in memory.
    #[doc(hidden)]
    type Area: Copy;
    #[doc(hidden)]
    fn into_area(self) -> Self::Area;
    #[doc(hidden)]
    fn from_area(area: Self::Area) -> Self;
}

macro_rules! tuples {
    ($($name:ident: $($t:ident $n:tt),*;)*) => { $(
        #[doc(hidden)]
        #[derive(Clone, Copy)]
        #[repr(C)]
        pub struct $name<$($t),*>($($t),*);
        impl<$($t: AbiValue),*> sealed::Sealed for ($($t,)*) {}
        tuples!(@ AbiArgs $name $($t $n),*);
        tuples!(@ AbiResults $name $($t $n),*);
    )* };
    (@ $trait:ident $name:ident $($t:ident $n:tt),*) => {
        impl<$($t: AbiValue),*> $trait for ($($t,)*) {
            type Area = $name<$($t),*>;
            fn into_area(self) -> Self::Area { $name($(self.$n),*) }
            fn from_area(area: Self::Area) -> Self { ($(area.$n,)*) }
        }
    };
}
tuples! {
    Area1: A 0;
    Area2: A 0, B 1;
    Area3: A 0, B 1, C 2;
    Area4: A 0, B 1, C 2, D 3;
    Area5: A 0, B 1, C 2, D 3, E 4;
    Area6: A 0, B 1, C 2, D 3, E 4, F 5;
    Area7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    Area8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

impl sealed::Sealed for () {}

impl AbiArgs for () {
    type Area = ();
    fn into_area(self) {}
    fn from_area((): ()) {}
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
