//! The same program twice: with `std::thread`, and with the import changed.

mod common;
#[path = "common/places.rs"]
mod places;

macro_rules! program {
    ($name:ident, $($import:tt)*) => {
        mod $name {
            $($import)*
            use std::collections::BTreeMap;
            use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
            use std::sync::{Arc, Mutex};
            use std::time::Duration;
            use std::{io, panic};

            local! {
                static SEEN: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
            }

            const TEXT: &str = "the quick brown fox jumps over the lazy dog and the other fox looks at the dog";

            fn count(words: &[&str]) -> BTreeMap<String, usize> {
                let mut counts = BTreeMap::new();
                for word in words {
                    SEEN.set(SEEN.get() + 1);
                    *counts.entry((*word).to_owned()).or_default() += 1;
                }
                assert_eq!(SEEN.get() as usize, words.len());
                counts
            }

            pub fn main() -> io::Result<String> {
                let words: Vec<&str> = TEXT.split(' ').collect();
                // Scoped, borrowing.
                let counts = thread::scope(|s| {
                    let parts: Vec<_> = words.chunks(4).map(|part| s.spawn(move || count(part))).collect();
                    let mut all = BTreeMap::<String, usize>::new();
                    for part in parts {
                        for (word, n) in part.join().unwrap() {
                            *all.entry(word).or_default() += n;
                        }
                    }
                    all
                });
                // A pool of named threads over a queue, parked while it is empty.
                let queue = Arc::new(Mutex::new(Vec::new()));
                let (sum, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
                let pool: Vec<thread::JoinHandle<String>> = (0..3)
                    .map(|i| {
                        let (queue, sum, stop) = (queue.clone(), sum.clone(), stop.clone());
                        thread::Builder::new().name(format!("pool {i}")).stack_size(128 * 1024).spawn(move || {
                            loop {
                                let job = queue.lock().unwrap().pop();
                                match job {
                                    Some(n) => _ = sum.fetch_add(n, Ordering::SeqCst),
                                    None if stop.load(Ordering::SeqCst) => break,
                                    None => thread::park_timeout(Duration::from_millis(5)),
                                }
                            }
                            thread::current().name().unwrap().to_owned()
                        })
                    })
                    .collect::<io::Result<_>>()?;
                for n in counts.values() {
                    queue.lock().unwrap().push(*n as u32);
                    pool[0].thread().unpark();
                    thread::yield_now();
                }
                thread::sleep(Duration::from_millis(1));
                stop.store(true, Ordering::SeqCst);
                let names: Vec<String> = pool.into_iter().map(|handle| handle.join().unwrap()).collect();
                // A panic, caught by join.
                let failed: thread::Result<()> = thread::spawn(|| panic::resume_unwind(Box::new("no"))).join();
                let failed = *failed.unwrap_err().downcast::<&str>().unwrap();
                let distinct = thread::current().id() != thread::spawn(|| thread::current().id()).join().unwrap();
                Ok(format!("{counts:?} {} {names:?} {failed} {distinct}", sum.load(Ordering::SeqCst)))
            }
        }
    };
}

program! { with_std, use std::thread; use std::thread_local as local; }
program! { with_morestack, use morestack::thread; use morestack::task_local as local; }

#[test]
fn both_do_the_same() {
    places::everywhere(|| {
        let std = std::thread::spawn(with_std::main).join().unwrap().unwrap();
        assert_eq!(with_morestack::main().unwrap(), std);
        assert!(std.contains("\"the\": 4") && std.contains("17") && std.ends_with("no true"), "{std}");
    });
}
