//! A compiler at run time, whose functions run on goroutine stacks.
//!
//!     cargo run --release --features code --example jit [depth]
//!
//! Compiles a recursion, registers it, and runs it as deep as is asked for, on a stack that begins with 2 KB. Then it lets the Rust
//! function at the bottom panic, tries to take the code away while a task is in it, and takes it away.

mod compiler;

use compiler::{Plan, compile};
use morestack::code;
use std::cell::Cell;
use std::error::Error;
use std::panic;
use std::sync::mpsc;

thread_local! {
    /// What the bottom does.
    static BOTTOM: Cell<fn(u64) -> u64> = const { Cell::new(|n| n) };
}

morestack::mapped_export! {
    #[unsafe(export_name = "jit.bottom")]
    fn bottom(n: u64) -> u64 { BOTTOM.get()(n) }
}

morestack::mapped! {
    unsafe extern "ABI0" {
        /// The same, as mapped code sees it.
        fn mapped_bottom(n: u64) -> u64 = "jit.bottom";
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let depth = std::env::args().nth(1).map_or(Ok(1_000_000), |word| word.parse::<u64>())?;
    let compiled = compile(Plan { frame: compiler::LEAST_FRAME, bottom: mapped_bottom::code().start })?;
    // SAFETY: the compiler made code of the form that is asked for, which stays until the end of this function.
    let registration = unsafe { code::register(compiled.text.code(), &[compiled.function])? };
    println!("registered {registration:?}: {} bytes", compiled.text.bytes().len());

    // SAFETY: it takes a number, returns one, and touches nothing else.
    let sum = unsafe { registration.function::<(u64,), u64>("jit.sum")? };
    let before = morestack::stack::stats();
    println!("sum({depth}) = {}, as it should be: {}", sum.call((depth,))?, depth * (depth + 1) / 2);
    println!("its stack was moved {} times", morestack::stack::stats().moves - before.moves);

    let deep = sum.clone();
    let panicking = std::thread::spawn(move || {
        BOTTOM.set(|_| panic::panic_any("nothing below"));
        panic::catch_unwind(move || deep.call((1000,))).expect_err("it panics")
    });
    let payload = panicking.join().expect("the panic was caught");
    println!("a panic below a thousand of its frames arrives: {:?}", payload.downcast_ref::<&str>());

    // A thread that is in it, until it is told to go on.
    thread_local! {
        static WAIT: Cell<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>> = const { Cell::new(None) };
    }
    let ((arrived, arrives), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let inside = std::thread::spawn(move || {
        WAIT.set(Some((arrived, goes_on)));
        BOTTOM.set(|n| {
            if let Some((arrived, goes_on)) = WAIT.take() {
                let _ = arrived.send(());
                let _ = goes_on.recv();
            }
            n
        });
        sum.call((10,))
    });
    arrives.recv()?;
    let refused = registration.unregister().expect_err("a thread is in it");
    println!("not unregistered: {refused}");
    go_on.send(())?;
    println!("the thread's result: {}", inside.join().expect("it does not panic")?);
    refused.into_registration().unregister()?;
    println!("unregistered");
    Ok(())
}
