//! What is sent arrives: in small pieces and large ones, from one buffer and from several, read by value and by reference.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::{everywhere, pair};
use morestack::net::{Shutdown, TcpListener, TcpStream};
use std::io::{BufRead, BufReader, IoSlice, IoSliceMut, Read, Write};
use std::thread;

/// Sends back what comes, until the end.
fn echo(mut stream: TcpStream) {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf).unwrap() {
            0 => break,
            n => stream.write_all(&buf[..n]).unwrap(),
        }
    }
}

#[test]
fn connections_are_served_side_by_side() {
    everywhere(|| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let served: Vec<_> =
                listener.incoming().take(20).map(|stream| thread::spawn(|| echo(stream.unwrap()))).collect();
            served.into_iter().for_each(|thread| thread.join().unwrap());
        });
        let mut clients: Vec<_> = (0..20).map(|_| TcpStream::connect(addr).unwrap()).collect();
        for round in 0..50 {
            for (i, client) in clients.iter_mut().enumerate() {
                writeln!(client, "{i} says {round}").unwrap();
            }
            for (i, client) in clients.iter_mut().enumerate() {
                let mut line = vec![0; format!("{i} says {round}\n").len()];
                client.read_exact(&mut line).unwrap();
                assert_eq!(line, format!("{i} says {round}\n").into_bytes());
            }
        }
        drop(clients);
        server.join().unwrap();
    });
}

/// More than the kernel buffers, in both directions at once.
#[test]
fn large_transfers_are_whole() {
    everywhere(|| {
        let (client, server) = pair();
        let server = thread::spawn(move || echo(server));
        let sent: Vec<u8> = (0..8_000_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        let got = thread::scope(|scope| {
            scope.spawn(|| {
                { &client }.write_all(&sent).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            });
            let mut got = Vec::new();
            { &client }.read_to_end(&mut got).unwrap();
            got
        });
        assert!(got == sent);
        server.join().unwrap();
    });
}

#[test]
fn several_buffers_are_sent_and_filled_in_turn() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        let sent = client.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cdef")]).unwrap();
        assert_eq!(sent, 6);
        let (mut first, mut second) = ([0; 3], [0; 3]);
        let got = server.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)]).unwrap();
        assert_eq!((got, &first, &second), (6, b"abc", b"def"));
        // More buffers than one system call takes.
        let bytes: Vec<u8> = (0..2000_u32).map(|i| i as u8).collect();
        let slices: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
        let mut sent = client.write_vectored(&slices).unwrap();
        while sent < bytes.len() {
            sent += client.write_vectored(&slices[sent..]).unwrap();
        }
        let mut got = vec![0; bytes.len()];
        let mut filled = 0;
        while filled < got.len() {
            let mut parts: Vec<_> = got[filled..].chunks_mut(1).map(IoSliceMut::new).collect();
            filled += server.read_vectored(&mut parts).unwrap();
        }
        assert_eq!(got, bytes);
    });
}

#[test]
fn a_peek_takes_nothing() {
    everywhere(|| {
        let (mut client, mut server) = pair();
        client.write_all(b"hello").unwrap();
        let mut buf = [0; 16];
        let seen = server.peek(&mut buf).unwrap();
        assert!(seen > 0 && b"hello".starts_with(&buf[..seen]));
        server.read_exact(&mut buf[..5]).unwrap();
        assert_eq!(&buf[..5], b"hello");
        drop(client);
        assert_eq!(server.peek(&mut buf).unwrap(), 0);
    });
}

#[test]
fn shared_streams_work_with_std_s_adapters() {
    everywhere(|| {
        let (client, server) = pair();
        let lines = thread::spawn(move || {
            let lines: Vec<String> = BufReader::new(&server).lines().map(Result::unwrap).collect();
            { &server }.write_all(lines.concat().as_bytes()).unwrap();
        });
        { &client }.write_all(b"one\ntwo\nthree").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(std::io::read_to_string(&client).unwrap(), "onetwothree");
        lines.join().unwrap();
    });
}

#[test]
fn addresses_agree_at_both_ends() {
    everywhere(|| {
        let (client, server) = pair();
        assert_eq!(client.local_addr().unwrap(), server.peer_addr().unwrap());
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
    });
}
