//! What the kernel announces to nobody is waited for all the same, without keeping the worker: a listener's backlog that has room
//! again, and a receiver that takes datagrams again.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::net::unix::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use morestack::runtime::Builder;
use morestack::sched::Cancelled;
use morestack::time::{Elapsed, timeout};
use sockets::abstract_addr;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use std::{iter, thread};
use watchdog::Watchdog;

const LIMIT: Duration = Duration::from_millis(30);

/// A listener whose backlog is full.
fn deaf() -> (UnixListener, SocketAddr, Vec<UnixStream>) {
    let addr = abstract_addr();
    let listener = UnixListener::bind_addr(&addr).unwrap();
    // SAFETY: takes no pointers. It sets the backlog anew.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 3) }, 0);
    let connect = || timeout(LIMIT, || UnixStream::connect_addr(&addr).unwrap()).ok();
    let fill: Vec<_> = iter::from_fn(connect).collect();
    assert!(!fill.is_empty());
    (listener, addr, fill)
}

/// A receiver that has as many datagrams as it takes.
fn sated() -> (UnixDatagram, SocketAddr, usize) {
    let addr = abstract_addr();
    let receiver = UnixDatagram::bind_addr(&addr).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    let sent = iter::from_fn(|| sender.send_to_addr(b"food", &addr).ok()).count();
    assert!(sent > 0);
    (receiver, addr, sent)
}

#[test]
fn connects_wait_for_the_backlog() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        let (listener, addr, fill) = deaf();
        let client = thread::spawn(move || {
            let mut client = UnixStream::connect_addr(&addr).unwrap();
            client.write_all(b"at last").unwrap();
        });
        thread::sleep(Duration::from_millis(5));
        for _ in &fill {
            listener.accept().unwrap();
        }
        listener.accept().unwrap().0.read_exact(&mut [0; 7]).unwrap();
        client.join().unwrap();
    });
}

/// The only worker has the task that connects, and the one that accepts.
#[test]
fn neither_keeps_its_worker() {
    let _watchdog = Watchdog::new(60);
    let runtime = Builder::new().workers(1).build().unwrap();
    runtime.run(|| {
        let (listener, addr, fill) = deaf();
        let clients: Vec<_> = (0..10)
            .map(|_| {
                let addr = addr.clone();
                morestack::thread::spawn(move || drop(UnixStream::connect_addr(&addr).unwrap()))
            })
            .collect();
        for _ in 0..fill.len() + 10 {
            morestack::thread::yield_now();
            listener.accept().unwrap();
        }
        clients.into_iter().for_each(|client| client.join().unwrap());

        let (receiver, addr, sent) = sated();
        let sender = morestack::thread::spawn(move || {
            let sender = UnixDatagram::unbound().unwrap();
            for _ in 0..100 {
                sender.send_to_addr(b"more", &addr).unwrap();
            }
        });
        for _ in 0..sent + 100 {
            assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 4);
        }
        sender.join().unwrap();
    });
}

#[test]
fn connects_that_take_too_long_are_interrupted() {
    everywhere(|| {
        let (listener, addr, fill) = deaf();
        assert!(timeout(LIMIT, || drop(UnixStream::connect_addr(&addr))) == Err(Elapsed));
        for _ in &fill {
            listener.accept().unwrap();
        }
        // Nobody else is there: who gave up has left nothing behind.
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    });
    let (_listener, addr, _fill) = deaf();
    let client = morestack::thread::spawn(move || drop(UnixStream::connect_addr(&addr)));
    thread::sleep(Duration::from_millis(5));
    client.cancel();
    assert!(client.join().is_err_and(|payload| payload.is::<Cancelled>()));
}

#[test]
fn a_listener_that_goes_refuses_who_waits() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        let (listener, addr, _fill) = deaf();
        let client = thread::spawn(move || UnixStream::connect_addr(&addr).unwrap_err().kind());
        thread::sleep(Duration::from_millis(5));
        drop(listener);
        assert_eq!(client.join().unwrap(), ErrorKind::ConnectionRefused);
    });
}

/// To an address, and connected: of the latter events do tell.
#[test]
fn senders_wait_for_the_receiver() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        for connected in [false, true] {
            let (receiver, addr, sent) = sated();
            let sender = morestack::thread::spawn(move || {
                let sender = UnixDatagram::unbound().unwrap();
                if connected {
                    sender.connect_addr(&addr).unwrap();
                }
                for i in 0..200_u8 {
                    let sent = if connected { sender.send(&[i]) } else { sender.send_to_addr(&[i], &addr) };
                    assert_eq!(sent.unwrap(), 1);
                }
            });
            let mut buf = [0; 8];
            for _ in 0..sent {
                assert_eq!(receiver.recv(&mut buf).unwrap(), 4);
            }
            for i in 0..200_u8 {
                assert_eq!((receiver.recv(&mut buf).unwrap(), buf[0]), (1, i));
            }
            sender.join().unwrap();
        }
    });
}

#[test]
fn sends_end_when_their_time_is_up() {
    everywhere(|| {
        let (receiver, addr, sent) = sated();
        let sender = UnixDatagram::unbound().unwrap();
        let connected = UnixDatagram::unbound().unwrap();
        connected.connect_addr(&addr).unwrap();
        for socket in [&sender, &connected] {
            socket.set_write_timeout(Some(LIMIT)).unwrap();
        }
        let begin = Instant::now();
        assert_eq!(sender.send_to_addr(b"late", &addr).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(begin.elapsed() >= LIMIT);
        let begin = Instant::now();
        assert_eq!(connected.send(b"late").unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(connected.wait_writable().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(begin.elapsed() >= LIMIT * 2);
        sender.set_nonblocking(true).unwrap();
        assert_eq!(sender.send_to_addr(b"late", &addr).unwrap_err().kind(), ErrorKind::WouldBlock);
        sender.set_nonblocking(false).unwrap();
        sender.set_write_timeout(None).unwrap();
        assert_eq!(timeout(LIMIT, || drop(sender.send_to_addr(b"late", &addr))), Err(Elapsed));
        // None of these has arrived.
        receiver.set_nonblocking(true).unwrap();
        assert_eq!(iter::from_fn(|| receiver.recv(&mut [0; 8]).ok()).count(), sent);
    });
}

#[test]
fn a_receiver_that_goes_refuses_who_waits() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        for connected in [false, true] {
            let (receiver, addr, _sent) = sated();
            let sender = morestack::thread::spawn(move || {
                let sender = UnixDatagram::unbound().unwrap();
                if connected {
                    sender.connect_addr(&addr).unwrap();
                    sender.send(b"x").unwrap_err().kind()
                } else {
                    sender.send_to_addr(b"x", &addr).unwrap_err().kind()
                }
            });
            thread::sleep(Duration::from_millis(5));
            drop(receiver);
            assert_eq!(sender.join().unwrap(), ErrorKind::ConnectionRefused);
        }
    });
}
