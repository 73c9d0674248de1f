//! A Unix socket for datagrams that is shut down gives what it has, and then nothing, at once, as std's; sends to it are refused.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::net::Shutdown;
use morestack::net::unix::UnixDatagram;
use std::io::ErrorKind;
use std::thread;
use std::time::Duration;
use watchdog::Watchdog;

#[test]
fn what_was_there_and_then_nothing() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        let (one, other) = UnixDatagram::pair().unwrap();
        one.send(b"before").unwrap();
        other.shutdown(Shutdown::Read).unwrap();
        assert_eq!(one.send(b"after").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 6);
        for _ in 0..3 {
            assert_eq!(other.recv(&mut [0; 8]).unwrap(), 0);
            let (n, from) = other.recv_from(&mut [0; 8]).unwrap();
            assert!(n == 0 && from.is_unnamed());
            other.wait_readable().unwrap();
        }
        other.send(b"the other way").unwrap();
        assert_eq!(one.recv(&mut [0; 16]).unwrap(), 13);
        other.set_nonblocking(true).unwrap();
        assert_eq!(other.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);

        let (_one, other) = std::os::unix::net::UnixDatagram::pair().unwrap();
        other.shutdown(Shutdown::Read).unwrap();
        let (n, from) = other.recv_from(&mut [0; 8]).unwrap();
        assert!(n == 0 && from.is_unnamed(), "std's");
    });
}

#[test]
fn it_ends_the_receives_of_others() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        for how in [Shutdown::Read, Shutdown::Both] {
            let (_one, other) = UnixDatagram::pair().unwrap();
            let clone = other.try_clone().unwrap();
            thread::scope(|scope| {
                let by_reference = scope.spawn(|| other.recv(&mut [0; 8]).unwrap());
                let by_clone = scope.spawn(move || clone.recv_from(&mut [0; 8]).unwrap().0);
                let waits = scope.spawn(|| other.wait_readable().unwrap());
                thread::sleep(Duration::from_millis(5));
                other.shutdown(how).unwrap();
                assert_eq!((by_reference.join().unwrap(), by_clone.join().unwrap()), (0, 0));
                waits.join().unwrap();
            });
        }
    });
}

#[test]
fn it_ends_the_receives_of_tasks() {
    let _watchdog = Watchdog::new(60);
    let (_one, other) = UnixDatagram::pair().unwrap();
    let clones: Vec<_> = (0..4).map(|_| other.try_clone().unwrap()).collect();
    let tasks: Vec<_> =
        clones.into_iter().map(|clone| morestack::thread::spawn(move || clone.recv(&mut [0; 8]).unwrap())).collect();
    thread::sleep(Duration::from_millis(5));
    other.shutdown(Shutdown::Read).unwrap();
    assert!(tasks.into_iter().all(|task| task.join().unwrap() == 0));
}

/// Of which no event tells.
#[test]
fn it_ends_a_send_that_waits() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        let (one, _other) = UnixDatagram::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        while one.send(&[0; 1000]).is_ok() {}
        one.set_nonblocking(false).unwrap();
        let clone = one.try_clone().unwrap();
        let sender = morestack::thread::spawn(move || clone.send(&[0; 1000]).unwrap_err().kind());
        thread::sleep(Duration::from_millis(5));
        one.shutdown(Shutdown::Write).unwrap();
        assert_eq!(sender.join().unwrap(), ErrorKind::BrokenPipe);
    });
}
