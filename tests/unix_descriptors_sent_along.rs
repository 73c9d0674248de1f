//! A read that stops early because descriptors came with the bytes does not lose sight of the bytes behind them.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::net::unix::UnixStream;
use std::io::Read;
use std::mem;
use std::os::fd::AsRawFd;
use std::thread;
use watchdog::Watchdog;

/// Sends the bytes with a descriptor of the sender's.
fn send_with_descriptor(stream: &UnixStream, bytes: &[u8]) {
    let fd = stream.as_raw_fd();
    let mut slice = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // Aligned as the header of a control message has to be.
    let mut control = [0_u64; 8];
    // SAFETY: a header of zeros is valid; what it points to lives through the call, and the control message fits into its space.
    let sent = unsafe {
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_iov = &mut slice;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = libc::CMSG_SPACE(size_of_val(&fd) as u32) as usize;
        let message = libc::CMSG_FIRSTHDR(&header);
        (*message).cmsg_level = libc::SOL_SOCKET;
        (*message).cmsg_type = libc::SCM_RIGHTS;
        (*message).cmsg_len = libc::CMSG_LEN(size_of_val(&fd) as u32) as usize;
        libc::CMSG_DATA(message).cast::<i32>().write_unaligned(fd);
        libc::sendmsg(stream.as_raw_fd(), &header, 0)
    };
    assert_eq!(sent, bytes.len() as isize);
}

#[test]
fn what_is_behind_them_is_read() {
    everywhere(|| {
        let _watchdog = Watchdog::new(60);
        let (one, mut other) = UnixStream::pair().unwrap();
        for _ in 0..20 {
            thread::scope(|scope| {
                // Waits first, so that the socket is registered and events are all that it goes by.
                let reader = scope.spawn(|| {
                    let mut got = 0;
                    while got < 15 {
                        got += other.read(&mut [0; 100]).unwrap();
                    }
                    got
                });
                send_with_descriptor(&one, b"first");
                send_with_descriptor(&one, b"again");
                send_with_descriptor(&one, b"third");
                assert_eq!(reader.join().unwrap(), 15);
            });
        }
    });
}

/// All of it is there, and its event over, before the first read.
#[test]
fn what_came_with_one_event_is_read() {
    let _watchdog = Watchdog::new(60);
    let (one, mut other) = UnixStream::pair().unwrap();
    let reader = morestack::thread::spawn(move || {
        other.set_read_timeout(Some(std::time::Duration::from_millis(1))).unwrap();
        other.read(&mut [0; 100]).unwrap_err();
        other.set_read_timeout(None).unwrap();
        other.wait_readable().unwrap();
        morestack::thread::sleep(std::time::Duration::from_millis(100));
        let mut buf = [0; 100];
        [other.read(&mut buf).unwrap(), other.read(&mut buf).unwrap(), other.read(&mut buf).unwrap()]
    });
    thread::sleep(std::time::Duration::from_millis(20));
    send_with_descriptor(&one, b"1");
    send_with_descriptor(&one, b"22");
    send_with_descriptor(&one, b"333");
    assert_eq!(reader.join().unwrap(), [1, 2, 3]);
}
