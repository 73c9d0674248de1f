//! TCP.

mod connect;
mod listener;
mod stream;
#[cfg(test)]
mod tests;

pub use listener::{Incoming, TcpListener};
pub use stream::TcpStream;
