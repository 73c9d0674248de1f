//! A task that looks up a host name does not block its worker: a thread for calls that block does it.

use morestack::net::{TcpListener, ToSocketAddrs};
use morestack::thread;
use std::fs;

/// Threads of this process that are there for calls that block.
fn helpers() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("blocking-")).count()
}

// The only test of this file: another one could start helpers.
#[test]
fn names_but_not_addresses() {
    thread::spawn(|| {
        drop(TcpListener::bind("127.0.0.1:0").unwrap());
        assert_eq!(ToSocketAddrs::to_socket_addrs("[::1]:80").unwrap().count(), 1);
        assert_eq!(helpers(), 0, "there is nothing to look up");
        drop(TcpListener::bind("localhost:0").unwrap());
        assert!(ToSocketAddrs::to_socket_addrs(&("localhost", 80)).unwrap().count() > 0);
        // Idle, for the next one.
        assert_eq!(helpers(), 1);
    })
    .join()
    .unwrap();
}
