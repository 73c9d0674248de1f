//! Time limits end waits with std's errors, not before their time, and change nothing else.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::{everywhere, pair};
use morestack::net::{SocketAddr, TcpListener, TcpStream};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_millis(30);

fn times_out(limit: Duration, operation: impl FnOnce() -> std::io::Error) {
    let begin = Instant::now();
    let error = operation();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::WouldBlock, Some(libc::EAGAIN)));
    assert!(begin.elapsed() >= limit, "{:?}", begin.elapsed());
}

#[test]
fn reads_end_with_would_block() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        server.set_read_timeout(Some(LIMIT)).unwrap();
        times_out(LIMIT, || server.read(&mut [0; 8]).unwrap_err());
        times_out(LIMIT, || server.peek(&mut [0; 8]).unwrap_err());
        times_out(LIMIT, || server.wait_readable().unwrap_err());
        // The connection is none the worse for it.
        client.write_all(b"late").unwrap();
        server.set_read_timeout(None).unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
    });
}

#[test]
fn writes_end_with_would_block() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        server.set_write_timeout(Some(LIMIT)).unwrap();
        let mut sent = 0;
        let begin = loop {
            let begin = Instant::now();
            match server.write(&[7; 65536]) {
                Ok(n) => sent += n,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break begin;
                }
            }
        };
        assert!(begin.elapsed() >= LIMIT);
        times_out(LIMIT, || server.wait_writable().unwrap_err());
        let reader = thread::spawn(move || {
            let mut got = Vec::new();
            client.read_to_end(&mut got).unwrap();
            got.len()
        });
        server.set_write_timeout(None).unwrap();
        server.write_all(b"more").unwrap();
        drop(server);
        assert_eq!(reader.join().unwrap(), sent + 4);
    });
}

/// What arrives in time is not delayed to the limit, however long that is.
#[test]
fn limits_do_not_delay() {
    everywhere(|| {
        for limit in [Duration::from_secs(3600), Duration::MAX] {
            let (mut client, mut server) = pair();
            server.set_read_timeout(Some(limit)).unwrap();
            thread::scope(|scope| {
                let reader = scope.spawn(|| server.read(&mut [0; 8]).unwrap());
                client.write_all(b"now").unwrap();
                assert_eq!(reader.join().unwrap(), 3);
            });
        }
    });
}

extern "C" fn nothing(_: libc::c_int) {}

/// A handler that runs meanwhile ends a wait neither with an error nor before its time.
#[test]
fn signals_do_not_end_waits() {
    // SAFETY: a sigaction of zeros has no flags, SA_RESTART among them; the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    let (mut client, mut server) = pair();
    let first_is_over = Arc::new(AtomicBool::new(false));
    let timed_out = first_is_over.clone();
    let reader = thread::spawn(move || {
        server.set_read_timeout(Some(LIMIT)).unwrap();
        times_out(LIMIT, || server.read(&mut [0; 8]).unwrap_err());
        server.set_read_timeout(None).unwrap();
        timed_out.store(true, Ordering::Release);
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 4);
    });
    let mut more = 20;
    while more > 0 {
        // SAFETY: the thread is joined only below.
        assert_eq!(unsafe { libc::pthread_kill(reader.as_pthread_t(), libc::SIGUSR1) }, 0);
        thread::sleep(Duration::from_millis(1));
        if first_is_over.load(Ordering::Acquire) || reader.is_finished() {
            more -= 1;
        }
    }
    client.write_all(b"done").unwrap();
    reader.join().unwrap();
}

#[test]
fn limits_are_set_and_shown_as_std_s() {
    everywhere(|| {
        let (client, server) = pair();
        let std_stream = std::net::TcpStream::from(client);
        for limit in [None, Some(Duration::from_millis(1500)), Some(Duration::from_nanos(1)), Some(Duration::MAX)] {
            server.set_read_timeout(limit).unwrap();
            std_stream.set_read_timeout(limit).unwrap();
            assert_eq!(server.read_timeout().unwrap(), std_stream.read_timeout().unwrap());
            server.set_write_timeout(limit).unwrap();
            std_stream.set_write_timeout(limit).unwrap();
            assert_eq!(server.write_timeout().unwrap(), std_stream.write_timeout().unwrap());
        }
        for refused in [server.set_read_timeout(Some(Duration::ZERO)), server.set_write_timeout(Some(Duration::ZERO))] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    });
}

/// Clones share the limits, and a limit set with std is kept.
#[test]
fn limits_belong_to_the_connection() {
    everywhere(|| {
        let (_client, server) = pair();
        let mut clone = server.try_clone().unwrap();
        server.set_read_timeout(Some(LIMIT)).unwrap();
        times_out(LIMIT, || clone.read(&mut [0; 8]).unwrap_err());
        drop(clone);
        let std_stream = std::net::TcpStream::from(server);
        assert!(std_stream.read_timeout().unwrap().unwrap() >= LIMIT);
        let mut back = TcpStream::from(std_stream);
        times_out(LIMIT, || back.read(&mut [0; 8]).unwrap_err());
    });
}

/// Somebody whose backlog is full: connections to it are not refused but not made either.
fn deaf() -> (TcpListener, SocketAddr, Vec<std::net::TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: takes no pointers. It sets the backlog anew.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let addr = listener.local_addr().unwrap();
    let connect = |_| std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(100)).ok();
    let fill = (0..10).map_while(connect).collect();
    (listener, addr, fill)
}

#[test]
fn connects_time_out() {
    everywhere(|| {
        let (listener, addr, fill) = deaf();
        let begin = Instant::now();
        let error = TcpStream::connect_timeout(&addr, LIMIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() >= LIMIT);
        let refused = TcpStream::connect_timeout(&addr, Duration::ZERO).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        drop((listener, fill));
    });
}

#[test]
fn connects_that_succeed_do_not_time_out() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        for limit in [Duration::from_secs(60), Duration::MAX] {
            let mut client = TcpStream::connect_timeout(&addr, limit).unwrap();
            client.write_all(b"x").unwrap();
            listener.accept().unwrap().0.read_exact(&mut [0]).unwrap();
        }
    });
}
