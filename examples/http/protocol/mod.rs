//! HTTP/1.1 as a function: bytes in, responses out. It knows no sockets and no time.
//!
//! - Requests may be pipelined and may arrive in any pieces; the responses come in their order and do not depend on the pieces.
//! - A connection stays open unless the client says `Connection: close`, or speaks HTTP/1.0 without
//!   `Connection: keep-alive`.
//! - A request's body is read, with a length or in chunks, if it is not over [`MAX_BODY`](body::MAX_BODY), and thrown away unless its page wants it.
//!   `Expect: 100-continue` is answered.
//! - What is refused ends the connection, because nobody knows where the next request begins: heads over [`MAX_HEAD`](head::MAX_HEAD) or with
//!   more than [`MAX_FIELDS`](head::MAX_FIELDS) fields (431), bodies that are too long (413) or in a transfer coding other than `chunked` (501), other
//!   versions (505), and what is malformed (400): no `Host` in HTTP/1.1, or contradicting lengths, for instance.
//! - Left out: responses have no `Date`.
//!
//! What needs more than a function (a file, a page without an end) is a [`Work`] for the caller.
//!
//! - `head.rs`: a request up to its body, and why it is refused.
//! - `body.rs`: where a body ends.
//! - `response.rs`: how a response is written.

pub mod body;
pub mod head;
mod response;

pub use response::{LAST_CHUNK, chunk};

use crate::routes::{METHOD_NOT_ALLOWED, OK, Page, Status};
use body::Body;
use head::{Head, Manners, Refused};
use response::{BYTES, TEXT};
use std::mem;

/// What to do after the responses have been sent.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Receive more.
    More,
    Close,
    /// Do this, by way of [`Protocol::begin`] or [`Protocol::respond`], and then [`Protocol::proceed`].
    Do(Work),
}

/// What the answer to a request takes.
#[derive(Debug, PartialEq)]
pub enum Work {
    /// So many lines.
    Stream(u32),
    /// The file of that path, which is percent-encoded.
    File(String),
}

/// How the body of a response is to be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sending {
    /// Not at all: the request was HEAD.
    Nothing,
    /// As it is.
    Plain,
    /// In chunks, with [`chunk`] and [`LAST_CHUNK`].
    Chunked,
}

/// What a client has yet to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// A request, if it wants another.
    Idle,
    /// The rest of a request line and of fields.
    Head,
    /// The rest of a body.
    Body,
}

/// Where a connection stands.
#[derive(Default)]
pub struct Protocol {
    /// What has arrived and is not dealt with: less than a head, or what comes after the request that is worked on.
    input: Vec<u8>,
    state: State,
    /// To be handed out.
    work: Option<Work>,
    /// The next response is the last.
    last: bool,
}

#[derive(Default)]
enum State {
    #[default]
    Between,
    /// A request whose body has not arrived entirely.
    Body(Box<Request>),
    /// The caller works on a request.
    Working(Manners),
    Closed,
}

/// A request that has been read up to its body.
struct Request {
    page: Page<'static>,
    manners: Manners,
    body: Body,
    /// The body, if the page wants it.
    kept: Option<Vec<u8>>,
}

