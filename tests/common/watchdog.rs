//! Ends the process when a test hangs, so that a lost wake is a failure with a name.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// While it lives, its time runs.
pub struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    /// One that bites after so many seconds.
    pub fn new(seconds: u64) -> Watchdog {
        let (alive, gone) = mpsc::channel();
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        std::thread::spawn(move || {
            if gone.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
                // Not by the macro, whose output the harness keeps for itself.
                let _ = writeln!(std::io::stderr(), "{test} hangs: it has taken {seconds} s");
                std::process::abort();
            }
        });
        Watchdog { _alive: alive }
    }
}
