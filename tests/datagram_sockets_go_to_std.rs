//! To std and back, to descriptors and back: what was set stays set, and blocking sockets block.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;

use everywhere::everywhere;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::thread;
use std::time::Duration;

fn is_nonblocking(fd: &impl AsRawFd) -> bool {
    // SAFETY: takes no pointers.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0);
    flags & libc::O_NONBLOCK != 0
}

sockets::datagrams! {
    #[test]
    fn sockets_of_std_are_adopted_and_given_back() {
        everywhere(|| {
            let (one, other) = pair();
            assert!(!is_nonblocking(&one) && !is_nonblocking(&other));
            let (one, other) = (StdSocket::from(one), StdSocket::from(other));
            let receiver = thread::spawn(move || {
                other.recv(&mut [0; 8]).unwrap();
                other
            });
            one.send(b"x").unwrap();
            let (one, other) = (Socket::from(one), Socket::from(receiver.join().unwrap()));
            let receiver = thread::spawn(move || other.recv(&mut [0; 8]).unwrap());
            one.send(b"yz").unwrap();
            assert_eq!(receiver.join().unwrap(), 2);
        });
    }

    #[test]
    fn what_was_set_stays_set() {
        everywhere(|| {
            let (_one, other) = pair();
            let limit = Duration::from_millis(5);
            let other = StdSocket::from(other);
            other.set_read_timeout(Some(limit)).unwrap();
            let other = Socket::from(other);
            assert_eq!(other.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            other.set_read_timeout(None).unwrap();
            other.set_nonblocking(true).unwrap();
            let other = StdSocket::from(other);
            assert!(is_nonblocking(&other) && other.read_timeout().unwrap().is_none());
            let other = Socket::from(other);
            assert_eq!(other.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        });
    }

    #[test]
    fn descriptors_go_out_and_in() {
        everywhere(|| {
            let (one, other) = pair();
            let fd = other.as_raw_fd();
            assert_eq!(other.as_fd().as_raw_fd(), fd);
            let owned = OwnedFd::from(other);
            assert_eq!(owned.as_raw_fd(), fd);
            let raw = Socket::from(owned).into_raw_fd();
            assert_eq!(raw, fd);
            // SAFETY: just given away.
            let other = unsafe { Socket::from_raw_fd(raw) };
            one.send(b"x").unwrap();
            assert_eq!(other.recv(&mut [0; 8]).unwrap(), 1);
        });
    }

    #[test]
    fn debug_output_is_std_s() {
        everywhere(|| {
            let (one, _other) = pair();
            let ours = format!("{one:?}");
            assert_eq!(ours, format!("{:?}", StdSocket::from(one)));
        });
    }
}
