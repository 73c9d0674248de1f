//! Waiting without a buffer.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::{everywhere, pair};
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

#[test]
fn a_connection_idles_without_a_buffer() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        let served = thread::spawn(move || {
            let mut requests = 0;
            loop {
                server.wait_readable().unwrap();
                let mut buf = [0; 64];
                match server.read(&mut buf).unwrap() {
                    0 => return requests,
                    n => server.write_all(&buf[..n]).unwrap(),
                }
                requests += 1;
            }
        });
        for _ in 0..100 {
            client.write_all(b"request").unwrap();
            client.read_exact(&mut [0; 7]).unwrap();
        }
        drop(client);
        assert_eq!(served.join().unwrap(), 100);
    });
}

/// What is there already, exactly as much as was read before, or left over.
#[test]
fn what_is_there_is_readable_at_once() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        client.write_all(b"12345678").unwrap();
        server.wait_readable().unwrap();
        server.wait_readable().unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
        server.wait_readable().unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
        server.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        server.wait_readable().unwrap_err();
    });
}

#[test]
fn room_makes_writable() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        server.wait_writable().unwrap();
        server.set_nonblocking(true).unwrap();
        let mut sent = 0;
        while let Ok(n) = server.write(&[0; 65536]) {
            sent += n;
        }
        server.set_nonblocking(false).unwrap();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| server.wait_writable().unwrap());
            client.read_exact(&mut vec![0; sent]).unwrap();
            waiter.join().unwrap();
        });
    });
}
