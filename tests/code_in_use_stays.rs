//! Functions that are in use are not unregistered; who uses them is named. What is gone is not called any more.

#[path = "../examples/jit/compiler.rs"]
mod compiler;

use compiler::{Compiled, LEAST_FRAME, Plan, compile};
use morestack::code::{self, CallSite, Function, LookupError, Map, RegisterError, Registered, Registration, Text};
use morestack::code::{Unregistered, User, flags};
use std::cell::RefCell;
use std::slice::from_ref;
use std::sync::mpsc::{Receiver, Sender, channel};

thread_local! {
    static WAIT: RefCell<Option<(Sender<()>, Receiver<()>)>> = const { RefCell::new(None) };
}

morestack::mapped_export! {
    #[unsafe(export_name = "jit.bottom")]
    fn bottom(n: u64) -> u64 {
        if let Some((arrived, go_on)) = WAIT.take() {
            arrived.send(()).unwrap();
            go_on.recv().unwrap();
        }
        n
    }
}

morestack::mapped! {
    unsafe extern "ABI0" {
        fn mapped_bottom(n: u64) -> u64 = "jit.bottom";
    }
}

fn compiled() -> Compiled {
    compile(Plan { frame: LEAST_FRAME, bottom: mapped_bottom::code().start }).unwrap()
}

fn registered() -> (Registration, Registered<(u64,), u64>) {
    let compiled = compiled();
    // SAFETY: code of the form that is asked for, for good; it takes a number and returns one.
    unsafe {
        let registration = code::register(compiled.text.leak(), &[compiled.function]).unwrap();
        let function = registration.function("jit.sum").unwrap();
        (registration, function)
    }
}

#[test]
fn by_calls_that_have_not_returned() {
    let (mut registration, function) = registered();
    /// Fewer than the others, so as long as there are more, one has a name.
    const TOLD_APART: usize = 24;
    // More than are told apart by name.
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let ((arrived, arrives), (go_on, goes_on)) = (channel(), channel());
            let function = function.clone();
            let thread = std::thread::spawn(move || {
                WAIT.set(Some((arrived, goes_on)));
                function.call((3,))
            });
            arrives.recv().unwrap();
            (thread, go_on)
        })
        .collect();
    let mut left = calls.len();
    for (thread, go_on) in calls {
        let refused = registration.unregister().expect_err("threads are in it");
        assert_eq!((refused.count(), refused.function()), (left, "jit.sum"));
        let message = refused.to_string();
        assert!(message.contains(&format!("{:#x}", function.code().start)), "{message}");
        let (user, text) = if left > TOLD_APART {
            (User::Thread, "a thread outside any task")
        } else {
            // All of those that came first, and have names, may have gone.
            (refused.user(), "in use by ")
        };
        assert!(refused.user() == user && message.contains(text), "{message}");
        registration = refused.into_registration();
        assert_eq!(function.call((4,)), Ok(10), "it can still be called");
        go_on.send(()).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(6));
        left -= 1;
    }
    registration.unregister().unwrap();
    assert_eq!(function.call((3,)), Err(Unregistered));
}

#[test]
fn by_who_keeps_them() {
    let (registration, _) = registered();
    let using = registration.keep();
    let refused = registration.unregister().unwrap_err();
    assert_eq!(refused.count(), 1);
    drop(using);
    refused.into_registration().unregister().unwrap();
}

/// A function without a check that calls `callee`.
fn caller(callee: usize, flags: u32) -> (Text, Function<'static>) {
    let mut call = 0;
    let text = Text::new(4096, |bytes, address| {
        // push %rbp; mov %rsp, %rbp; sub $16, %rsp; call callee; add $16, %rsp; pop %rbp; ret
        let mut code = vec![0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 16, 0xe8];
        let distance = callee.wrapping_sub(address + code.len() + 4) as isize;
        code.extend(i32::try_from(distance).expect("mappings are near each other").to_le_bytes());
        call = address + code.len();
        code.extend([0x48, 0x83, 0xc4, 16, 0x5d, 0xc3]);
        bytes[..code.len()].copy_from_slice(&code);
    })
    .unwrap();
    let entry = text.code().start;
    let function = Function {
        name: "jit.caller",
        file: "caller.jit",
        entry,
        end: call + 6,
        body: entry,
        frame: 16,
        flags,
        locals_map: Some(Map::NO_POINTERS),
        calls: vec![CallSite { pc: call, callee: Some(callee), map: 0, line: 7, pushed: 0 }],
        ..Function::default()
    };
    (text, function)
}

#[test]
fn by_other_registrations_that_call_them() {
    let (callee, function) = registered();
    let (text, caller) = caller(function.code().start, flags::NOSPLIT);
    // SAFETY: as above; the text lives until the end of this test.
    let calls = unsafe { code::register(text.code(), from_ref(&caller)).unwrap() };
    let refused = callee.unregister().unwrap_err();
    assert_eq!((refused.count(), refused.user()), (1, User::Registration));
    calls.unregister().unwrap();
    refused.into_registration().unregister().unwrap();
    // Now the call leads nowhere.
    // SAFETY: as above.
    let error = unsafe { code::register(text.code(), &[caller]) }.unwrap_err();
    assert!(matches!(error, RegisterError::Table { .. }), "{error}");
    assert!(
        error.to_string().contains(&format!("{:#x}, which is no mapped function", function.code().start)),
        "{error}"
    );
}

#[test]
fn not_by_handles_and_other_signatures_are_refused() {
    let (registration, function) = registered();
    // SAFETY: none is called.
    unsafe {
        let error = registration.function::<(u64, u64), u64>("jit.sum").err().unwrap();
        assert!(matches!(error, LookupError::Signature { registered: 16, asked: 24, .. }), "{error}");
        let error = registration.function::<(u64,), u64>("jit.product").err().unwrap();
        assert_eq!(error, LookupError::NoSuchFunction { name: "jit.product".to_owned() });
    }
    registration.unregister().unwrap();
    assert_eq!(function.clone().call((1,)), Err(Unregistered));
}

#[test]
fn the_same_code_may_come_again() {
    let Compiled { text, function } = compiled();
    for _ in 0..100 {
        // SAFETY: as above; the text lives until the end of this test.
        let registration = unsafe { code::register(text.code(), from_ref(&function)).unwrap() };
        // SAFETY: as above.
        let again = unsafe { code::register(text.code(), from_ref(&function)) }.unwrap_err();
        assert!(matches!(again, RegisterError::Taken { at, .. } if at == function.entry), "{again}");
        // SAFETY: as above.
        let sum = unsafe { registration.function::<(u64,), u64>("jit.sum").unwrap() };
        assert_eq!(sum.call((100,)), Ok(5050));
        registration.unregister().unwrap();
    }
}
