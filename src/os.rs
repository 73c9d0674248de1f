//! The names that std has for what belongs to one kind of system, so that a program moves over by changing its imports:
//! `std::os::unix::net` becomes `morestack::os::unix::net`.

/// What Unix systems have.
pub mod unix {
    pub use crate::net::unix as net;
}

/// What Linux has.
pub mod linux {
    /// As [`std::os::linux::net`].
    pub mod net {
        use crate::net::TcpStream;
        use std::io;

        pub use std::os::linux::net::SocketAddrExt;

        /// What [`TcpStream`] can do on Linux, as [`std::os::linux::net::TcpStreamExt`].
        pub trait TcpStreamExt: sealed::Sealed {
            /// Whether what arrives is acknowledged at once (`TCP_QUICKACK`). The kernel changes it by itself as it sees fit.
            ///
            /// # Errors
            /// What the kernel says.
            fn set_quickack(&self, quickack: bool) -> io::Result<()>;

            /// Whether that is so now.
            ///
            /// # Errors
            /// What the kernel says.
            fn quickack(&self) -> io::Result<bool>;
        }

        impl TcpStreamExt for TcpStream {
            fn set_quickack(&self, quickack: bool) -> io::Result<()> {
                std::os::linux::net::TcpStreamExt::set_quickack(self.std(), quickack)
            }

            fn quickack(&self) -> io::Result<bool> {
                std::os::linux::net::TcpStreamExt::quickack(self.std())
            }
        }

        mod sealed {
            pub trait Sealed {}
            impl Sealed for crate::net::TcpStream {}
        }
    }
}
