//! Connections whose waits go through a poller, as those of tasks do: threads that have one stand in for tasks.

use super::{TcpListener, TcpStream};
use crate::sched::io::tests::PollingThread;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Waits until another thread has had time to wait in turn. No result hangs on whether it has.
fn a_moment() {
    thread::sleep(Duration::from_millis(20));
}

fn stand_in<'s, T: Send + 's>(
    scope: &'s thread::Scope<'s, '_>,
    poller: &'s PollingThread,
    body: impl FnOnce() -> T + Send + 's,
) -> ScopedJoinHandle<'s, T> {
    scope.spawn(move || {
        poller.adopt();
        body()
    })
}

/// Has a stream registered with a poller, by a wait in vain.
fn register(poller: &PollingThread, mut stream: &TcpStream) {
    thread::scope(|scope| {
        stand_in(scope, poller, move || {
            stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            stream.read(&mut [0]).unwrap_err();
            stream.set_read_timeout(None).unwrap();
        });
    });
}

/// Ends the process if it is not dropped in good time: a lost wake would hang its test.
struct Watchdog(#[expect(dead_code, reason = "its drop is what counts")] mpsc::Sender<()>);

impl Watchdog {
    fn start() -> Watchdog {
        let (alive, dropped) = mpsc::channel();
        thread::spawn(move || {
            if dropped.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("a wake was lost");
                std::process::abort();
            }
        });
        Watchdog(alive)
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % n
    }
}

/// The protocol under load: sizes about those of the buffers, so that reads are short, exact and several in turn; two pollers;
/// two readers on one end. Each byte says where in the stream it stands, and all must arrive.
#[test]
fn no_wake_is_lost() {
    let _watchdog = Watchdog::start();
    const BYTES: usize = 2_000_000;
    let pollers = [PollingThread::start(), PollingThread::start()];
    thread::scope(|scope| {
        for seed in 1..=4_u64 {
            let (left, right) = pair();
            let (left, right) = (std::sync::Arc::new(left), std::sync::Arc::new(right));
            for (from, to) in [(left.clone(), right.clone()), (right, left)] {
                let poller = |i: u64| &pollers[(seed + i) as usize % 2];
                stand_in(scope, poller(0), move || {
                    let (mut random, mut sent) = (Random(seed), 0);
                    while sent < BYTES {
                        let n = (1 + random.below(3000)).min(BYTES - sent);
                        let bytes: Vec<u8> = (sent..sent + n).map(|i| (i % 251) as u8).collect();
                        (&*from).write_all(&bytes).unwrap();
                        sent += n;
                        if random.below(4) == 0 {
                            thread::yield_now();
                        }
                    }
                    from.shutdown(Shutdown::Write).unwrap();
                });
                stand_in(scope, poller(1), move || {
                    let (mut random, mut got, mut buf) = (Random(seed + 99), 0, [0; 2048]);
                    loop {
                        let room = 1 + random.below(buf.len());
                        let n = (&*to).read(&mut buf[..room]).unwrap();
                        if n == 0 {
                            break;
                        }
                        assert!(buf[..n].iter().enumerate().all(|(i, &byte)| byte == ((got + i) % 251) as u8));
                        got += n;
                    }
                    assert_eq!(got, BYTES);
                });
            }
        }
    });
}

/// Requests and answers of one byte: each read waits, each event counts.
#[test]
fn ping_pong_from_two_pollers_and_a_plain_thread() {
    let _watchdog = Watchdog::start();
    let pollers = [PollingThread::start(), PollingThread::start()];
    let serve = |stream: &TcpStream| {
        let mut byte = [0];
        while { stream }.read(&mut byte).unwrap() == 1 {
            { stream }.write_all(&byte).unwrap();
        }
    };
    let ask = |stream: &TcpStream| {
        let mut byte = [0];
        for i in 0..5000_u32 {
            { stream }.write_all(&[i as u8]).unwrap();
            { stream }.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [i as u8]);
        }
        stream.shutdown(Shutdown::Write).unwrap();
    };
    thread::scope(|scope| {
        let ((a, b), (c, d)) = (pair(), pair());
        stand_in(scope, &pollers[0], move || ask(&a));
        stand_in(scope, &pollers[1], move || serve(&b));
        scope.spawn(move || ask(&c));
        stand_in(scope, &pollers[0], move || serve(&d));
    });
}

