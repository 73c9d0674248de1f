//! The example `http` goes on serving while clients come and go as they please: they vanish, stop in the middle, reset, send garbage.

#[path = "common/http.rs"]
mod http;
#[path = "common/seed.rs"]
mod seed;
#[path = "common/server.rs"]
mod server;

use http::{GET, LAST, ok, response, until_closed};
use rand::Rng;
use rand::rngs::SmallRng;
use server::Server;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Clients at a time.
const CLIENTS: u64 = 8;

/// Closes with a reset.
fn reset(stream: TcpStream) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = size_of_val(&at_once) as libc::socklen_t;
    // SAFETY: a live descriptor; reads a live struct.
    let set = unsafe {
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const at_once).cast(), length)
    };
    assert_eq!(set, 0);
}

/// Connects, does one of the things that clients do, and is gone. What becomes of it is not its affair.
fn visit(address: SocketAddr, random: &mut SmallRng) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut request = GET.repeat(random.random_range(1..30)).into_bytes();
    let some = random.random_range(0..request.len());
    match random.random_range(0..8) {
        0 => {}
        1 => drop(stream.write_all(&request[..some])),
        2 => {
            let _ = stream.write_all(&request);
            reset(stream);
        }
        3 => {
            request[some] = random.random();
            let _ = stream.write_all(&request);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
        4 => {
            let _ =
                stream.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nsome");
        }
        5 => {
            let _ = stream.write_all(b"GET /stream/100000 HTTP/1.1\r\nHost: h\r\n\r\n");
            let _ = stream.read(&mut [0; 100]);
        }
        6 => {
            let _ = stream.write_all(&request[..some]);
            let _ = stream.shutdown(Shutdown::Both);
        }
        _ => assert_eq!(ok(&until_closed(stream, LAST.as_bytes())), 1),
    }
}

fn soak(visits: u64) {
    let seed = seed::seed();
    let mut server = Server::start("http", &[]);
    let address = server.address;
    let done = AtomicU64::new(0);
    let mut steady = BufReader::new(server.connect());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let done = &done;
            scope.spawn(move || {
                let mut random = seed::generator(seed, client);
                for _ in 0..visits / CLIENTS {
                    visit(address, &mut random);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // All the while, somebody who behaves is served.
        while done.load(Ordering::Relaxed) < visits / CLIENTS * CLIENTS {
            steady.get_mut().write_all(GET.as_bytes()).unwrap();
            assert_eq!(response(&mut steady).1, "ok\n");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    server.assert_alive();
    drop(steady);
    // Nothing of them is left: it ends at once, though its patience is longer than ours.
    server.signal(libc::SIGTERM);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_thousand_visitors_do_no_harm() {
    soak(1_000);
}

#[test]
#[ignore = "more of the same"]
fn ten_thousand_visitors_do_no_harm() {
    soak(10_000);
}
