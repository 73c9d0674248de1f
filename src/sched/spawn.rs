//! Making tasks.
//!
//! A task is one allocation: its `G`, and behind it its closure or its results. Handles and the scheduler count references
//! in the `G`.

use super::handle::JoinHandle;
use super::scheduler::Scheduler;
use crate::arch;
use crate::stack::StackError;
use crate::stack::big::BigStack;
use crate::stack::layout::{MAX_STACK, STACK_GUARD, STACK_MIN, STACK_TOP};
use crate::task::abi::CallFrame;
use crate::task::g::{G, Role};
use crate::task::{AbiArgs, AbiResults, MappedFn};
use std::alloc::{self, Layout};
use std::cell::UnsafeCell;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

/// A task and what it holds. `G` comes first, so a pointer to one is a pointer to the other.
#[repr(C)]
struct Cell<B> {
    g: G,
    body: UnsafeCell<B>,
}

/// What a Rust task holds: first its closure, then its result.
enum Stage<F, T> {
    Fresh(F),
    Running,
    Done(T),
    Taken,
}

/// What a mapped task holds when it has ended. Its arguments are on its stack from the start.
struct Mapped<A, R: AbiResults> {
    results: Option<R::Area>,
    signature: PhantomData<fn(A)>,
}

/// Settings of a task to be spawned.
#[must_use = "a builder spawns nothing by itself"]
pub struct Builder<'s> {
    scheduler: &'s Scheduler,
    name: Option<Box<str>>,
    stack_size: Option<usize>,
    max_stack: usize,
}

impl<'s> Builder<'s> {
    /// Names the task, for reports.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Bytes of the big stack on which a Rust closure runs. Address space, not memory: pages are committed when touched.
    /// Default: `RUST_MIN_STACK`, or 256 KB.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Bytes to which the task's go segment may grow; growing further ends the process with a report. Default 1 GB, least
    /// 2 KB.
    pub fn max_stack(mut self, bytes: usize) -> Self {
        self.max_stack = bytes.max(STACK_MIN);
        self
    }

    fn g(&mut self) -> G {
        let inner = &self.scheduler.inner;
        let mut g = G::new(self.max_stack, inner.thread.m());
        // SAFETY: the scheduler holds its thread's part.
        g.sys = unsafe { &raw const (*inner.thread.m()).sys_sp };
        g.id = inner.next_id.replace(inner.next_id.get() + 1);
        g.name = self.name.take();
        // The scheduler's reference and the handle's.
        g.refs.set(2);
        g.sched = Rc::as_ptr(inner).cast();
        g
    }

    /// Memory for a task, and for its place in the lists: refused memory is an error here, as with stacks, where `Box::new`
    /// would end the process. `stack` is the size of its stack, for the message.
    fn place<B>(&self, stack: usize) -> Result<Box<MaybeUninit<Cell<B>>>, StackError> {
        let refused = || StackError::OutOfMemory { size: stack, source: io::ErrorKind::OutOfMemory.into() };
        self.scheduler.inner.reserve().map_err(|_| refused())?;
        // SAFETY: a cell has a size, because G has; the memory is Box's kind, and may be uninitialized.
        unsafe {
            let memory = alloc::alloc(Layout::new::<Cell<B>>());
            if memory.is_null() { Err(refused()) } else { Ok(Box::from_raw(memory.cast())) }
        }
    }

    /// Spawns a Rust closure. It runs on a big stack, and calls mapped functions on a go segment of its own.
    ///
    /// # Errors
    /// [`StackError`] if there is no memory for the stack, or its size is impossible. The closure is dropped.
    pub fn spawn<F, T>(mut self, f: F) -> Result<JoinHandle<T>, StackError>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        let big = BigStack::new(self.stack_size)?;
        let place = self.place::<Stage<F, T>>(big.size())?;
        let mut g = self.g();
        g.stack.sched.sp = big.hi();
        g.stack.sched.pc = arch::closure_start();
        g.big = Some(big);
        g.role = Some(const { &closure_role::<F, T>() });
        let cell = Box::into_raw(Box::write(place, Cell { g, body: UnsafeCell::new(Stage::<F, T>::Fresh(f)) }));
        // SAFETY: just made, with the scheduler's and the handle's references counted; take_closure fits the body.
        unsafe {
            (*cell).g.stack.sched.ctxt = cell as usize;
            self.scheduler.inner.add(cell.cast());
            Ok(JoinHandle::new(&self.scheduler.inner, cell.cast(), take_closure::<F, T>))
        }
    }

    /// Spawns a mapped function. It starts on a go segment of 2 KB, and holds nothing else while it calls no Rust.
    ///
    /// # Errors
    /// [`StackError`] if there is no memory for the segment.
    pub fn spawn_mapped<A, R>(mut self, function: MappedFn<A, R>, args: A) -> Result<JoinHandle<R>, StackError>
    where
        A: AbiArgs + 'static,
        R: AbiResults + 'static,
    {
        let bytes = CallFrame::<A, R>::WORDS * 8;
        // The arguments, and the return address of the call, above the guard; the rest is the function's own check.
        let size = (bytes + STACK_TOP + 8 + STACK_GUARD + 1).next_power_of_two().max(STACK_MIN);
        let place = self.place::<Mapped<A, R>>(size)?;
        // SAFETY: m is this thread's, and the borrow ends here.
        let segment = unsafe { (*self.scheduler.inner.thread.m()).cache.alloc(size)? };
        let mut g = self.g();
        g.stack.set_segment(segment);
        let sp = g.stack.hi - STACK_TOP - bytes;
        // SAFETY: the segment has room for the frame below its top words.
        unsafe { (sp as *mut CallFrame<A, R>).write(CallFrame::new(args)) };
        g.stack.sched.sp = sp;
        g.stack.sched.pc = arch::mapped_start();
        g.stack.sched.ctxt = function.code().start;
        g.role = Some(const { &mapped_role::<A, R>() });
        let body = Mapped::<A, R> { results: None, signature: PhantomData };
        let cell = Box::into_raw(Box::write(place, Cell { g, body: UnsafeCell::new(body) }));
        self.scheduler.inner.add(cell.cast());
        // SAFETY: as in spawn.
        Ok(unsafe { JoinHandle::new(&self.scheduler.inner, cell.cast(), take_mapped::<A, R>) })
    }
}

