//! Whatever a client sends to the example `http`, it gets the same answer in whatever pieces it is sent, and not too long a one.

#[path = "common/http_protocol.rs"]
mod pieces;
#[allow(dead_code, reason = "this is a part of what it does")]
#[path = "../examples/http/protocol/mod.rs"]
mod protocol;
#[path = "../examples/http/routes.rs"]
mod routes;
#[path = "common/seed.rs"]
mod seed;

use pieces::{chunked, get, in_pieces};
use rand::Rng;
use rand::rngs::SmallRng;

/// Requests that are in order, from which others are made.
fn seeds() -> Vec<String> {
    vec![
        get("/"),
        get("/hello/you"),
        get("/stream/3"),
        get("/files/full"),
        "HEAD /files/empty HTTP/1.1\r\nHost: h\r\n\r\n".into(),
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world".into(),
        "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc".into(),
        "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".into(),
        chunked("5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n"),
    ]
}

/// Makes something else of requests, as a faulty or hostile client would.
fn mutate(bytes: &mut Vec<u8>, random: &mut SmallRng) {
    const WORDS: [&[u8]; 12] = [
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\0",
        b"0\r\n\r\n",
        b"chunked",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"ffffffffffffffff",
        b"HTTP/1.1",
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
    ];
    let at = random.random_range(0..=bytes.len());
    let until = random.random_range(at..=bytes.len().min(at + 20));
    match random.random_range(0..6) {
        0 if at < bytes.len() => bytes[at] = random.random(),
        1 => drop(bytes.drain(at..until)),
        2 => drop(bytes.splice(at..at, WORDS[random.random_range(0..WORDS.len())].iter().copied())),
        3 => {
            let part = bytes[at..until].to_vec();
            let to = random.random_range(0..=bytes.len());
            drop(bytes.splice(to..to, part));
        }
        4 => bytes.truncate(at),
        // A digit elsewhere: lengths that do not hold.
        _ => {
            if let Some(digit) = bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).nth(at % 8) {
                *digit = b'0' + random.random_range(0..10);
            }
        }
    }
}

/// No input makes it panic; what is answered depends on no pieces, and is no more than the input deserves.
#[test]
fn garbage_is_answered_or_waited_for() {
    let seed = seed::seed();
    let seeds = seeds();
    for index in 0..2_000 {
        let mut random = seed::generator(seed, index);
        let mut bytes = Vec::new();
        for _ in 0..random.random_range(1..5) {
            bytes.extend_from_slice(seeds[random.random_range(0..seeds.len())].as_bytes());
        }
        for _ in 0..random.random_range(0..6) {
            mutate(&mut bytes, &mut random);
        }
        let input = String::from_utf8_lossy(&bytes);
        let whole = in_pieces(&bytes, []);
        for at in 0..bytes.len() {
            assert_eq!(in_pieces(&bytes, [at.max(1)]), whole, "case {index}, split at {at}: {input:?}");
        }
        let pieces: Vec<usize> = (0..bytes.len()).map(|_| random.random_range(1..20)).collect();
        assert_eq!(in_pieces(&bytes, pieces), whole, "case {index}, in pieces: {input:?}");
        // The shortest request is `GET / HTTP/1.0` and two line ends; the longest response to it has 300 bytes besides what it repeats.
        let most = (bytes.len() / 16 + 1) * 300 + bytes.len();
        assert!(whole.0.len() <= most, "case {index}: {} bytes for {input:?}", whole.0.len());
    }
}
