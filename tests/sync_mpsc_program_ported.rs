//! The same program twice: with `std::sync::mpsc`, and with the import changed.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/watchdog.rs"]
mod watchdog;

macro_rules! program {
    ($name:ident, $($import:tt)*) => {
        mod $name {
            $($import)*
            use crate::quiet::Expected;
            use std::collections::BTreeMap;
            use std::error::Error;
            use std::fmt::{Debug, Write};
            use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, panic_any};
            use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
            use std::sync::Arc;
            use std::time::Duration;

            enum Job {
                Square(u64, Sender<(u64, u64)>),
                Stop,
            }

            /// Workers with a queue each, which answer through a sender that comes with the job.
            fn pool(out: &mut String) {
                let workers: Vec<(SyncSender<Job>, thread::JoinHandle<usize>)> = (0..3)
                    .map(|room| {
                        let (jobs, queue) = sync_channel(room);
                        let work = move || {
                            let mut done = 0;
                            while let Ok(Job::Square(n, answer)) = queue.recv() {
                                answer.send((n, n * n)).unwrap();
                                done += 1;
                            }
                            done
                        };
                        (jobs, thread::spawn(work))
                    })
                    .collect();
                let (answer, answers) = channel();
                for n in 0..30 {
                    workers[n as usize % 3].0.send(Job::Square(n, answer.clone())).unwrap();
                }
                drop(answer);
                let squares: BTreeMap<u64, u64> = answers.iter().collect();
                let done: Vec<_> = workers
                    .into_iter()
                    .map(|(jobs, worker)| {
                        jobs.send(Job::Stop).unwrap();
                        let done = worker.join().unwrap();
                        (done, jobs.send(Job::Stop).is_err())
                    })
                    .collect();
                writeln!(out, "{squares:?} {done:?}").unwrap();
            }

            /// Primes, by a chain of filters that is as long as they are many.
            fn sieve(out: &mut String) {
                let (source, mut numbers) = sync_channel(0);
                thread::spawn(move || (2..).take_while(|&n: &u64| source.send(n).is_ok()).count());
                let mut primes = vec![];
                for _ in 0..15 {
                    let prime = numbers.recv().unwrap();
                    primes.push(prime);
                    let (next, filtered) = sync_channel(prime as usize % 3);
                    let source = std::mem::replace(&mut numbers, filtered);
                    thread::spawn(move || {
                        source.into_iter().filter(|n| n % prime != 0).take_while(|&n| next.send(n).is_ok()).count()
                    });
                }
                writeln!(out, "{primes:?}").unwrap();
            }

            fn errors(out: &mut String) {
                fn error(error: impl Error + Clone, out: &mut String) {
                    writeln!(out, "{error} {error:?} {:?}", error.clone()).unwrap();
                }
                let (sender, receiver) = channel();
                error(receiver.try_recv().unwrap_err(), out);
                error(receiver.recv_timeout(Duration::ZERO).unwrap_err(), out);
                error(receiver.recv_timeout(Duration::from_nanos(1)).unwrap_err(), out);
                sender.send('a').unwrap();
                drop(sender);
                writeln!(out, "{:?} {:?}", receiver.try_recv(), receiver.try_recv()).unwrap();
                error(receiver.recv().unwrap_err(), out);
                error(receiver.try_recv().unwrap_err(), out);
                error(receiver.recv_timeout(Duration::MAX).unwrap_err(), out);
                let (sender, receiver) = sync_channel(1);
                writeln!(out, "{:?}", sender.try_send(1)).unwrap();
                error(sender.try_send(2).unwrap_err(), out);
                drop(receiver);
                error(sender.try_send(3).unwrap_err(), out);
                error(TrySendError::from(sender.send(4).unwrap_err()), out);
                let RecvTimeoutError::Disconnected = RecvTimeoutError::from(RecvError) else { panic!("another") };
                let TryRecvError::Disconnected = TryRecvError::from(RecvError) else { panic!("another") };
                let alone = channel().0;
                let SendError(message) = alone.send("back").unwrap_err();
                writeln!(out, "{message}").unwrap();
            }

            fn traits(out: &mut String) {
                fn shared<T: Send + Sync + UnwindSafe + RefUnwindSafe + Debug>(value: &T, out: &mut String) {
                    writeln!(out, "{value:?} {value:#?} {value:30?}|").unwrap();
                }
                fn sent<T: Send + UnwindSafe + RefUnwindSafe + Debug>(value: &T, out: &mut String) {
                    writeln!(out, "{value:?} {value:#?} {value:30?}|").unwrap();
                }
                fn any<T: UnwindSafe + RefUnwindSafe + Debug>(value: &T, out: &mut String) {
                    writeln!(out, "{value:?} {value:#?}").unwrap();
                }
                fn all<I: Iterator<Item = u8>>(iterator: I) -> Vec<u8> {
                    iterator.collect()
                }
                let (sender, receiver): (Sender<u8>, Receiver<u8>) = channel();
                shared(&sender.clone(), out);
                shared(&sync_channel::<u8>(0).0.clone(), out);
                sent(&receiver, out);
                sender.send(1).unwrap();
                sender.send(2).unwrap();
                let now: TryIter<'_, u8> = receiver.try_iter();
                any(&now, out);
                writeln!(out, "{:?} {:?}", now.size_hint(), all(now)).unwrap();
                sender.send(3).unwrap();
                sender.send(4).unwrap();
                drop(sender);
                let mut some: Iter<'_, u8> = (&receiver).into_iter();
                any(&some, out);
                writeln!(out, "{:?} {:?}", some.size_hint(), some.next()).unwrap();
                let rest: IntoIter<u8> = receiver.into_iter();
                sent(&rest, out);
                writeln!(out, "{:?}", all(rest)).unwrap();
                // Messages need not be Send, Debug or sized like anything, as long as they stay.
                struct Opaque(#[expect(dead_code, reason = "only its type counts")] *const ());
                let (sender, receiver) = sync_channel(2);
                sender.send(Opaque(std::ptr::null())).map_err(|_| "refused").unwrap();
                sender.try_send(Opaque(std::ptr::null())).map_err(|_| "refused").unwrap();
                writeln!(out, "{sender:?} {receiver:?} {}", receiver.try_iter().count()).unwrap();
                // As long as anything it borrows.
                let text = String::from("borrowed");
                let (sender, receiver) = channel();
                sender.send(&*text).unwrap();
                writeln!(out, "{:?}", receiver.recv()).unwrap();
            }

            /// How many messages are dropped, and when, if one of them panics then.
            fn drops(out: &mut String) {
                struct Message(usize, Arc<AtomicUsize>);
                impl Drop for Message {
                    fn drop(&mut self) {
                        self.1.fetch_add(1, SeqCst);
                        if self.0 == 2 {
                            panic_any(Expected(2));
                        }
                    }
                }
                for room in [None, Some(5)] {
                    for (count, receives) in [(2, 0), (5, 0), (5, 1), (5, 4)] {
                        let dropped = Arc::new(AtomicUsize::new(0));
                        let message = |n| Message(n, dropped.clone());
                        let (send, receiver): (Box<dyn Fn(Message) -> bool>, _) = match room {
                            None => {
                                let (sender, receiver) = channel();
                                (Box::new(move |message| sender.send(message).is_ok()), receiver)
                            }
                            Some(room) => {
                                let (sender, receiver) = sync_channel(room);
                                (Box::new(move |message| sender.send(message).is_ok()), receiver)
                            }
                        };
                        writeln!(out, "{room:?}: {count} sent, {receives} received").unwrap();
                        (0..count).for_each(|n| assert!(send(message(n))));
                        let received = catch_unwind(AssertUnwindSafe(|| receiver.iter().take(receives).for_each(drop)));
                        writeln!(out, "{} {}", received.is_err(), dropped.load(SeqCst)).unwrap();
                        let panicked = catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err();
                        writeln!(out, "{panicked} {}", dropped.load(SeqCst)).unwrap();
                        writeln!(out, "{} {}", send(message(10)), dropped.load(SeqCst)).unwrap();
                        drop(send);
                        writeln!(out, "{}", dropped.load(SeqCst)).unwrap();
                    }
                }
            }

            pub fn main() -> String {
                let mut out = String::new();
                pool(&mut out);
                sieve(&mut out);
                errors(&mut out);
                traits(&mut out);
                drops(&mut out);
                out
            }
        }
    };
}

program! {
    with_std,
    use std::sync::mpsc::{
        IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryIter, TryRecvError,
        TrySendError, channel, sync_channel,
    };
    use std::thread;
}

program! {
    with_ours,
    use morestack::sync::mpsc::{
        IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryIter, TryRecvError,
        TrySendError, channel, sync_channel,
    };
    use morestack::thread;
}

#[test]
fn both_do_the_same() {
    let _watchdog = watchdog::Watchdog::new(120);
    quiet::quiet(&[]);
    everywhere::everywhere(|| {
        let theirs = std::thread::spawn(with_std::main).join().unwrap();
        assert_eq!(with_ours::main(), theirs);
        assert!(theirs.contains("[2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47]"), "{theirs}");
        assert!(theirs.lines().count() > 70, "{theirs}");
    });
}
