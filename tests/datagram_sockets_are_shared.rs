//! One socket for datagrams, many users: by reference and by clones, in tasks and on threads.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/sockets.rs"]
mod sockets;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use std::io::ErrorKind;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use watchdog::Watchdog;

sockets::datagrams! {
    #[test]
    fn a_receive_that_waits_does_not_hinder_a_send() {
        everywhere(|| {
            let (one, other) = pair();
            thread::scope(|scope| {
                let receiver = scope.spawn(|| {
                    let mut answer = [0; 2];
                    one.recv(&mut answer).unwrap();
                    answer
                });
                scope.spawn(|| {
                    other.recv(&mut [0; 2]).unwrap();
                    other.send(b"no").unwrap();
                });
                thread::sleep(Duration::from_millis(5));
                one.send(b"ok").unwrap();
                assert_eq!(&receiver.join().unwrap(), b"no");
            });
        });
    }

    /// Tasks and threads, by reference and by clones.
    #[test]
    fn each_datagram_goes_to_one_receiver() {
        let _watchdog = Watchdog::new(120);
        const DATAGRAMS: usize = 400;
        let (one, other) = pair();
        let other = Arc::new(other);
        let counts: Arc<Vec<AtomicU32>> = Arc::new((0..DATAGRAMS).map(|_| AtomicU32::new(0)).collect());
        let ended = Arc::new(AtomicUsize::new(0));
        let body = |socket: Socket, counts: Arc<Vec<AtomicU32>>, ended: Arc<AtomicUsize>, other: Arc<Socket>| {
            move || {
                for i in 0.. {
                    let mut buf = [0; 100];
                    let n = if i % 2 == 0 { socket.recv(&mut buf) } else { other.recv(&mut buf) }.unwrap();
                    let Some(number) = buf[..n].first_chunk::<4>() else { break };
                    counts[u32::from_le_bytes(*number) as usize].fetch_add(1, Ordering::Relaxed);
                    socket.send(b"got").unwrap();
                }
                ended.fetch_add(1, Ordering::Relaxed);
            }
        };
        let receiver = || body(other.try_clone().unwrap(), counts.clone(), ended.clone(), other.clone());
        let tasks: Vec<_> = (0..4).map(|_| morestack::thread::spawn(receiver())).collect();
        let threads: Vec<_> = (0..2).map(|_| thread::spawn(receiver())).collect();
        for i in 0..DATAGRAMS as u32 {
            one.send(&i.to_le_bytes()).unwrap();
            assert_eq!(one.recv(&mut [0; 8]).unwrap(), 3);
        }
        for _ in 0..6 {
            one.send(&[]).unwrap();
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        assert_eq!(ended.load(Ordering::Relaxed), 6);
    }

    #[test]
    fn what_is_set_is_shared_by_clones() {
        everywhere(|| {
            let (one, other) = pair();
            let clone = other.try_clone().unwrap();
            clone.set_nonblocking(true).unwrap();
            assert_eq!(other.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            other.set_nonblocking(false).unwrap();
            clone.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            assert_eq!(other.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert_eq!(other.read_timeout().unwrap(), clone.read_timeout().unwrap());
            other.set_read_timeout(None).unwrap();
            one.send(b"x").unwrap();
            assert_eq!(clone.recv(&mut [0; 8]).unwrap(), 1);
            // The last handle closes.
            drop(other);
            one.send(b"yz").unwrap();
            assert_eq!(clone.recv(&mut [0; 8]).unwrap(), 2);
            drop(clone);
            assert_eq!(one.send(b"").and_then(|_| one.send(b"")).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        });
    }

    #[test]
    fn it_is_used_from_everywhere_as_std_s() {
        fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
        check::<Socket>();
    }
}
