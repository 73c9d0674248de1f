//! Who is let in, and when.

use super::connection::{Connection, Shared};
use super::listener::Listener;
use morestack::sync::OwnedPermit;
use morestack::thread;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The first pause when the system has no descriptors, or no memory, for another connection. Each is twice the one before: a lack that
/// lasts costs no processor, one that does not costs nobody much.
const PAUSE: Duration = Duration::from_millis(5);
/// The longest pause: who waits in the backlog waits for no longer than this once there are descriptors again.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the server stops.
pub fn accept<L, F, E>(listener: &L, shared: &Arc<Shared<L::Stream>>, serve: &Arc<F>)
where
    L: Listener,
    F: Fn(&Connection<L::Stream>) -> Result<(), E> + Send + Sync + 'static,
    E: Display,
{
    let mut pause = PAUSE;
    loop {
        // First the permit: who cannot be served stays in the backlog, where others may accept.
        let permit = shared.room.clone().acquire_owned();
        match listener.accept() {
            Ok((stream, peer)) => {
                admit::<L, _, _>(stream, peer, permit, shared, serve);
                pause = PAUSE;
            }
            Err(_) if shared.stops() => return,
            Err(error) if concerns_one(&error) => {}
            Err(error) => {
                // Once for each lack, not for each attempt.
                if pause == PAUSE {
                    eprintln!("cannot accept: {error}; trying again");
                }
                // Given back for the time being: nobody has it.
                drop(permit);
                thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Accepts who waits already, when the server stops: closing the listener would reset them.
pub fn accept_the_rest<L, F, E>(listener: &L, shared: &Arc<Shared<L::Stream>>, serve: &Arc<F>)
where
    L: Listener,
    F: Fn(&Connection<L::Stream>) -> Result<(), E> + Send + Sync + 'static,
    E: Display,
{
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    while let Some(permit) = shared.room.clone().try_acquire_owned()
        && let Ok((stream, peer)) = listener.accept()
    {
        admit::<L, _, _>(stream, peer, permit, shared, serve);
    }
}

fn admit<L, F, E>(
    stream: L::Stream,
    peer: Option<SocketAddr>,
    permit: OwnedPermit,
    shared: &Arc<Shared<L::Stream>>,
    serve: &Arc<F>,
) where
    L: Listener,
    F: Fn(&Connection<L::Stream>) -> Result<(), E> + Send + Sync + 'static,
    E: Display,
{
    let connection = Connection::new(stream, permit, shared.clone());
    let serve = serve.clone();
    morestack::go!(move || {
        if let Err(error) = serve(&connection) {
            match peer {
                Some(peer) => eprintln!("{peer}: {error}"),
                None => eprintln!("a local client: {error}"),
            }
        }
    });
}

/// Whether the error is that of the connection that would have been accepted: the next may be in order. (accept(2))
fn concerns_one(error: &io::Error) -> bool {
    let lack = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| !lack.contains(&code) && code != libc::EINVAL)
}
