//! Accepting connections.
//!
//! `accept` knows no flag for not waiting, so a listener's descriptor is nonblocking for the kernel as long as it is ours. What mode
//! the program wants is noted in the settings.

use super::socket::{Kind, Socket};
use crate::sched::io::{Direction, Settings, Until, kernel_nonblocking};
use socket2::SockRef;
use std::io;
use std::sync::{Mutex, PoisonError};

impl<T: Kind> Socket<T> {
    /// Of a listener that we have just made.
    pub(super) fn listening(listener: T) -> io::Result<Socket<T>> {
        SockRef::from(&listener).set_nonblocking(true)?;
        Ok(Socket::new(listener, Settings::fresh()))
    }

    /// Waits for a connection, which `accept` takes out of the backlog.
    pub(super) fn accept<R>(&self, accept: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.prepare()?;
        self.run(Direction::Read, Until::Setting, accept)
    }

    pub(super) fn set_accept_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.prepare()?;
        self.settings().set_nonblocking(nonblocking);
        Ok(())
    }

    /// Gives the listener away, in the mode that the program wants.
    pub(super) fn into_listener(self) -> T {
        let untouched = self.settings().known_nonblocking() != Some(false);
        let listener = self.into_io();
        if !untouched {
            // It does not fail on an open descriptor.
            let _ = SockRef::from(&listener).set_nonblocking(false);
        }
        listener
    }

    /// Makes a descriptor that came from elsewhere nonblocking, once, and notes the mode that it had.
    fn prepare(&self) -> io::Result<()> {
        static PREPARING: Mutex<()> = Mutex::new(());
        if self.settings().known_nonblocking().is_some() {
            return Ok(());
        }
        // One at a time, lest one takes what another has just set for the program's own wish.
        let _alone = PREPARING.lock().unwrap_or_else(PoisonError::into_inner);
        if self.settings().known_nonblocking().is_none() {
            let nonblocking = kernel_nonblocking(self.io().as_fd())?;
            SockRef::from(self.io()).set_nonblocking(true)?;
            // Known only now: whoever sees this may accept.
            self.settings().set_nonblocking(nonblocking);
        }
        Ok(())
    }
}

/// For listeners: accepting, the iterator over what is accepted, and the mode. `$settings` makes the settings of what was accepted of
/// the listener's.
macro_rules! listens {
    ($ours:ident, $std:ty, $stream:ident, $addr:ty, $settings:expr, $incoming:literal) => {
        impl $ours {
            /// Waits for a connection.
            ///
            /// # Errors
            /// What the kernel says. Without a free descriptor (`EMFILE`, `ENFILE`) the connection stays in the backlog, and the
            /// next call gets it, or the same error at once.
            pub fn accept(&self) -> ::std::io::Result<($stream, $addr)> {
                let (stream, peer) = self.0.accept(<$std>::accept)?;
                Ok(($stream($crate::net::socket::Socket::new(stream, ($settings)(self.0.settings()))), peer))
            }

            /// The connections, one after the other, without end.
            pub fn incoming(&self) -> Incoming<'_> {
                Incoming { listener: self }
            }

            /// Whether `accept` fails with [`WouldBlock`](std::io::ErrorKind::WouldBlock) instead of waiting, for all handles of the
            /// listening socket. Off at first: tasks need not set it.
            ///
            /// # Errors
            /// What the kernel says.
            pub fn set_nonblocking(&self, nonblocking: bool) -> ::std::io::Result<()> {
                self.0.set_accept_nonblocking(nonblocking)
            }

            fn into_std(self) -> $std {
                self.0.into_listener()
            }
        }

        #[doc = $incoming]
        #[derive(Debug)]
        pub struct Incoming<'a> {
            listener: &'a $ours,
        }

        impl Iterator for Incoming<'_> {
            type Item = ::std::io::Result<$stream>;

            fn next(&mut self) -> Option<::std::io::Result<$stream>> {
                Some(self.listener.accept().map(|(stream, _)| stream))
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (usize::MAX, None)
            }
        }

        impl ::std::iter::FusedIterator for Incoming<'_> {}
    };
}

pub(super) use listens;
