//! Functions of libc that call back, with closures.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::cmp::Ordering;
use std::ffi::{c_int, c_void};

type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;
type CompareWith = unsafe extern "C" fn(*const c_void, *const c_void, *mut c_void) -> c_int;
type Visit = unsafe extern "C" fn(*const c_void, c_int, *mut c_void);

unsafe extern "C" {
    fn qsort_r(base: *mut c_void, count: usize, size: usize, compare: CompareWith, data: *mut c_void);
    fn lfind(key: *const c_void, base: *const c_void, count: *mut usize, size: usize, compare: Compare) -> *mut c_void;
    fn bsearch(key: *const c_void, base: *const c_void, count: usize, size: usize, compare: Compare) -> *mut c_void;
    fn tsearch(key: *const c_void, root: *mut *mut c_void, compare: Compare) -> *mut c_void;
    fn tfind(key: *const c_void, root: *const *mut c_void, compare: Compare) -> *mut c_void;
    fn tdelete(key: *const c_void, root: *mut *mut c_void, compare: Compare) -> *mut c_void;
    fn twalk_r(root: *const c_void, visit: Visit, data: *mut c_void);
    fn tdestroy(root: *mut c_void, free: unsafe extern "C" fn(*mut c_void));
}

/// Sorts, with the comparator that gets a closure handed through.
pub fn sort<T, F: FnMut(&T, &T) -> Ordering>(items: &mut [T], mut compare: F) {
    unsafe extern "C" fn call<T, F: FnMut(&T, &T) -> Ordering>(
        a: *const c_void,
        b: *const c_void,
        f: *mut c_void,
    ) -> c_int {
        // SAFETY: libc passes two of the items, which it may move but not change, and the closure.
        unsafe { (*f.cast::<F>())(&*a.cast::<T>(), &*b.cast::<T>()) as c_int }
    }
    let base = items.as_mut_ptr().cast();
    // SAFETY: the items are so many of this size; sorting only swaps them.
    unsafe { qsort_r(base, items.len(), size_of::<T>(), call::<T, F>, (&raw mut compare).cast()) }
}

/// The comparators below get a key, which has the closure.
struct Key<'f, T> {
    compare: &'f mut dyn FnMut(&T) -> Ordering,
}

unsafe extern "C" fn call_key<T>(key: *const c_void, item: *const c_void) -> c_int {
    // SAFETY: libc passes the key first and then an item; nobody else uses the key meanwhile.
    unsafe { ((*key.cast_mut().cast::<Key<'_, T>>()).compare)(&*item.cast()) as c_int }
}

/// The first item for which the comparator says equal.
pub fn find_linear<T>(items: &[T], mut compare: impl FnMut(&T) -> Ordering) -> Option<usize> {
    let key = Key { compare: &mut compare };
    let mut count = items.len();
    // SAFETY: as in `sort`.
    let found =
        unsafe { lfind((&raw const key).cast(), items.as_ptr().cast(), &mut count, size_of::<T>(), call_key::<T>) };
    index(items, found)
}

/// As [`slice::binary_search_by`], with the key on the left.
pub fn find_sorted<T>(items: &[T], mut compare: impl FnMut(&T) -> Ordering) -> Option<usize> {
    let key = Key { compare: &mut compare };
    // SAFETY: as in `sort`.
    let found =
        unsafe { bsearch((&raw const key).cast(), items.as_ptr().cast(), items.len(), size_of::<T>(), call_key::<T>) };
    index(items, found)
}

fn index<T>(items: &[T], found: *mut c_void) -> Option<usize> {
    (!found.is_null()).then(|| (found as usize - items.as_ptr() as usize) / size_of::<T>())
}

/// libc's binary tree, of numbers.
pub struct Tree {
    root: *mut c_void,
    /// Called at each comparison, and for each number when the tree goes.
    hook: fn(u64),
}

/// What the tree's nodes point to.
struct Number {
    value: u64,
    hook: fn(u64),
}

unsafe extern "C" fn compare_numbers(a: *const c_void, b: *const c_void) -> c_int {
    // SAFETY: both are keys of the tree, or looked for: numbers.
    let (a, b) = unsafe { (&*a.cast::<Number>(), &*b.cast::<Number>()) };
    (a.hook)(a.value ^ b.value);
    a.value.cmp(&b.value) as c_int
}

unsafe extern "C" fn free_number(number: *mut c_void) {
    // SAFETY: from `Box::into_raw` in `insert`, and the tree has it no more.
    let number = unsafe { Box::from_raw(number.cast::<Number>()) };
    (number.hook)(number.value);
}

impl Tree {
    pub fn new(hook: fn(u64)) -> Tree {
        Tree { root: std::ptr::null_mut(), hook }
    }

    pub fn insert(&mut self, value: u64) {
        let number = Box::into_raw(Box::new(Number { value, hook: self.hook }));
        // SAFETY: the tree keeps a pointer that lives until it is taken out. A node begins with its key.
        unsafe {
            let node = tsearch(number.cast(), &mut self.root, compare_numbers);
            if *node.cast::<*mut Number>() != number {
                drop(Box::from_raw(number));
            }
        }
    }

    pub fn contains(&self, value: u64) -> bool {
        let number = Number { value, hook: self.hook };
        // SAFETY: the key is not kept.
        unsafe { !tfind((&raw const number).cast(), &self.root, compare_numbers).is_null() }
    }

    pub fn remove(&mut self, value: u64) -> bool {
        let number = Number { value, hook: self.hook };
        // SAFETY: the key is found first, because the node goes; then it is the tree's no more.
        unsafe {
            let node = tfind((&raw const number).cast(), &self.root, compare_numbers);
            let key = if node.is_null() { return false } else { *node.cast::<*mut c_void>() };
            tdelete((&raw const number).cast(), &mut self.root, compare_numbers);
            drop(Box::from_raw(key.cast::<Number>()));
        }
        true
    }

    /// In order.
    pub fn for_each<F: FnMut(u64)>(&self, mut f: F) {
        unsafe extern "C" fn call<F: FnMut(u64)>(node: *const c_void, visit: c_int, f: *mut c_void) {
            const POSTORDER: c_int = 1;
            const LEAF: c_int = 3;
            if visit == POSTORDER || visit == LEAF {
                // SAFETY: a node begins with its key; the closure is nobody else's meanwhile.
                unsafe { (*f.cast::<F>())((**node.cast::<*const Number>()).value) }
            }
        }
        // SAFETY: the tree does not change meanwhile.
        unsafe { twalk_r(self.root, call::<F>, (&raw mut f).cast()) }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // SAFETY: the root is the tree's, and its keys are boxes.
        unsafe { tdestroy(self.root, free_number) }
    }
}
