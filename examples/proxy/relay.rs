//! Bytes both ways, until both ends have said all.

use crate::server::{is_gone, within};
use morestack::net::TcpStream;
use morestack::thread;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is passed on at a time.
const BUFFER: usize = 16 << 10;

/// A pair of connections, and when something was last passed on between them.
struct Relay {
    begin: Instant,
    /// Milliseconds from the beginning.
    last: AtomicU64,
    idle: Duration,
}

/// Passes on what comes, from each to the other, with the half-closes, until both have ended, one fails, or nothing has come for `idle`.
/// From `client` no more than so many bytes are passed on.
pub fn both_ways(client: &TcpStream, server: &TcpStream, most: u64, idle: Duration) -> io::Result<()> {
    let relay = Relay { begin: Instant::now(), last: AtomicU64::new(0), idle };
    thread::scope(|scope| {
        let back = scope.spawn(|| relay.one_way(server, client, u64::MAX, true));
        // The end of a body is not that of the connection: some servers take a half-close for the client's departure.
        let there = relay.one_way(client, server, most, most == u64::MAX);
        let back = back.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        there.and(back)
    })
}

impl Relay {
    /// Passes on from one to the other. If that fails, both connections end, so that the other direction does not wait.
    fn one_way(&self, from: &TcpStream, to: &TcpStream, most: u64, close: bool) -> io::Result<()> {
        let copied = self.copy(from, to, most);
        let how = match &copied {
            Ok(()) if close => Some((to, Shutdown::Write)),
            Ok(()) => None,
            Err(_) => {
                let _ = from.shutdown(Shutdown::Both);
                Some((to, Shutdown::Both))
            }
        };
        // It fails when the peer was faster.
        let _ = how.map(|(stream, how)| stream.shutdown(how));
        match copied {
            Err(error) if is_gone(&error) || error.kind() == ErrorKind::TimedOut => Ok(()),
            copied => copied,
        }
    }

    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream, mut left: u64) -> io::Result<()> {
        while left > 0 {
            // Who waits has no buffer.
            self.wait(from)?;
            let mut buffer = vec![0; BUFFER];
            // Seldom there is nothing after all.
            let n = within(self.idle, || (&mut from).take(left).read(&mut buffer))?;
            if n == 0 {
                return Ok(());
            }
            left -= n as u64;
            self.note();
            within(self.idle, || to.write_all(&buffer[..n]))?;
            self.note();
        }
        Ok(())
    }

    /// Waits until there is something to read. A direction may be silent while the other is not.
    fn wait(&self, from: &TcpStream) -> io::Result<()> {
        loop {
            let last = self.begin + Duration::from_millis(self.last.load(Ordering::Relaxed));
            let silent = last.elapsed();
            match within(self.idle.saturating_sub(silent), || from.wait_readable()) {
                Err(error) if error.kind() == ErrorKind::TimedOut && silent < self.idle => {}
                result => return result,
            }
        }
    }

    fn note(&self) {
        self.last.store(self.begin.elapsed().as_millis() as u64, Ordering::Relaxed);
    }
}
