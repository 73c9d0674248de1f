//! Options of UDP sockets reach the kernel: broadcast, multicast, the time to live.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::io::ErrorKind;
use std::time::Duration;

fn bound() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn broadcasts_are_refused_without_the_option() {
    everywhere(|| {
        let socket = bound();
        assert!(!socket.broadcast().unwrap());
        let refused = socket.send_to(b"all", "127.255.255.255:9").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
        assert_eq!(socket.send_to(b"all", "127.255.255.255:9").unwrap(), 3);
    });
}

#[test]
fn what_is_set_is_told_by_std() {
    everywhere(|| {
        let socket = bound();
        socket.set_ttl(33).unwrap();
        socket.set_multicast_ttl_v4(5).unwrap();
        socket.set_multicast_loop_v4(false).unwrap();
        assert_eq!((socket.ttl().unwrap(), socket.multicast_ttl_v4().unwrap()), (33, 5));
        assert!(!socket.multicast_loop_v4().unwrap() && socket.take_error().unwrap().is_none());
        let socket = std::net::UdpSocket::from(socket);
        assert_eq!((socket.ttl().unwrap(), socket.multicast_ttl_v4().unwrap()), (33, 5));
        assert!(!socket.multicast_loop_v4().unwrap());
    });
}

#[test]
fn groups_are_joined_and_left() {
    everywhere(|| {
        let group = Ipv4Addr::new(239, 255, 77, 7);
        let receiver = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = receiver.local_addr().unwrap().port();
        if let Err(error) = receiver.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST) {
            println!("skipped: no multicast on loopback: {error}");
            return;
        }
        let joined_twice = receiver.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap_err();
        assert_eq!(joined_twice.kind(), ErrorKind::AddrInUse);
        let sender = socket2::Socket::from(std::os::fd::OwnedFd::from(bound()));
        sender.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        let sender = UdpSocket::from(std::os::fd::OwnedFd::from(sender));
        if let Err(error) = sender.send_to(b"to all of you", (group, port)) {
            println!("skipped: no multicast on loopback: {error}");
            return;
        }
        receiver.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        assert_eq!(receiver.recv_from(&mut [0; 16]).unwrap(), (13, sender.local_addr().unwrap()));
        receiver.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
        assert!(receiver.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).is_err());
        sender.send_to(b"to those who are left", (group, port)).unwrap();
        // One of its own, sent later, is the next that it hears.
        sender.send_to(b"you", ("127.0.0.1", port)).unwrap();
        assert_eq!(receiver.recv(&mut [0; 32]).unwrap(), 3);
    });
}

#[test]
fn groups_of_ipv6_are_joined_and_left() {
    everywhere(|| {
        let Ok(socket) = UdpSocket::bind("[::]:0") else {
            println!("skipped: this machine has no IPv6");
            return;
        };
        socket.set_multicast_loop_v6(false).unwrap();
        assert!(!socket.multicast_loop_v6().unwrap());
        socket.set_multicast_loop_v6(true).unwrap();
        let group = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0x77, 7);
        match socket.join_multicast_v6(&group, 1) {
            Ok(()) => {
                socket.leave_multicast_v6(&group, 1).unwrap();
                assert!(socket.leave_multicast_v6(&group, 1).is_err());
            }
            Err(error) => println!("skipped: no multicast over IPv6: {error}"),
        }
    });
}
