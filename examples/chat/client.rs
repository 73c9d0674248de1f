//! A client of the room: a task that reads, and one that writes. They share the socket and nothing else.
//!
//! The library has one type for both directions, which would have to be locked while a task waits in it. So each task has its own: the
//! reader's writes into nothing, and what it would have answered (a pong, the end) is an order to the writer.

use crate::Limits;
use crate::room::{Place, Room};
use crate::server::{Connection, is_gone, linger, within};
use crate::visit::Broken;
use morestack::channel::{Receiver, Sender, bounded, never, select_biased};
use morestack::net::TcpStream;
use morestack::thread;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use tungstenite::error::{CapacityError, Error};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Message, Role, WebSocket, WebSocketConfig};
use tungstenite::{Bytes, Utf8Bytes};

/// Bytes of a message.
const MAX_MESSAGE: usize = 4 << 10;

/// A direction of a socket; the other leads nowhere.
struct Half<'a> {
    stream: &'a TcpStream,
    reads: bool,
}

/// What the reader wants to be sent.
enum Order {
    Pong(Bytes),
    Close(CloseCode, String),
}

/// Serves a client whose handshake is done; `rest` is what has come with it.
pub fn serve(connection: &Connection, rest: Vec<u8>, room: &Room, limits: Limits) -> Result<(), Broken> {
    let stream = connection.stream();
    let config = WebSocketConfig::default()
        .read_buffer_size(MAX_MESSAGE)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let half = |reads| Half { stream, reads };
    let mut reader = WebSocket::from_partially_read(half(true), rest, Role::Server, Some(config));
    let mut writer = WebSocket::from_raw_socket(half(false), Role::Server, Some(config));
    let entered = match name(&mut reader, limits) {
        Ok(Some(name)) => room.enter(&name, connection.handle()),
        Ok(None) => return Ok(()),
        Err(error) => return ended(connection, error),
    };
    let (place, lines) = match entered {
        Ok(entered) => entered,
        Err(refused) => {
            // The client may be gone.
            let _ = close(&mut writer, CloseCode::Policy, &refused.to_string(), limits);
            linger(&mut { stream });
            return Ok(());
        }
    };
    thread::scope(|scope| {
        // Room for a pong or two: who pings without reading waits, which is his affair.
        let (orders, ordered) = bounded(4);
        let task = scope.spawn(|| {
            let written = write(&mut writer, lines, ordered, limits);
            // Wakes the reader, and tells the client, in case it does not know.
            let _ = stream.shutdown(if written.is_ok() { Shutdown::Write } else { Shutdown::Both });
        });
        // When this returns, the place is free: who is told the end may come again.
        let read = read(&mut reader, connection, place, &orders, limits);
        let (code, reason) = read.as_ref().map_or((CloseCode::Protocol, String::new()), Clone::clone);
        // The writer may have ended.
        let _ = orders.send(Order::Close(code, reason));
        let _ = task.join();
        linger(&mut { stream });
        match read {
            Ok(_) => Ok(()),
            Err(error) => ended(connection, error),
        }
    })
}

/// The first message.
fn name(reader: &mut WebSocket<Half<'_>>, limits: Limits) -> Result<Option<Utf8Bytes>, Error> {
    within(limits.begin, || {
        Ok(loop {
            match reader.read() {
                Ok(Message::Text(name)) => break Ok(Some(name)),
                Ok(Message::Close(_)) => break Ok(None),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        })
    })?
}

/// Hears what the client says until it ends, and orders the answers. What to tell the client then.
fn read(
    reader: &mut WebSocket<Half<'_>>,
    connection: &Connection,
    place: Place<'_>,
    orders: &Sender<Order>,
    limits: Limits,
) -> Result<(CloseCode, String), Error> {
    loop {
        let message = match within(limits.idle, || Ok(reader.read())) {
            Ok(message) => message,
            Err(error) => Err(Error::Io(error)),
        };
        match message {
            Ok(Message::Text(line)) => place.say(&line),
            // If the writer has ended, so does the reader, the next time.
            Ok(Message::Ping(data)) => drop(orders.send(Order::Pong(data))),
            Ok(Message::Close(_)) => return Ok((CloseCode::Normal, String::new())),
            Ok(_) => {}
            Err(Error::Capacity(CapacityError::MessageTooLong { max_size, .. })) => {
                return Ok((CloseCode::Size, format!("a message may have {max_size} bytes")));
            }
            // The end of the input is our own doing then.
            Err(_) if connection.stops() => return Ok((CloseCode::Away, "the server stops".to_owned())),
            Err(error) => return Err(error),
        }
    }
}

/// Sends lines and orders until there are no more, or the client does not take them.
fn write(
    writer: &mut WebSocket<Half<'_>>,
    mut lines: Receiver<Utf8Bytes>,
    orders: Receiver<Order>,
    limits: Limits,
) -> Result<(), Error> {
    let silence = limits.idle / 3;
    loop {
        let message = select_biased! {
            recv(orders) -> order => match order {
                Ok(Order::Pong(data)) => Some(Message::Pong(data)),
                Ok(Order::Close(code, reason)) => return close(writer, code, &reason, limits),
                Err(_) => return Ok(()),
            },
            recv(lines) -> line => line.ok().map(Message::Text),
            // Keeps what is between from forgetting the connection, and has the client show that it is there.
            default(silence) => Some(Message::Ping(Bytes::new())),
        };
        match message {
            Some(message) => within(limits.write, || Ok(writer.send(message)))??,
            // Out of the room. An order comes.
            None => lines = never(),
        }
    }
}

/// Tells the client that this is the end, and why.
fn close(writer: &mut WebSocket<Half<'_>>, code: CloseCode, reason: &str, limits: Limits) -> Result<(), Error> {
    let frame = CloseFrame { code, reason: reason.into() };
    within(limits.write, || Ok(writer.close(Some(frame)).and_then(|()| writer.flush())))?
}

/// What to make of the end of a client that has not said goodbye: most go like that.
fn ended(connection: &Connection, error: Error) -> Result<(), Broken> {
    connection.handle().cut();
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Ok(()),
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => Ok(()),
        Error::Io(error) if is_gone(&error) || error.kind() == ErrorKind::TimedOut => Ok(()),
        error => Err(Broken::Read(error)),
    }
}

impl Read for Half<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.reads { self.stream.read(buffer) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}

impl Write for Half<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.reads { Ok(buffer.len()) } else { self.stream.write(buffer) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