impl Scheduler {
    /// A task in the making: name, stack sizes.
    pub fn builder(&self) -> Builder<'_> {
        Builder { scheduler: self, name: None, stack_size: None, max_stack: MAX_STACK }
    }

    /// Spawns a Rust closure, see [`Builder::spawn`].
    ///
    /// # Panics
    /// If there is no memory for its stack, as [`std::thread::spawn`] does.
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        self.builder().spawn(f).unwrap_or_else(|error| panic!("cannot spawn a task: {error}"))
    }

    /// Spawns a mapped function, see [`Builder::spawn_mapped`].
    ///
    /// # Panics
    /// If there is no memory for its stack.
    pub fn spawn_mapped<A, R>(&self, function: MappedFn<A, R>, args: A) -> JoinHandle<R>
    where
        A: AbiArgs + 'static,
        R: AbiResults + 'static,
    {
        self.builder().spawn_mapped(function, args).unwrap_or_else(|error| panic!("cannot spawn a task: {error}"))
    }
}

const fn closure_role<F: FnOnce() -> T, T>() -> Role {
    Role {
        run: Some(run_closure::<F, T>),
        finish: |_, _| {},
        cancel: cancel_closure::<F, T>,
        free: free::<Stage<F, T>>,
    }
}

const fn mapped_role<A: AbiArgs, R: AbiResults>() -> Role {
    Role { run: None, finish: finish_mapped::<A, R>, cancel: |_| {}, free: free::<Mapped<A, R>> }
}

unsafe fn body<'a, B>(g: *mut G) -> &'a mut B {
    // SAFETY: callers name the type that the task was made with, and use the body one at a time: the task itself while it
    // runs, the last handle afterwards.
    unsafe { &mut *(*g.cast::<Cell<B>>()).body.get() }
}

unsafe fn free<B>(g: *mut G) {
    // SAFETY: the last reference is gone, and the cell was made by Box.
    drop(unsafe { Box::from_raw(g.cast::<Cell<B>>()) });
}

/// The outermost Rust frame of a task: where its panics end. Called by asm/start.s with the closure context.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_closure_main(g: *mut G) {
    // SAFETY: spawn put the task's own g into the context, with the role of its closure.
    unsafe {
        let run = (*g).role.and_then(|role| role.run).expect("a Rust task has a closure");
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| run(g))) {
            (*g).panic = Some(payload);
        }
    }
}

unsafe fn run_closure<F: FnOnce() -> T, T>(g: *mut G) {
    // SAFETY: called once, by the task itself. No borrow of the body is held while the closure runs.
    unsafe {
        if let Stage::Fresh(f) = std::mem::replace(body::<Stage<F, T>>(g), Stage::Running) {
            let result = f();
            *body::<Stage<F, T>>(g) = Stage::Done(result);
        }
        if (*g).refs.get() == 1 {
            // Nobody will ask for the result: drop it here, on the task's own stack, where user code may run.
            *body::<Stage<F, T>>(g) = Stage::Taken;
        }
    }
}

unsafe fn cancel_closure<F, T>(g: *mut G) {
    // SAFETY: the task has not started and will not, so nobody else uses the body; none of it is borrowed while F is dropped.
    drop(unsafe { std::mem::replace(body::<Stage<F, T>>(g), Stage::Taken) });
}

unsafe fn take_closure<F, T>(g: *mut G) -> T {
    // SAFETY: the task has ended without a panic, and its only handle is being used up.
    match std::mem::replace(unsafe { body::<Stage<F, T>>(g) }, Stage::Taken) {
        Stage::Done(result) => result,
        _ => unreachable!("a task that has ended without a panic has a result"),
    }
}

unsafe fn finish_mapped<A: AbiArgs, R: AbiResults>(g: *mut G, frame: *const u64) {
    // SAFETY: `frame` is the frame that spawn_mapped laid out, wherever it is now, with the results in it.
    unsafe { body::<Mapped<A, R>>(g).results = Some((*frame.cast::<CallFrame<A, R>>()).results.0.assume_init()) };
}

unsafe fn take_mapped<A: AbiArgs, R: AbiResults>(g: *mut G) -> R {
    // SAFETY: the task has ended without a panic, and its only handle is being used up.
    R::from_area(unsafe { body::<Mapped<A, R>>(g) }.results.take().expect("a task that has ended has results"))
}
