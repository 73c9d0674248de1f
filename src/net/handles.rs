//! What the types of `net` have in common, as macros: the same methods and impls, each time around another type of std.

/// For all types `$ours(Socket<$std>)`: addresses, clones, errors, and the conversions that std has for its own.
macro_rules! handle {
    ($ours:ident, $std:ty, $addr:ty) => {
        impl $ours {
            /// The address of this end.
            ///
            /// # Errors
            /// What the kernel says.
            pub fn local_addr(&self) -> ::std::io::Result<$addr> {
                self.0.io().local_addr()
            }

            /// Another handle of the same socket, with a descriptor of its own. Settings and what has arrived are shared.
            ///
            /// # Errors
            /// There are no descriptors left.
            pub fn try_clone(&self) -> ::std::io::Result<$ours> {
                self.0.try_clone(<$std>::try_clone).map($ours)
            }

            /// Takes the socket's pending error (`SO_ERROR`).
            ///
            /// # Errors
            /// What the kernel says.
            pub fn take_error(&self) -> ::std::io::Result<Option<::std::io::Error>> {
                self.0.io().take_error()
            }
        }

        impl From<$std> for $ours {
            /// Costs no system call. What was set on the socket stays set, the blocking mode included.
            fn from(std: $std) -> $ours {
                $ours($crate::net::socket::Socket::new(std, $crate::sched::io::Settings::unknown()))
            }
        }

        impl From<$ours> for $std {
            fn from(ours: $ours) -> $std {
                ours.into_std()
            }
        }

        impl From<::std::os::fd::OwnedFd> for $ours {
            fn from(fd: ::std::os::fd::OwnedFd) -> $ours {
                <$std>::from(fd).into()
            }
        }

        impl From<$ours> for ::std::os::fd::OwnedFd {
            fn from(ours: $ours) -> ::std::os::fd::OwnedFd {
                ours.into_std().into()
            }
        }

        impl ::std::os::fd::FromRawFd for $ours {
            unsafe fn from_raw_fd(fd: ::std::os::fd::RawFd) -> $ours {
                // SAFETY: the caller gives away an open descriptor of this kind.
                unsafe { <$std as ::std::os::fd::FromRawFd>::from_raw_fd(fd) }.into()
            }
        }

        impl ::std::os::fd::IntoRawFd for $ours {
            fn into_raw_fd(self) -> ::std::os::fd::RawFd {
                ::std::os::fd::IntoRawFd::into_raw_fd(self.into_std())
            }
        }

        impl ::std::os::fd::AsFd for $ours {
            fn as_fd(&self) -> ::std::os::fd::BorrowedFd<'_> {
                ::std::os::fd::AsFd::as_fd(self.0.io())
            }
        }

        impl ::std::os::fd::AsRawFd for $ours {
            fn as_raw_fd(&self) -> ::std::os::fd::RawFd {
                ::std::os::fd::AsRawFd::as_raw_fd(self.0.io())
            }
        }

        impl ::std::fmt::Debug for $ours {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(self.0.io(), f)
            }
        }
    };
}

