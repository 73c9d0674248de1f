//! Addresses of std as the kernel's, and back.

use socket2::SockAddr;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

/// For the kernel.
pub(super) fn to_kernel(addr: &SocketAddr) -> io::Result<SockAddr> {
    match addr.as_abstract_name() {
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[&[0], name].concat())),
        None => SockAddr::unix(addr.as_pathname().unwrap_or(Path::new(""))),
    }
}

/// From the kernel.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is of another family, as std's.
pub(super) fn from_kernel(addr: &SockAddr) -> io::Result<SocketAddr> {
    if let Some(name) = addr.as_abstract_namespace() {
        SocketAddr::from_abstract_name(name)
    } else if let Some(path) = addr.as_pathname() {
        SocketAddr::from_pathname(path)
    } else if addr.is_unix() || addr.len() == 0 {
        // A sender that is not bound has no address at all.
        unnamed()
    } else {
        let error = "file descriptor did not correspond to a Unix socket";
        Err(io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

/// The address of who has none.
pub(super) fn unnamed() -> io::Result<SocketAddr> {
    SocketAddr::from_pathname("")
}
