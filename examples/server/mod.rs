//! What the example servers share: options, an accept loop that survives a lack of descriptors, a limit on connections, time limits, and
//! an orderly end.
//!
//! - `options.rs`: the part of the command line that all of them understand.
//! - `accept.rs`: who is let in, and when.
//! - `connection.rs`: an accepted connection, and whether it may be ended; `linger.rs`: the end of one that is not read to its end.
//! - `listener.rs`: what connections can come from: TCP and Unix sockets.
//! - `head.rs`: reads the head of a request, for servers to which the rest is no HTTP.
//!
//! The end: at ctrl-c or SIGTERM a server accepts who waits already and nobody more, ends connections that ask for nothing, and gives
//! the others `--grace` to get done. Then it exits with 0. A second signal ends it at once, with 1.

#![allow(dead_code, unused_imports, reason = "each server uses a part")]

mod accept;
pub mod connection;
pub mod head;
mod linger;
pub mod listener;
pub mod options;

pub use connection::Connection;
pub use linger::linger;

use connection::Shared;
use listener::Listener;
use morestack::channel::Receiver;
use morestack::net::TcpListener;
use morestack::net::unix::UnixListener;
use morestack::signal::{Signal, notify};
use morestack::time::timeout;
use options::Options;
use std::fmt::Display;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::process;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: String, error: io::Error },
    #[error("cannot be told by signals to stop: {0}")]
    Signals(#[source] io::Error),
}

/// A server that listens. Clients may connect already: they wait.
pub struct Server<L: Listener = TcpListener> {
    listener: L,
    /// The same socket, as a type whose `shutdown` std has. It ends an `accept` that waits. Made in advance: when it is needed, there may
    /// be no descriptors.
    hang_up: std::net::TcpStream,
    /// Asked for before anybody knows that this listens: who does may send one.
    signals: Receiver<Signal>,
    grace: Duration,
    shared: Arc<Shared<L::Stream>>,
}

impl Server {
    /// Listens where the options say.
    pub fn listen(options: &Options) -> Result<Server, Error> {
        Server::of(options, &options.address, TcpListener::bind)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a socket that listens has an address")
    }
}

impl Server<UnixListener> {
    /// Listens at a path, which must not exist.
    pub fn listen_at(options: &Options, path: &str) -> Result<Server<UnixListener>, Error> {
        Server::of(options, path, UnixListener::bind)
    }
}

impl<L: Listener> Server<L> {
    fn of<'a>(options: &Options, at: &'a str, bind: fn(&'a str) -> io::Result<L>) -> Result<Server<L>, Error> {
        let signals = signals()?;
        let failed = |error| Error::Listen { address: at.to_owned(), error };
        let listener = bind(at).map_err(failed)?;
        let hang_up = listener.as_fd().try_clone_to_owned().map_err(failed)?.into();
        let shared = Arc::new(Shared::new(options.max_connections));
        Ok(Server { listener, hang_up, signals, grace: options.grace, shared })
    }

    /// Serves each connection in a task of its own, until a signal comes and what was in flight is done, or its time is over.
    pub fn run<E: Display>(self, serve: impl Fn(&Connection<L::Stream>) -> Result<(), E> + Send + Sync + 'static) {
        let signals = self.signals;
        let (listener, serve) = (Arc::new(self.listener), Arc::new(serve));
        let accepting = (listener.clone(), self.shared.clone(), serve.clone());
        morestack::go!(move || {
            let (listener, shared, serve) = &accepting;
            accept::accept(&**listener, shared, serve);
        });

        let signal = signals.recv().expect("the channel stays");
        eprintln!("{signal}: stopping");
        morestack::go!(move || {
            let signal = signals.recv().expect("the channel stays");
            eprintln!("{signal}: stopping at once");
            process::exit(1);
        });
        self.shared.stop();
        accept::accept_the_rest(&*listener, &self.shared, &serve);
        // It fails where the kernel has closed it before us.
        let _ = self.hang_up.shutdown(Shutdown::Both);
        if !self.shared.all_gone_within(self.grace) {
            eprintln!("cut off after {:?}: {} connections", self.grace, self.shared.open());
        }
    }
}

/// What comes out of this tells a server to stop.
pub fn signals() -> Result<Receiver<Signal>, Error> {
    notify(&[Signal::INTERRUPT, Signal::TERMINATE]).map_err(Error::Signals)
}

/// Does something that waits, for so long at most; past that it fails with [`TimedOut`](io::ErrorKind::TimedOut).
pub fn within<T>(limit: Duration, f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    timeout(limit, f).unwrap_or_else(|elapsed| Err(elapsed.into()))
}

/// Whether the peer has gone without a word, as many do: load generators, browsers that are closed, scanners.
pub fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}