/// For what transfers data: the other end, waits, and what bounds them.
macro_rules! transfers {
    ($ours:ident, $std:ty, $addr:ty) => {
        impl $ours {
            /// The address of the other end.
            ///
            /// # Errors
            /// There is none, or it is gone.
            pub fn peer_addr(&self) -> ::std::io::Result<$addr> {
                self.0.io().peer_addr()
            }

            /// Sets how long a read or a receive may wait; none: for ever. It then fails with
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock), as std's does here. Holds for all handles of the socket, from the
            /// next one on.
            ///
            /// # Errors
            /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) if it is zero.
            pub fn set_read_timeout(&self, timeout: Option<::std::time::Duration>) -> ::std::io::Result<()> {
                self.0.io().set_read_timeout(timeout)?;
                self.0.settings().set_timeout($crate::sched::io::Direction::Read, timeout);
                Ok(())
            }

            /// Sets how long a write or a send may wait; otherwise as [`Self::set_read_timeout`].
            ///
            /// # Errors
            /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) if it is zero.
            pub fn set_write_timeout(&self, timeout: Option<::std::time::Duration>) -> ::std::io::Result<()> {
                self.0.io().set_write_timeout(timeout)?;
                self.0.settings().set_timeout($crate::sched::io::Direction::Write, timeout);
                Ok(())
            }

            /// How long a read or a receive may wait, as the kernel has rounded it.
            ///
            /// # Errors
            /// What the kernel says.
            pub fn read_timeout(&self) -> ::std::io::Result<Option<::std::time::Duration>> {
                self.0.io().read_timeout()
            }

            /// How long a write or a send may wait, as the kernel has rounded it.
            ///
            /// # Errors
            /// What the kernel says.
            pub fn write_timeout(&self) -> ::std::io::Result<Option<::std::time::Duration>> {
                self.0.io().write_timeout()
            }

            /// Whether operations fail with [`WouldBlock`](std::io::ErrorKind::WouldBlock) instead of waiting, tasks and threads
            /// alike, for all handles of the socket. Off at first: tasks need not set it.
            ///
            /// # Errors
            /// What the kernel says.
            pub fn set_nonblocking(&self, nonblocking: bool) -> ::std::io::Result<()> {
                self.0.io().set_nonblocking(nonblocking)?;
                self.0.settings().set_nonblocking(nonblocking);
                Ok(())
            }

            /// Waits until there is something to read, a stream's other side has ended or an error is to be reported, and reads
            /// nothing: a socket that idles needs no buffer. The timeout for reads applies.
            ///
            /// It may, seldom, return too early. And another reader may be faster; a read then waits again.
            ///
            /// # Errors
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when the time is up, or at once if the socket is nonblocking.
            pub fn wait_readable(&self) -> ::std::io::Result<()> {
                self.0.wait_ready($crate::sched::io::Direction::Read)
            }

            /// Waits until there is room to write into, or an error to report; otherwise as [`Self::wait_readable`].
            ///
            /// # Errors
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) when the time is up, or at once if the socket is nonblocking.
            pub fn wait_writable(&self) -> ::std::io::Result<()> {
                self.0.wait_ready($crate::sched::io::Direction::Write)
            }

            fn into_std(self) -> $std {
                self.0.into_io()
            }
        }
    };
}

/// For what sends IP packets.
macro_rules! ttl {
    ($ours:ident) => {
        impl $ours {
            /// Sets the time to live of the packets sent (`IP_TTL`). Accepted connections get the listener's.
            ///
            /// # Errors
            /// What the kernel says.
            pub fn set_ttl(&self, ttl: u32) -> ::std::io::Result<()> {
                self.0.io().set_ttl(ttl)
            }

            /// What [`Self::set_ttl`] has set.
            ///
            /// # Errors
            /// What the kernel says.
            pub fn ttl(&self) -> ::std::io::Result<u32> {
                self.0.io().ttl()
            }
        }
    };
}

/// For what is connected for good.
macro_rules! shutdown {
    ($ours:ident) => {
        impl $ours {
            /// Closes one direction or both for all handles. Who waits in that direction returns.
            ///
            /// # Errors
            /// The connection is gone.
            pub fn shutdown(&self, how: ::std::net::Shutdown) -> ::std::io::Result<()> {
                self.0.io().shutdown(how)
            }
        }
    };
}

/// For streams of bytes.
macro_rules! reads_and_writes {
    ($ours:ident) => {
        impl ::std::io::Read for &$ours {
            fn read(&mut self, buf: &mut [u8]) -> ::std::io::Result<usize> {
                self.0.read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [::std::io::IoSliceMut<'_>]) -> ::std::io::Result<usize> {
                self.0.read_vectored(bufs)
            }
        }

        impl ::std::io::Write for &$ours {
            fn write(&mut self, buf: &[u8]) -> ::std::io::Result<usize> {
                self.0.write(buf)
            }

            fn write_vectored(&mut self, bufs: &[::std::io::IoSlice<'_>]) -> ::std::io::Result<usize> {
                self.0.write_vectored(bufs)
            }

            fn flush(&mut self) -> ::std::io::Result<()> {
                Ok(())
            }
        }

        impl ::std::io::Read for $ours {
            fn read(&mut self, buf: &mut [u8]) -> ::std::io::Result<usize> {
                self.0.read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [::std::io::IoSliceMut<'_>]) -> ::std::io::Result<usize> {
                self.0.read_vectored(bufs)
            }
        }

        impl ::std::io::Write for $ours {
            fn write(&mut self, buf: &[u8]) -> ::std::io::Result<usize> {
                self.0.write(buf)
            }

            fn write_vectored(&mut self, bufs: &[::std::io::IoSlice<'_>]) -> ::std::io::Result<usize> {
                self.0.write_vectored(bufs)
            }

            fn flush(&mut self) -> ::std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(super) use {handle, reads_and_writes, shutdown, transfers, ttl};
