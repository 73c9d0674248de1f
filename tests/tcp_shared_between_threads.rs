//! One connection or listener, many users: by reference and by clones.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::{everywhere, pair};
use morestack::net::{Shutdown, TcpListener, TcpStream};
use std::io::{ErrorKind, Read, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn a_read_that_waits_does_not_hinder_a_write() {
    everywhere(|| {
        let (client, server) = pair();
        thread::scope(|scope| {
            scope.spawn(|| {
                { &server }.read_exact(&mut [0; 2]).unwrap();
                { &server }.write_all(b"no").unwrap();
            });
            let reader = scope.spawn(|| {
                let mut answer = [0; 2];
                { &client }.read_exact(&mut answer).unwrap();
                answer
            });
            thread::sleep(Duration::from_millis(5));
            { &client }.write_all(b"ok").unwrap();
            assert_eq!(&reader.join().unwrap(), b"no");
        });
    });
}

#[test]
fn each_connection_goes_to_one_acceptor() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (accepted, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for i in 0..4 {
                let clone = (i % 2 == 0).then(|| listener.try_clone().unwrap());
                let (listener, accepted, ended) = (&listener, &accepted, &ended);
                scope.spawn(move || {
                    loop {
                        let (mut stream, _) = clone.as_ref().unwrap_or(listener).accept().unwrap();
                        let mut byte = [0];
                        stream.read_exact(&mut byte).unwrap();
                        if byte == *b"q" {
                            ended.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        accepted.fetch_add(1, Ordering::Relaxed);
                        stream.write_all(&byte).unwrap();
                    }
                });
            }
            for _ in 0..100 {
                let mut client = TcpStream::connect(addr).unwrap();
                client.write_all(b"c").unwrap();
                client.read_exact(&mut [0]).unwrap();
            }
            for _ in 0..4 {
                TcpStream::connect(addr).unwrap().write_all(b"q").unwrap();
            }
        });
        assert_eq!((accepted.into_inner(), ended.into_inner()), (100, 4));
    });
}

#[test]
fn the_last_handle_closes() {
    everywhere(|| {
        let (mut client, server) = pair();
        let mut clone = server.try_clone().unwrap();
        drop(server);
        clone.write_all(b"still here").unwrap();
        client.read_exact(&mut [0; 10]).unwrap();
        drop(clone);
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn shutdown_ends_the_waits_of_others() {
    everywhere(|| {
        let (client, server) = pair();
        let mut clone = server.try_clone().unwrap();
        thread::scope(|scope| {
            let by_reference = scope.spawn(|| { &server }.read(&mut [0; 8]).unwrap());
            let by_clone = scope.spawn(move || clone.read(&mut [0; 8]).unwrap());
            let waits = scope.spawn(|| server.wait_readable().unwrap());
            thread::sleep(Duration::from_millis(5));
            server.shutdown(Shutdown::Read).unwrap();
            assert_eq!((by_reference.join().unwrap(), by_clone.join().unwrap()), (0, 0));
            waits.join().unwrap();
        });
        assert_eq!({ &client }.write(b"into the void").unwrap(), 13);
    });
}

#[test]
fn the_mode_is_shared_by_clones() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        let mut clone = server.try_clone().unwrap();
        clone.set_nonblocking(true).unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(server.wait_readable().unwrap_err().kind(), ErrorKind::WouldBlock);
        server.set_nonblocking(false).unwrap();
        client.write_all(b"x").unwrap();
        assert_eq!(clone.read(&mut [0; 8]).unwrap(), 1);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let clone = listener.try_clone().unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(clone.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        clone.set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(clone.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!({ &accepted }.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn handles_may_be_used_from_everywhere_as_std_s() {
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
    check::<TcpStream>();
    check::<TcpListener>();
}