impl Protocol {
    /// What the client has yet to send.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Body(_) => Stage::Body,
            _ if self.input.is_empty() => Stage::Idle,
            _ => Stage::Head,
        }
    }

    /// Lets the next response be the last.
    pub fn close_after_this(&mut self) {
        self.last = true;
    }

    /// Takes what has arrived and appends the responses to all requests that are complete by it.
    pub fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Next {
        if self.input.is_empty() {
            // Nearly always. Nothing is copied then but what is not complete.
            let used = self.advance(bytes, out);
            self.input.extend_from_slice(&bytes[used..]);
            self.next()
        } else {
            self.input.extend_from_slice(bytes);
            self.go_on(out)
        }
    }

    /// The work on a request is done, and its response complete: goes on with what has arrived.
    pub fn proceed(&mut self, out: &mut Vec<u8>) -> Next {
        let manners = self.working();
        self.end(manners);
        self.go_on(out)
    }

    /// The client has not completed its request in time.
    pub fn time_out(&mut self, out: &mut Vec<u8>) {
        self.refuse(&Refused::TooSlow, out);
    }

    /// Begins the response to the request that is worked on; its body has the type `kind` and, if that is known, this length.
    pub fn begin(&mut self, kind: &'static str, length: Option<u64>, out: &mut Vec<u8>) -> Sending {
        let mut manners = self.working();
        // Clients of HTTP/1.0 know no chunks: for them the body ends with the connection.
        manners.keep &= !(self.last || manners.old && length.is_none());
        self.state = State::Working(manners);
        response::head(OK, kind, length, manners, out);
        match length {
            _ if manners.head_only => Sending::Nothing,
            None if !manners.old => Sending::Chunked,
            _ => Sending::Plain,
        }
    }

    /// Answers the request that is worked on by no more than a status.
    pub fn respond(&mut self, status: Status, out: &mut Vec<u8>) {
        let mut manners = self.working();
        manners.keep &= !self.last;
        self.state = State::Working(manners);
        response::status(status, manners, out);
    }

    fn working(&self) -> Manners {
        match self.state {
            State::Working(manners) => manners,
            _ => unreachable!("there is no work to be done"),
        }
    }

    /// Goes on with what is left over.
    fn go_on(&mut self, out: &mut Vec<u8>) -> Next {
        let mut input = mem::take(&mut self.input);
        let used = self.advance(&input, out);
        input.drain(..used);
        // An idle connection holds no memory.
        self.input = if input.is_empty() { Vec::new() } else { input };
        self.next()
    }

    fn next(&mut self) -> Next {
        match self.state {
            State::Closed => Next::Close,
            _ => self.work.take().map_or(Next::More, Next::Do),
        }
    }

    /// Deals with what is complete in `bytes`. How many of them that was.
    fn advance(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            match &mut self.state {
                State::Between => {
                    // Empty lines before a request are no part of it. (RFC 9112, 2.2)
                    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                    used += blank;
                    match head::parse(&rest[blank..]) {
                        Ok(None) => return used,
                        Ok(Some((length, head))) => {
                            used += length;
                            self.start(head, out);
                        }
                        Err(refused) => self.refuse(&refused, out),
                    }
                }
                State::Body(request) => match request.body.take(rest, request.kept.as_mut()) {
                    Ok((length, complete)) => {
                        used += length;
                        if !complete {
                            return used;
                        }
                        let State::Body(request) = mem::take(&mut self.state) else { unreachable!("it is") };
                        self.answer(request.page, request.manners, &request.kept.unwrap_or_default(), out);
                    }
                    Err(refused) => self.refuse(&refused, out),
                },
                State::Working(_) => return used,
                State::Closed => return bytes.len(),
            }
        }
    }

    fn start(&mut self, head: Head<'_>, out: &mut Vec<u8>) {
        let Head { page, manners, body, expects } = head;
        if body.is_empty() {
            return self.answer(page, manners, &[], out);
        }
        if expects {
            out.extend_from_slice(response::CONTINUE);
        }
        let kept = matches!(page, Page::Echo).then(Vec::new);
        self.state = State::Body(Box::new(Request { page: page.into_owned(), manners, body, kept }));
    }

    fn answer(&mut self, page: Page<'_>, mut manners: Manners, body: &[u8], out: &mut Vec<u8>) {
        let work = match page {
            Page::Stream(lines) => Work::Stream(lines),
            Page::File(path) => Work::File(path.into_owned()),
            page => {
                manners.keep &= !self.last;
                match page {
                    Page::Text(text) => response::whole(OK, TEXT, &[text.as_bytes()], manners, out),
                    Page::Hello(name) => {
                        response::whole(OK, TEXT, &[b"Hello, ", name.as_bytes(), b"!\n"], manners, out);
                    }
                    Page::None(status) => response::status(status, manners, out),
                    Page::For(methods) => {
                        manners.allow = Some(methods);
                        response::status(METHOD_NOT_ALLOWED, manners, out);
                    }
                    Page::Echo | Page::Stream(_) | Page::File(_) => response::whole(OK, BYTES, &[body], manners, out),
                }
                return self.end(manners);
            }
        };
        self.work = Some(work);
        self.state = State::Working(manners);
    }

    fn refuse(&mut self, refused: &Refused, out: &mut Vec<u8>) {
        let manners = Manners::of_a_refusal();
        response::whole(refused.status(), TEXT, &[format!("{refused}\n").as_bytes()], manners, out);
        self.end(manners);
    }

    fn end(&mut self, manners: Manners) {
        self.state = if manners.keep { State::Between } else { State::Closed };
    }
}
