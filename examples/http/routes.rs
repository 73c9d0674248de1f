//! Which page is where.

use std::borrow::Cow;

/// A status line's number and reason, as they are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status(pub &'static str);

impl Status {
    /// What it means, without the number.
    pub fn reason(self) -> &'static str {
        self.0.split_once(' ').map_or(self.0, |(_, reason)| reason)
    }
}

pub const OK: Status = Status("200 OK");
pub const NOT_FOUND: Status = Status("404 Not Found");
pub const METHOD_NOT_ALLOWED: Status = Status("405 Method Not Allowed");

/// Lines of a `/stream` at most.
const MAX_LINES: u32 = 1_000_000;

/// What is asked for. It borrows from the request, so that a page costs no allocation.
#[derive(Debug)]
pub enum Page<'a> {
    Text(&'static str),
    /// A greeting of that name.
    Hello(Cow<'a, str>),
    /// The body of the request.
    Echo,
    /// So many lines, of which nobody knows the length in advance.
    Stream(u32),
    /// The file of that path, percent-encoded, below the directory of `--files`.
    File(Cow<'a, str>),
    /// No page, but its status.
    None(Status),
    /// The page is there for these methods only.
    For(&'static str),
}

impl Page<'_> {
    /// The same, on its own.
    pub fn into_owned(self) -> Page<'static> {
        match self {
            Page::Hello(name) => Page::Hello(name.into_owned().into()),
            Page::File(path) => Page::File(path.into_owned().into()),
            Page::Text(text) => Page::Text(text),
            Page::Echo => Page::Echo,
            Page::Stream(lines) => Page::Stream(lines),
            Page::None(status) => Page::None(status),
            Page::For(methods) => Page::For(methods),
        }
    }
}

/// The page of that path, which is taken as it is: nothing in it is decoded.
pub fn find<'a>(method: &str, path: &'a str) -> Page<'a> {
    let (page, methods) = match path {
        "/" => (Page::Text("Hello, World!\n"), "GET, HEAD"),
        "/health" => (Page::Text("ok\n"), "GET, HEAD"),
        "/echo" => (Page::Echo, "POST"),
        _ => match below(path) {
            Some(page) => (page, "GET, HEAD"),
            None => return Page::None(NOT_FOUND),
        },
    };
    let allowed = methods.split(", ").any(|allowed| allowed == method);
    if allowed { page } else { Page::For(methods) }
}

fn below(path: &str) -> Option<Page<'_>> {
    if let Some(name) = path.strip_prefix("/hello/") {
        (!name.is_empty() && !name.contains('/')).then_some(Page::Hello(name.into()))
    } else if let Some(lines) = path.strip_prefix("/stream/") {
        lines.parse().ok().filter(|lines| *lines <= MAX_LINES).map(Page::Stream)
    } else {
        path.strip_prefix("/files/").map(|path| Page::File(path.into()))
    }
}
