//! Without free descriptors `accept` says so, each time it is asked; once there are some again, nobody in the backlog was lost.

mod common;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;

use common::{role, run_child};
use everywhere::everywhere;
use morestack::net::unix::{UnixListener, UnixStream};
use morestack::net::{TcpListener, TcpStream};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::thread;

const CLIENTS: u8 = 10;

/// Sets the limit on descriptors, and returns what it was.
fn limit_descriptors(limit: u64) -> u64 {
    let mut set = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes and reads a live struct.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut set), 0);
        let before = std::mem::replace(&mut set.rlim_cur, limit);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &set), 0);
        before
    }
}

fn first_byte(stream: &mut impl Read) -> u8 {
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    byte[0]
}

/// With a listener, and what accepts from and connects to it.
fn body<L: Sync, S: Read + Write + AsRawFd>(
    listener: &L,
    accept: impl Fn(&L) -> io::Result<S> + Sync,
    connect: impl Fn(&L) -> io::Result<S>,
) {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|i| {
            let mut client = connect(listener).unwrap();
            client.write_all(&[i]).unwrap();
            client
        })
        .collect();
    let mut accepted = vec![accept(listener).unwrap()];
    let mut seen = vec![first_byte(&mut accepted[0])];
    // Room for two more, and in gaps.
    let highest = accepted[0].as_raw_fd().max(clients.last().unwrap().as_raw_fd());
    let before = limit_descriptors(highest as u64 + 3);
    let mut refused = 0;
    while seen.len() < CLIENTS as usize {
        match accept(listener) {
            Ok(mut stream) => {
                seen.push(first_byte(&mut stream));
                accepted.push(stream);
            }
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                refused += 1;
                // The same when asked again, and in another thread.
                assert_eq!(accept(listener).err().and_then(|error| error.raw_os_error()), Some(libc::EMFILE));
                thread::scope(|scope| {
                    let other = scope.spawn(|| accept(listener).err().and_then(|error| error.raw_os_error()));
                    assert_eq!(other.join().unwrap(), Some(libc::EMFILE));
                });
                accepted.truncate(1);
            }
        }
    }
    assert_eq!(seen, Vec::from_iter(0..CLIENTS));
    assert!(refused > 0);
    // What waits with descriptors left is not disturbed by what was before.
    accepted.clear();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| first_byte(&mut accept(listener).unwrap()));
        connect(listener).unwrap().write_all(&[77]).unwrap();
        assert_eq!(waiter.join().unwrap(), 77);
    });
    limit_descriptors(before);
}

#[test]
fn accept_says_so_and_loses_nobody() {
    if role().is_none() {
        let ended = run_child("accept_says_so_and_loses_nobody", "short of descriptors");
        assert!(ended.code == Some(0) && ended.stderr.contains("all served"), "{ended:?}");
        return;
    }
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let accept = |listener: &TcpListener| listener.accept().map(|(stream, _)| stream);
        body(&listener, accept, |listener| TcpStream::connect(listener.local_addr()?));
    });
    everywhere(|| {
        let listener = UnixListener::bind_addr(&sockets::abstract_addr()).unwrap();
        let accept = |listener: &UnixListener| listener.accept().map(|(stream, _)| stream);
        body(&listener, accept, |listener| UnixStream::connect_addr(&listener.local_addr()?));
    });
    eprintln!("all served");
}
