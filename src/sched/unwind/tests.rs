use super::{Obstacle, can_unwind};
use crate::sched::{Scheduler, yield_now};
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};

/// What the innermost function of a task under test finds.
type Answer = Result<(), Obstacle>;

thread_local! {
    static ANSWER: Cell<Option<Answer>> = const { Cell::new(None) };
    static DROPPED: Cell<u32> = const { Cell::new(0) };
    /// Whether `ask` panics, to see whether the answer is true.
    static RAISE: Cell<bool> = const { Cell::new(false) };
}

/// Asks; and if the answer is yes, puts it to the test.
#[inline(never)]
fn ask() -> u64 {
    let answer = can_unwind();
    ANSWER.set(Some(answer));
    if RAISE.get() && answer.is_ok() {
        panic::resume_unwind(Box::new("raised"));
    }
    black_box(1)
}

/// The answer in a task that runs `body`, which asks. If it is yes, a panic does get to the base, unless it is caught before.
fn in_task(body: fn() -> u64) -> Answer {
    for raise in [false, true] {
        let scheduler = Scheduler::new();
        let joined = scheduler
            .spawn(move || {
                RAISE.set(raise);
                body()
            })
            .join();
        if raise && ANSWER.get().unwrap().is_ok() {
            let caught = joined.expect_err("the panic reaches the base");
            assert_eq!(caught.downcast_ref::<&str>(), Some(&"raised"));
        }
    }
    RAISE.set(false);
    ANSWER.take().unwrap()
}

fn is_guard(answer: Answer) -> bool {
    matches!(answer, Err(Obstacle::Guard { .. }))
}

