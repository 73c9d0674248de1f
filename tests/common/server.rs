//! An example that serves, as a process of its own.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A client that waits longer has found a fault, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts an example, whose first argument is the address to listen on and whose first line of output ends in it.
    pub fn start(example: &str, arguments: &[&str]) -> Server {
        let mut child = Command::new(path_of(example))
            .arg("127.0.0.1:0")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example starts");
        let mut line = String::new();
        let read = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line);
        let address = line.trim_end().rsplit([' ', '/']).next().and_then(|address| address.parse().ok());
        match address {
            Some(address) => Server { child, address },
            None => {
                // Not yet a Server, which would do it when dropped.
                let _ = child.kill();
                let ended = child.wait();
                panic!("{example} prints no address: {line:?}, {read:?}, {ended:?}")
            }
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Sends all of it, says that there is no more, and returns all that comes back.
    pub fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        stream.write_all(bytes).expect("the server reads");
        stream.shutdown(Shutdown::Write).expect("half of it closes");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server writes, and closes");
        answer
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: our child, for which nobody has waited yet: the number is its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Waits for its end, which it must come to.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the server does not end");
    }

    /// Lets it have so many descriptors from now on; those above stay open.
    pub fn limit_descriptors(&self, limit: u64) {
        let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
        let pid = self.child.id() as i32;
        // SAFETY: our child; reads a live struct.
        assert_eq!(unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, &limit, std::ptr::null_mut()) }, 0);
    }

    /// Fails if the process has ended.
    pub fn assert_alive(&mut self) {
        assert_eq!(self.child.try_wait().expect("our child"), None, "the server has ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the test will have noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo builds examples beside the tests, and says nowhere where.
pub fn path_of(example: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program's path");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    let path = profile.join("examples").join(example);
    assert!(
        path.exists(),
        "there is no {}: `cargo test` builds the examples, `cargo test --test` does not; `cargo build --example {example}`",
        path.display()
    );
    path
}
