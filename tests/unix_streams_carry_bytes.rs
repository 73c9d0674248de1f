//! What is sent over a Unix connection arrives: in pieces of any size, from one buffer or several, to one reader or several.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::net::Shutdown;
use morestack::net::unix::{UnixListener, UnixStream};
use sockets::abstract_addr;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use watchdog::Watchdog;

#[test]
fn an_echo_for_each_of_many() {
    everywhere(|| {
        let addr = abstract_addr();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let clients: Vec<_> = (0..20_u8)
            .map(|i| {
                let addr = addr.clone();
                morestack::thread::spawn(move || {
                    let mut stream = UnixStream::connect_addr(&addr).unwrap();
                    for n in [1, 10, 1000, 10_000] {
                        let (sent, mut got) = (vec![i; n], vec![0; n]);
                        stream.write_all(&sent).unwrap();
                        stream.read_exact(&mut got).unwrap();
                        assert!(sent == got);
                    }
                })
            })
            .collect();
        let servers: Vec<_> = (&listener)
            .into_iter()
            .take(20)
            .map(|stream| {
                morestack::thread::spawn(move || {
                    let (mut stream, mut buf) = (stream.unwrap(), vec![0; 3000]);
                    loop {
                        match stream.read(&mut buf).unwrap() {
                            0 => break,
                            n => stream.write_all(&buf[..n]).unwrap(),
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().chain(servers).for_each(|task| task.join().unwrap());
    });
}

/// Sizes about those of the kernel's buffers, in both directions at once.
#[test]
fn megabytes_pass_in_order() {
    everywhere(|| {
        let _watchdog = Watchdog::new(120);
        const BYTES: usize = 3_000_000;
        let pair = UnixStream::pair().unwrap();
        let (one, other) = (Arc::new(pair.0), Arc::new(pair.1));
        let body = |from: Arc<UnixStream>, to: Arc<UnixStream>, seed: usize| {
            let writer = morestack::thread::spawn(move || {
                let (mut sent, mut size) = (0, seed);
                while sent < BYTES {
                    size = (size * 31 + 7) % 300_000 + 1;
                    let n = size.min(BYTES - sent);
                    let bytes: Vec<u8> = (sent..sent + n).map(|i| (i % 251) as u8).collect();
                    { &*from }.write_all(&bytes).unwrap();
                    sent += n;
                }
                from.shutdown(Shutdown::Write).unwrap();
            });
            let reader = morestack::thread::spawn(move || {
                let (mut got, mut size, mut buf) = (0, seed, vec![0; 300_000]);
                loop {
                    size = (size * 17 + 3) % 300_000 + 1;
                    let n = { &*to }.read(&mut buf[..size]).unwrap();
                    if n == 0 {
                        break;
                    }
                    assert!(buf[..n].iter().enumerate().all(|(i, &byte)| byte == ((got + i) % 251) as u8));
                    got += n;
                }
                assert_eq!(got, BYTES);
            });
            [writer, reader]
        };
        let tasks = [body(one.clone(), other.clone(), 1), body(other, one, 1000)];
        tasks.into_iter().flatten().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn several_buffers_are_one_stream() {
    everywhere(|| {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let n = one.write_vectored(&[IoSlice::new(b"in "), IoSlice::new(b""), IoSlice::new(b"pieces")]).unwrap();
        assert_eq!(n, 9);
        let (mut first, mut second) = ([0; 4], [0; 8]);
        let n = other.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).unwrap();
        assert_eq!((n, &first, &second[..5]), (9, b"in p", &b"ieces"[..]));
        one.flush().unwrap();
        { &one }.write_all(b"by reference").unwrap();
        { &other }.read_exact(&mut [0; 12]).unwrap();
    });
}

#[test]
fn one_reads_and_another_writes() {
    everywhere(|| {
        let (one, other) = UnixStream::pair().unwrap();
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut answer = [0; 2];
                { &one }.read_exact(&mut answer).unwrap();
                answer
            });
            scope.spawn(|| {
                { &other }.read_exact(&mut [0; 2]).unwrap();
                { &other }.write_all(b"no").unwrap();
            });
            { &one }.write_all(b"ok").unwrap();
            assert_eq!(&reader.join().unwrap(), b"no");
        });
    });
}

#[test]
fn all_that_read_one_connection_find_their_bytes_and_the_end() {
    let _watchdog = Watchdog::new(120);
    let (one, other) = UnixStream::pair().unwrap();
    let (other, total) = (Arc::new(other), Arc::new(AtomicUsize::new(0)));
    let body = |other: Arc<UnixStream>, total: Arc<AtomicUsize>| {
        move || {
            let mut buf = [0; 16];
            loop {
                match { &*other }.read(&mut buf).unwrap() {
                    0 => break,
                    n => total.fetch_add(n, Ordering::Relaxed),
                };
            }
        }
    };
    let tasks: Vec<_> = (0..6).map(|_| morestack::thread::spawn(body(other.clone(), total.clone()))).collect();
    let threads: Vec<_> = (0..2).map(|_| thread::spawn(body(other.clone(), total.clone()))).collect();
    for i in 0..3000 {
        { &one }.write_all(&vec![0; 1 + i % 40]).unwrap();
    }
    one.shutdown(Shutdown::Write).unwrap();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(total.load(Ordering::Relaxed), (0..3000).map(|i| 1 + i % 40).sum::<usize>());
}

#[test]
fn each_connection_goes_to_one_acceptor() {
    everywhere(|| {
        let addr = abstract_addr();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let accepted = AtomicUsize::new(0);
        thread::scope(|scope| {
            for i in 0..4 {
                let clone = (i % 2 == 0).then(|| listener.try_clone().unwrap());
                let (listener, accepted) = (&listener, &accepted);
                scope.spawn(move || {
                    loop {
                        let (mut stream, _) = clone.as_ref().unwrap_or(listener).accept().unwrap();
                        let mut byte = [0];
                        stream.read_exact(&mut byte).unwrap();
                        if byte == *b"q" {
                            break;
                        }
                        accepted.fetch_add(1, Ordering::Relaxed);
                        stream.write_all(&byte).unwrap();
                    }
                });
            }
            for _ in 0..100 {
                let mut client = UnixStream::connect_addr(&addr).unwrap();
                client.write_all(b"c").unwrap();
                client.read_exact(&mut [0]).unwrap();
            }
            for _ in 0..4 {
                UnixStream::connect_addr(&addr).unwrap().write_all(b"q").unwrap();
            }
        });
        assert_eq!(accepted.into_inner(), 100);
    });
}

#[test]
fn handles_may_be_used_from_everywhere_as_std_s() {
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
    check::<UnixStream>();
    check::<UnixListener>();
}