struct Noted(#[expect(dead_code)] String);

impl Noted {
    fn new() -> Noted {
        Noted("something to free".to_owned())
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

#[inline(never)]
extern "C" fn plain_guard() -> u64 {
    black_box(ask()) + 1
}

#[inline(never)]
extern "C" fn guard_with_destructors() -> u64 {
    let (_one, _two) = (Noted::new(), [Noted::new(), Noted::new()]);
    let more: Vec<Noted> = (0..black_box(3)).map(|_| Noted::new()).collect();
    black_box(ask()) + more.len() as u64
}

#[inline(never)]
fn destructors() -> u64 {
    let (_one, _two) = (Noted::new(), [Noted::new(), Noted::new()]);
    let more: Vec<Noted> = (0..black_box(3)).map(|_| Noted::new()).collect();
    black_box(ask()) + more.len() as u64
}

#[test]
fn through_plain_functions() {
    assert_eq!(in_task(ask), Ok(()));
    assert_eq!(in_task(|| ask() + 1), Ok(()));
    assert_eq!(in_task(destructors), Ok(()));
    assert_eq!(in_task(|| (0..black_box(3)).map(|_| ask()).sum()), Ok(()));
}

#[test]
fn after_a_switch() {
    let body = || {
        let _noted = Noted::new();
        yield_now();
        ask()
    };
    assert_eq!(in_task(body), Ok(()));
}

#[test]
fn through_values_of_many_kinds() {
    #[expect(dead_code)]
    enum Kind {
        A(Box<u8>),
        B(Vec<Noted>),
        C(std::rc::Rc<Noted>),
        D(Box<dyn Fn()>),
        E(std::sync::mpsc::Receiver<u8>),
        F(Option<std::collections::BTreeMap<u8, Noted>>),
        G,
    }
    #[inline(never)]
    fn kind(number: u64) -> Kind {
        match black_box(number) {
            0 => Kind::A(Box::new(1)),
            1 => Kind::B(vec![Noted::new()]),
            2 => Kind::C(std::rc::Rc::new(Noted::new())),
            3 => Kind::D(Box::new(|| ())),
            4 => Kind::E(std::sync::mpsc::channel().1),
            5 => Kind::F(Some([(1, Noted::new())].into())),
            _ => Kind::G,
        }
    }
    let body = || {
        let kinds = [kind(0), kind(1), kind(2), kind(3), kind(4), kind(5), kind(6)];
        let cell = RefCell::new(kind(3));
        let _borrowed = cell.borrow_mut();
        let mutex = std::sync::Mutex::new(kind(4));
        let _held = mutex.lock().unwrap();
        black_box(ask()) + kinds.len() as u64
    };
    assert_eq!(in_task(body), Ok(()));
}

/// Rust catches and raises it again, so it does reach the base.
#[test]
fn below_a_catch() {
    let caught = || {
        let _noted = Noted::new();
        panic::catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|payload| panic::resume_unwind(payload))
    };
    assert_eq!(in_task(caught), Ok(()));
}

/// The catch brings a guard of its own into the function, which is not in the way.
#[test]
fn beside_a_catch() {
    let body = || {
        let _noted = Noted::new();
        let one = panic::catch_unwind(|| black_box(1)).unwrap_or(0);
        black_box(ask()) + one
    };
    assert_eq!(in_task(body), Ok(()));
}

#[test]
fn not_through_a_guard() {
    assert!(is_guard(in_task(|| plain_guard())));
}

#[test]
fn not_through_a_guard_with_destructors() {
    assert!(is_guard(in_task(|| guard_with_destructors())));
}

/// The catch above the guard would end it, but this asks for the whole way.
#[test]
fn not_through_a_guard_below_a_catch() {
    let body = || panic::catch_unwind(|| guard_with_destructors()).unwrap_or(0);
    assert!(is_guard(in_task(body)));
}

#[test]
fn not_from_a_destructor_that_runs_because_of_a_panic() {
    struct Asks;
    impl Drop for Asks {
        fn drop(&mut self) {
            // Only asked: it would end the process.
            RAISE.set(false);
            ask();
        }
    }
    let body = || {
        let caught = panic::catch_unwind(|| {
            let _asks = Asks;
            panic::resume_unwind(Box::new(()))
        });
        caught.map_or(1, |never: u64| never)
    };
    let scheduler = Scheduler::new();
    scheduler.spawn(body).join_or_resume();
    assert!(is_guard(ANSWER.take().unwrap()), "{:?}", ANSWER.get());
}

/// libc's `qsort`: C code between.
mod through_c {
    use super::*;

    unsafe extern "C-unwind" {
        fn qsort(
            base: *mut c_void,
            count: usize,
            size: usize,
            compare: unsafe extern "C-unwind" fn(*const c_void, *const c_void) -> c_int,
        );
    }

    #[inline(never)]
    unsafe extern "C-unwind" fn open(_: *const c_void, _: *const c_void) -> c_int {
        ask() as c_int
    }

    #[inline(never)]
    unsafe extern "C" fn closed(_: *const c_void, _: *const c_void) -> c_int {
        let _noted = Noted::new();
        ask() as c_int
    }

    fn sort(compare: unsafe extern "C-unwind" fn(*const c_void, *const c_void) -> c_int) -> u64 {
        let mut numbers = [2_u32, 1];
        // SAFETY: the size is theirs, and the comparison looks at nothing.
        unsafe { qsort(numbers.as_mut_ptr().cast(), 2, 4, compare) };
        black_box(numbers[0]).into()
    }

    #[test]
    fn with_leave_to_unwind() {
        assert_eq!(in_task(|| sort(open)), Ok(()));
    }

    #[test]
    fn without_it() {
        assert!(is_guard(in_task(|| {
            // SAFETY: the same but for whether it unwinds, which it does not.
            let closed = unsafe {
                std::mem::transmute::<
                    unsafe extern "C" fn(*const c_void, *const c_void) -> c_int,
                    unsafe extern "C-unwind" fn(*const c_void, *const c_void) -> c_int,
                >(closed)
            };
            sort(closed)
        })));
    }
}

/// Mapped frames between: the bridges carry panics past them.
mod through_mapped_code {
    use super::*;
    use crate::task::bridge::from_mapped;

    /// What `mapped_export!` makes; inside this crate it cannot be used.
    #[unsafe(export_name = "unwind_test.rust$rust")]
    unsafe extern "C" fn shim(frame: *mut u64) -> usize {
        // SAFETY: called by the wrapper below, with a frame of this signature.
        unsafe { from_mapped::<(u64,), u64>(frame, |(kind,)| rust(kind)) }
    }

    fn rust(kind: u64) -> u64 {
        let _noted = Noted::new();
        if kind == 0 { ask() } else { guard_with_destructors() }
    }

    crate::mapped! {
        unsafe extern "ABI0" {
            fn mapped(kind: u64) -> u64 = "unwind_test.mapped";
        }
    }

    #[test]
    fn from_a_closure_s_task() {
        assert_eq!(in_task(|| mapped(0) + 1), Ok(()));
        assert!(is_guard(in_task(|| mapped(1) + 1)));
    }

    #[test]
    fn from_a_mapped_task() {
        for raise in [false, true] {
            RAISE.set(raise);
            let scheduler = Scheduler::new();
            let joined = scheduler.spawn_mapped(mapped::function(), (0,)).join();
            assert_eq!(joined.is_err(), raise);
            assert_eq!(ANSWER.take(), Some(Ok(())));
        }
        RAISE.set(false);
    }
}

crate::__mapped_asm!(
    __assembly_macros!(),
    r#"
TO_RUST unwind_test.rust, 16, unwind_test.rust$rust
TEXT unwind_test.mapped, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL unwind_test.rust
    movq 8(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END unwind_test.mapped
"#
);

#[test]
fn outside_tasks_there_is_no_base() {
    ask();
    assert!(matches!(ANSWER.take(), Some(Err(_))));
}
