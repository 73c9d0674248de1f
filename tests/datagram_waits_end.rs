//! Waits for datagrams end with a datagram, when their time is up, or when they are interrupted; none is lost by that.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::sched::Cancelled;
use morestack::time::{Elapsed, timeout};
use std::io::{Error, ErrorKind};
use std::sync::Arc;
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

sockets::datagrams! {
    #[test]
    fn receives_end_with_would_block() {
        everywhere(|| {
            let (one, other) = pair();
            other.set_read_timeout(Some(LIMIT)).unwrap();
            times_out(|| other.recv(&mut [0; 8]).unwrap_err());
            times_out(|| other.recv_from(&mut [0; 8]).unwrap_err());
            times_out(|| other.wait_readable().unwrap_err());
            one.send(b"late").unwrap();
            other.set_read_timeout(None).unwrap();
            other.wait_readable().unwrap();
            assert_eq!(other.recv(&mut [0; 8]).unwrap(), 4);
        });
    }

    #[test]
    fn limits_are_set_and_shown_as_std_s() {
        everywhere(|| {
            let (one, other) = pair();
            let std_socket = StdSocket::from(one);
            for limit in [None, Some(Duration::from_millis(1500)), Some(Duration::from_nanos(1)), Some(Duration::MAX)] {
                other.set_read_timeout(limit).unwrap();
                std_socket.set_read_timeout(limit).unwrap();
                assert_eq!(other.read_timeout().unwrap(), std_socket.read_timeout().unwrap());
                other.set_write_timeout(limit).unwrap();
                std_socket.set_write_timeout(limit).unwrap();
                assert_eq!(other.write_timeout().unwrap(), std_socket.write_timeout().unwrap());
            }
            for refused in [other.set_read_timeout(Some(Duration::ZERO)), other.set_write_timeout(Some(Duration::ZERO))] {
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
            }
        });
    }

    #[test]
    fn nonblocking_sockets_do_not_wait() {
        everywhere(|| {
            let (one, other) = pair();
            other.set_nonblocking(true).unwrap();
            assert_eq!(other.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(other.recv_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(other.wait_readable().unwrap_err().kind(), ErrorKind::WouldBlock);
            one.send(b"x").unwrap();
            while other.wait_readable().is_err() {}
            assert_eq!(other.recv(&mut [0; 8]).unwrap(), 1);
            other.wait_writable().unwrap();
            other.set_nonblocking(false).unwrap();
            other.set_read_timeout(Some(LIMIT)).unwrap();
            times_out(|| other.recv(&mut [0; 8]).unwrap_err());
        });
    }

    #[test]
    fn waiting_takes_nothing() {
        everywhere(|| {
            let (one, other) = pair();
            thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    other.wait_readable().unwrap();
                    other.wait_readable().unwrap();
                    assert_eq!(other.recv(&mut [0; 8]).unwrap(), 0);
                    other.wait_readable().unwrap();
                    assert_eq!(other.recv(&mut [0; 8]).unwrap(), 1);
                });
                one.wait_writable().unwrap();
                one.send(b"").unwrap();
                one.send(b"1").unwrap();
                waiter.join().unwrap();
            });
        });
    }

    /// Datagrams come while receives are interrupted all the time; all arrive, in order, once.
    #[test]
    fn interrupted_receives_lose_nothing() {
        everywhere(|| {
            let _watchdog = Watchdog::new(120);
            let (one, other) = pair();
            let receiver = thread::spawn(move || {
                let (mut got, mut interrupted) = (0_u32, 0_u64);
                while got < 300 {
                    let mut buf = [0; 8];
                    match timeout(Duration::from_micros(interrupted % 300), || other.recv(&mut buf).unwrap()) {
                        Ok(n) => {
                            assert_eq!(buf[..n], got.to_le_bytes());
                            got += 1;
                            other.send(&[]).unwrap();
                        }
                        Err(Elapsed) => interrupted += 1,
                    }
                }
                interrupted
            });
            for i in 0..300_u32 {
                one.send(&i.to_le_bytes()).unwrap();
                one.recv(&mut [0; 8]).unwrap();
                if i % 30 == 0 {
                    thread::sleep(Duration::from_millis(2));
                }
            }
            assert!(receiver.join().unwrap() > 0);
        });
    }

    #[test]
    fn cancelled_receives_leave_it_to_others() {
        let _watchdog = Watchdog::new(120);
        let (one, other) = pair();
        let other = Arc::new(other);
        for i in 0..50_u8 {
            let shared = other.clone();
            let cancelled = morestack::thread::spawn(move || shared.recv(&mut [0; 8]).unwrap());
            if i % 2 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            cancelled.cancel();
            one.send(&[i]).unwrap();
            // It may have been faster than the cancellation, and has the datagram then.
            if cancelled.join().is_err_and(|payload| payload.is::<Cancelled>()) {
                let mut buf = [0; 8];
                assert_eq!((other.recv(&mut buf).unwrap(), buf[0]), (1, i));
            }
        }
    }
}
