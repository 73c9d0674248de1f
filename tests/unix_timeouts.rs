//! Time limits on Unix connections end waits with std's errors, not before their time; nonblocking ones do not wait.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::net::unix::{UnixListener, UnixStream};
use morestack::time::{Elapsed, timeout};
use sockets::abstract_addr;
use std::io::{Error, ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};
use watchdog::Watchdog;

const LIMIT: Duration = Duration::from_millis(30);

fn times_out(operation: impl FnOnce() -> Error) {
    let begin = Instant::now();
    let error = operation();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::WouldBlock, Some(libc::EAGAIN)));
    assert!(begin.elapsed() >= LIMIT, "{:?}", begin.elapsed());
}

#[test]
fn reads_and_writes_end_with_would_block() {
    everywhere(|| {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        other.set_read_timeout(Some(LIMIT)).unwrap();
        times_out(|| other.read(&mut [0; 8]).unwrap_err());
        times_out(|| other.wait_readable().unwrap_err());
        one.write_all(b"late").unwrap();
        other.set_read_timeout(None).unwrap();
        other.read_exact(&mut [0; 4]).unwrap();

        one.set_nonblocking(true).unwrap();
        while one.write(&[0; 10_000]).is_ok() {}
        assert_eq!(one.wait_writable().unwrap_err().kind(), ErrorKind::WouldBlock);
        one.set_nonblocking(false).unwrap();
        // Shorter and longer than the time after which a write asks again.
        one.set_write_timeout(Some(LIMIT)).unwrap();
        times_out(|| one.write(b"x").unwrap_err());
        times_out(|| one.wait_writable().unwrap_err());
        let limit = Duration::from_millis(1200);
        one.set_write_timeout(Some(limit)).unwrap();
        let begin = Instant::now();
        assert_eq!(one.write(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(begin.elapsed() >= limit);
    });
}

#[test]
fn a_write_goes_on_when_there_is_room_again() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let writer = thread::spawn(move || one.write_all(&vec![7; 2_000_000]).unwrap());
        thread::sleep(Duration::from_millis(5));
        let mut got = Vec::new();
        other.read_to_end(&mut got).unwrap();
        writer.join().unwrap();
        assert!(got == [7; 2_000_000]);
    });
}

#[test]
fn interrupted_reads_lose_nothing() {
    everywhere(|| {
        let _watchdog = Watchdog::new(120);
        let (one, mut other) = UnixStream::pair().unwrap();
        let reader = thread::spawn(move || {
            let (mut got, mut interrupted) = (0_usize, 0_u64);
            while got < 2000 {
                let mut buf = [0; 16];
                match timeout(Duration::from_micros(interrupted % 300), || other.read(&mut buf).unwrap()) {
                    Ok(n) => {
                        assert!(buf[..n].iter().enumerate().all(|(i, &byte)| byte == (got + i) as u8));
                        got += n;
                    }
                    Err(Elapsed) => interrupted += 1,
                }
            }
            interrupted
        });
        for i in 0..2000_usize {
            { &one }.write_all(&[i as u8]).unwrap();
            if i % 200 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
        }
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn modes_and_limits_are_shared_by_clones() {
    everywhere(|| {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let mut clone = other.try_clone().unwrap();
        clone.set_nonblocking(true).unwrap();
        assert_eq!(other.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        other.set_nonblocking(false).unwrap();
        other.set_read_timeout(Some(LIMIT)).unwrap();
        times_out(|| clone.read(&mut [0; 8]).unwrap_err());
        other.set_read_timeout(None).unwrap();
        one.write_all(b"x").unwrap();
        assert_eq!(clone.read(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn limits_are_set_and_shown_as_std_s() {
    everywhere(|| {
        let (one, other) = UnixStream::pair().unwrap();
        let std_stream = std::os::unix::net::UnixStream::from(one);
        for limit in [None, Some(Duration::from_millis(1500)), Some(Duration::from_nanos(1)), Some(Duration::MAX)] {
            other.set_read_timeout(limit).unwrap();
            std_stream.set_read_timeout(limit).unwrap();
            assert_eq!(other.read_timeout().unwrap(), std_stream.read_timeout().unwrap());
            other.set_write_timeout(limit).unwrap();
            std_stream.set_write_timeout(limit).unwrap();
            assert_eq!(other.write_timeout().unwrap(), std_stream.write_timeout().unwrap());
        }
        for refused in [other.set_read_timeout(Some(Duration::ZERO)), other.set_write_timeout(Some(Duration::ZERO))] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn accepts_wait_or_not_as_the_program_wants() {
    everywhere(|| {
        let addr = abstract_addr();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let clone = listener.try_clone().unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(clone.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        clone.set_nonblocking(false).unwrap();
        thread::scope(|scope| {
            let acceptor = scope.spawn(|| listener.accept().unwrap().0);
            let _client = UnixStream::connect_addr(&addr).unwrap();
            let accepted = acceptor.join().unwrap();
            accepted.set_read_timeout(Some(LIMIT)).unwrap();
            times_out(|| { &accepted }.read(&mut [0; 8]).unwrap_err());
        });
        assert_eq!(timeout(LIMIT, || drop(listener.accept())), Err(Elapsed));
    });
}
