//! An accepted connection, and whether it may be ended.

use super::listener::Stream;
use morestack::net::TcpStream;
use morestack::sync::{OwnedPermit, Semaphore};
use std::collections::HashMap;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the connections of a server share.
pub struct Shared<S> {
    /// A permit for each connection that there may be.
    pub room: Arc<Semaphore>,
    most: usize,
    stopping: AtomicBool,
    next: AtomicU64,
    /// A lock of std's: nobody waits while he holds it.
    open: Mutex<HashMap<u64, Arc<Socket<S>>>>,
}

struct Socket<S> {
    stream: S,
    /// Nothing is in flight: the connection may be ended.
    idle: AtomicBool,
}

/// A connection that has been accepted. When it is dropped, it is closed and another may come.
pub struct Connection<S: Stream = TcpStream> {
    socket: Arc<Socket<S>>,
    shared: Arc<Shared<S>>,
    number: u64,
    _permit: OwnedPermit,
}

impl<S: Stream> Shared<S> {
    pub fn new(most: usize) -> Shared<S> {
        let most = most.min(Semaphore::MAX_PERMITS);
        Shared {
            room: Arc::new(Semaphore::new(most)),
            most,
            stopping: AtomicBool::new(false),
            next: AtomicU64::new(0),
            open: Mutex::default(),
        }
    }

    /// From now on, connections end where they are idle.
    pub fn stop(&self) {
        // Before it looks who is idle, as who becomes idle says so before he looks whether to stop: one of both sees the other.
        self.stopping.store(true, Ordering::SeqCst);
        for socket in self.sockets().values() {
            if socket.idle.load(Ordering::SeqCst) {
                socket.end_input();
            }
        }
    }

    /// Whether the server is to stop.
    pub fn stops(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// How many connections there are.
    pub fn open(&self) -> usize {
        self.sockets().len()
    }

    /// Waits until there is no connection, for so long at most. Whether it has come to that.
    pub fn all_gone_within(&self, time: Duration) -> bool {
        self.room.acquire_many_timeout(self.most, time).is_some()
    }

    fn sockets(&self) -> MutexGuard<'_, HashMap<u64, Arc<Socket<S>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Stream> Socket<S> {
    /// Lets reads see the end after what has arrived already: a request that just came is served.
    fn end_input(&self) {
        // It fails when the peer was faster.
        let _ = self.stream.shutdown(Shutdown::Read);
    }
}

/// Ends a connection from elsewhere.
pub struct Handle<S: Stream = TcpStream>(Arc<Socket<S>>);

impl<S: Stream> Handle<S> {
    /// Ends it in both directions: who reads or writes there sees that at once.
    pub fn cut(&self) {
        // It fails when the peer was faster.
        let _ = self.0.stream.shutdown(Shutdown::Both);
    }
}

impl<S: Stream> Connection<S> {
    pub(super) fn new(stream: S, permit: OwnedPermit, shared: Arc<Shared<S>>) -> Connection<S> {
        let socket = Arc::new(Socket { stream, idle: AtomicBool::new(false) });
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        shared.sockets().insert(number, socket.clone());
        Connection { socket, shared, number, _permit: permit }
    }

    pub fn stream(&self) -> &S {
        &self.socket.stream
    }

    pub fn handle(&self) -> Handle<S> {
        Handle(self.socket.clone())
    }

    /// Nothing is in flight, from now on: if the server stops, the next read that finds nothing sees the end. Until
    /// [`busy`](Self::busy).
    pub fn idle(&self) {
        self.socket.idle.store(true, Ordering::SeqCst);
        if self.shared.stops() {
            self.socket.end_input();
        }
    }

    /// Something has begun that is to be finished even if the server stops.
    pub fn busy(&self) {
        self.socket.idle.store(false, Ordering::Relaxed);
    }

    /// Whether the server stops: a connection should end when it has done what it is at.
    pub fn stops(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed)
    }
}

impl<S: Stream> Drop for Connection<S> {
    fn drop(&mut self) {
        self.shared.sockets().remove(&self.number);
    }
}