/// All that read on one connection find the bytes meant for somebody, and the end.
#[test]
fn many_readers_of_one_connection() {
    let _watchdog = Watchdog::start();
    let poller = PollingThread::start();
    let (client, server) = pair();
    let total = AtomicUsize::new(0);
    thread::scope(|scope| {
        for i in 0..8 {
            let (server, total) = (&server, &total);
            let body = move || {
                let mut buf = [0; 16];
                loop {
                    match { server }.read(&mut buf).unwrap() {
                        0 => break,
                        n => total.fetch_add(n, Ordering::Relaxed),
                    };
                }
            };
            match i % 4 {
                0 => drop(scope.spawn(body)),
                _ => drop(stand_in(scope, &poller, body)),
            }
        }
        for i in 0..3000 {
            { &client }.write_all(&vec![0; 1 + i % 40]).unwrap();
        }
        client.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!(total.into_inner(), (0..3000).map(|i| 1 + i % 40).sum::<usize>());
}

#[test]
fn several_acceptors_share_the_connections() {
    let _watchdog = Watchdog::start();
    let poller = PollingThread::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (accepted, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for i in 0..6 {
            let body = || {
                loop {
                    let (mut stream, _) = listener.accept().unwrap();
                    if done.load(Ordering::Acquire) {
                        break;
                    }
                    stream.write_all(b"!").unwrap();
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            };
            if i == 0 { drop(scope.spawn(body)) } else { drop(stand_in(scope, &poller, body)) }
        }
        for _ in 0..300 {
            let mut byte = [0];
            TcpStream::connect(addr).unwrap().read_exact(&mut byte).unwrap();
        }
        done.store(true, Ordering::Release);
        let _last: Vec<_> = (0..6).map(|_| TcpStream::connect(addr).unwrap()).collect();
    });
    assert_eq!(accepted.into_inner(), 300);
}

/// The edge of the FIN is gone before the last bytes are read, short.
#[test]
fn the_end_is_seen_after_a_short_read() {
    let _watchdog = Watchdog::start();
    let poller = PollingThread::start();
    let (mut client, mut server) = pair();
    thread::scope(|scope| {
        stand_in(scope, &poller, move || {
            let mut buf = [0; 100];
            assert_eq!(server.read(&mut buf).unwrap(), 3);
            // Data and end are here, and their event has been taken in.
            a_moment();
            server.wait_readable().unwrap();
            assert_eq!(server.read(&mut buf).unwrap(), 4);
            assert_eq!(server.read(&mut buf).unwrap(), 0);
            assert_eq!(server.read(&mut buf).unwrap(), 0);
        });
        client.write_all(b"one").unwrap();
        thread::sleep(Duration::from_millis(10));
        client.write_all(b"last").unwrap();
        drop(client);
    });
}

/// A read stops at urgent data, though more is there and its edge may have been taken in.
#[test]
fn a_read_that_stops_at_urgent_data_does_not_lose_what_follows() {
    let _watchdog = Watchdog::start();
    let poller = PollingThread::start();
    let (mut client, mut server) = pair();
    thread::scope(|scope| {
        stand_in(scope, &poller, move || {
            let mut buf = [0; 100];
            assert_eq!(server.read(&mut buf).unwrap(), 1);
            { &server }.write_all(b"go").unwrap();
            // All three are here, and their events have been taken in.
            a_moment();
            server.wait_readable().unwrap();
            assert_eq!(server.read(&mut buf).unwrap(), 4);
            assert_eq!(server.read(&mut buf).unwrap(), 5);
        });
        client.write_all(b"1").unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
        client.write_all(b"four").unwrap();
        // SAFETY: sends from a live buffer.
        assert_eq!(unsafe { libc::send(client.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) }, 1);
        client.write_all(b"fives").unwrap();
        client.read_exact(&mut [0; 1]).unwrap_err();
    });
}

#[test]
fn time_limits_hold_and_leave_no_waiter_behind() {
    let _watchdog = Watchdog::start();
    let poller = PollingThread::start();
    poller.adopt();
    let (mut client, mut server) = pair();
    server.set_read_timeout(Some(Duration::from_micros(300))).unwrap();
    for _ in 0..100 {
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(server.wait_readable().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    client.write_all(b"late").unwrap();
    server.set_read_timeout(None).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 4);

    server.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
    let full = loop {
        match server.write(&[0; 100_000]) {
            Ok(n) => assert!(n > 0),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    assert_eq!(server.wait_writable().unwrap_err().kind(), ErrorKind::WouldBlock);
    crate::sched::io::set_current_poller(None);
}

/// The descriptor that was registered goes away, by drop or conversion, while a clone waits.
#[test]
fn a_clone_waits_on_when_the_registered_descriptor_goes() {
    let _watchdog = Watchdog::start();
    let poller = PollingThread::start();
    for into_std in [false, true] {
        let (mut client, server) = pair();
        let mut clone = server.try_clone().unwrap();
        let waiting = Barrier::new(2);
        register(&poller, &server);
        thread::scope(|scope| {
            let waiter = stand_in(scope, &poller, || {
                waiting.wait();
                clone.read(&mut [0; 8]).unwrap()
            });
            waiting.wait();
            a_moment();
            let kept = into_std.then(|| std::net::TcpStream::from(server));
            client.write_all(b"hello").unwrap();
            assert_eq!(waiter.join().unwrap(), 5);
            drop(kept);
        });
    }
}

/// The poller that a connection is registered with goes away with its runtime, while somebody of another one waits.
#[test]
fn a_connection_outlives_the_poller_it_was_registered_with() {
    let _watchdog = Watchdog::start();
    let (first, second) = (PollingThread::start(), PollingThread::start());
    let (mut client, server) = pair();
    register(&first, &server);
    thread::scope(|scope| {
        let waiter = stand_in(scope, &second, || { &server }.read(&mut [0; 8]).unwrap());
        a_moment();
        drop(first);
        client.write_all(b"hello").unwrap();
        assert_eq!(waiter.join().unwrap(), 5);
    });
}

#[test]
fn closed_connections_are_registered_no_more() {
    let mut poller = crate::sched::io::Poller::new().unwrap();
    crate::sched::io::set_current_poller(Some(poller.handle().clone()));
    for _ in 0..3 {
        let (_client, mut server) = pair();
        assert_eq!(poller.sources(), 0);
        // Nobody polls; the time limit ends the wait.
        server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        server.read(&mut [0]).unwrap_err();
        assert_eq!(poller.sources(), 1);
    }
    assert_eq!(poller.sources(), 0);
    poller.poll(crate::sched::io::Timeout::Now).unwrap();
    crate::sched::io::set_current_poller(None);
}
