//! Each datagram is received by itself: empty ones, long ones, those that are cut off, and those that are only looked at.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;

use everywhere::everywhere;
use morestack::net::UdpSocket;
use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

sockets::datagrams! {
    #[test]
    fn one_receive_gets_one_datagram() {
        everywhere(|| {
            let (one, other) = pair();
            let mut buf = [0; 100];
            for text in ["one", "", "three", "", "", "f"] {
                assert_eq!(one.send(text.as_bytes()).unwrap(), text.len());
            }
            for text in ["one", "", "three", "", "", "f"] {
                let n = other.recv(&mut buf).unwrap();
                assert_eq!(&buf[..n], text.as_bytes());
            }
        });
    }

    /// Each wait ends with a datagram that is shorter than the buffer, which says nothing of the next.
    #[test]
    fn datagrams_are_waited_for_one_by_one() {
        everywhere(|| {
            let (one, other) = pair();
            let receiver = thread::spawn(move || {
                let mut buf = [0; 100];
                for i in 0..500_usize {
                    let n = other.recv(&mut buf).unwrap();
                    assert_eq!(buf[..n], vec![i as u8; i % 50]);
                    other.send(&[]).unwrap();
                }
            });
            for i in 0..500_usize {
                one.send(&vec![i as u8; i % 50]).unwrap();
                assert_eq!(one.recv(&mut [0; 10]).unwrap(), 0);
            }
            receiver.join().unwrap();
        });
    }

    #[test]
    fn two_that_are_there_after_one_wait_are_both_received() {
        everywhere(|| {
            let (one, other) = pair();
            for _ in 0..100 {
                thread::scope(|scope| {
                    let receiver = scope.spawn(|| {
                        let mut buf = [0; 100];
                        [other.recv(&mut buf).unwrap(), other.recv(&mut buf).unwrap(), other.recv(&mut buf).unwrap()]
                    });
                    one.send(b"1").unwrap();
                    one.send(b"22").unwrap();
                    one.send(b"333").unwrap();
                    assert_eq!(receiver.join().unwrap(), [1, 2, 3]);
                });
            }
        });
    }

    #[test]
    fn what_does_not_fit_is_lost() {
        everywhere(|| {
            let (one, other) = pair();
            one.send(b"too long").unwrap();
            one.send(b"next").unwrap();
            let mut buf = [0; 3];
            assert_eq!((other.recv(&mut buf).unwrap(), &buf), (3, b"too"));
            assert_eq!((other.recv_from(&mut buf).unwrap().0, &buf), (3, b"nex"));
            one.send(b"gone").unwrap();
            one.send(b"last").unwrap();
            assert_eq!(other.recv(&mut []).unwrap(), 0);
            let mut buf = [0; 8];
            assert_eq!((other.recv(&mut buf).unwrap(), &buf[..4]), (4, &b"last"[..]));
        });
    }

    /// Larger than any stack in a split build.
    #[test]
    fn large_datagrams_pass_whole() {
        everywhere(|| {
            let (one, other) = pair();
            let bytes: Vec<u8> = (0..60_000_u32).map(|i| (i % 251) as u8).collect();
            let receiver = thread::spawn(move || {
                let mut buf = vec![0; 65_536];
                let n = other.recv(&mut buf).unwrap();
                buf.truncate(n);
                buf
            });
            assert_eq!(one.send(&bytes).unwrap(), bytes.len());
            assert!(receiver.join().unwrap() == bytes);
        });
    }

    #[test]
    fn what_is_too_long_to_send_is_refused_whole() {
        everywhere(|| {
            let (one, other) = pair();
            let error = one.send(&vec![0; 10_000_000]).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
            one.send(b"short").unwrap();
            assert_eq!(other.recv(&mut [0; 10]).unwrap(), 5);
        });
    }
}

#[test]
fn what_is_peeked_at_is_there_still() {
    everywhere(|| {
        let (one, other) = sockets::udp_pair();
        let sender = one.local_addr().unwrap();
        thread::scope(|scope| {
            let peeking = scope.spawn(|| {
                let mut buf = [0; 4];
                assert_eq!((other.peek(&mut buf).unwrap(), &buf), (4, b"look"));
                assert_eq!(other.peek_from(&mut buf).unwrap(), (4, sender));
                let mut buf = [0; 10];
                assert_eq!((other.peek(&mut buf).unwrap(), &buf[..7]), (7, &b"look at"[..]));
                assert_eq!(other.recv_from(&mut buf).unwrap(), (7, sender));
                assert_eq!((other.peek(&mut buf).unwrap(), buf[0]), (1, b'2'));
            });
            one.send(b"look at").unwrap();
            one.send(b"2").unwrap();
            peeking.join().unwrap();
        });
    });
}

#[test]
fn senders_are_told() {
    everywhere(|| {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = server.local_addr().unwrap();
        let served = thread::spawn(move || {
            let mut buf = [0; 16];
            for _ in 0..20 {
                let (n, from) = server.recv_from(&mut buf).unwrap();
                assert_eq!(server.send_to(&buf[..n], from).unwrap(), n);
            }
        });
        for host in ["127.0.0.1:0", "127.0.0.1:0"] {
            let client = UdpSocket::bind(host).unwrap();
            for i in 0..10_u8 {
                client.send_to(&[i; 3], addr).unwrap();
                let mut buf = [0; 16];
                assert_eq!(client.recv_from(&mut buf).unwrap(), (3, addr));
                assert_eq!(buf[..3], [i; 3]);
            }
        }
        served.join().unwrap();
    });
}

#[test]
fn senders_over_ipv6_are_told() {
    everywhere(|| {
        let Ok(server) = UdpSocket::bind("[::1]:0") else {
            println!("skipped: this machine has no IPv6");
            return;
        };
        let client = UdpSocket::bind("[::1]:0").unwrap();
        client.send_to(b"six", server.local_addr().unwrap()).unwrap();
        assert_eq!(server.recv_from(&mut [0; 8]).unwrap(), (3, client.local_addr().unwrap()));
    });
}

/// A time limit that has ended a look leaves what comes next to the next.
#[test]
fn a_look_that_took_too_long_has_taken_nothing() {
    everywhere(|| {
        let (one, other) = sockets::udp_pair();
        other.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        assert_eq!(other.peek(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(other.peek_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        other.set_read_timeout(None).unwrap();
        one.send(b"x").unwrap();
        assert_eq!(other.peek(&mut [0; 8]).unwrap(), 1);
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 1);
    });
}
