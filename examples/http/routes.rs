//! Which page is where.

/// A status line's number and reason.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status(pub u16, pub &'static str);

pub const OK: Status = Status(200, "OK");
pub const NOT_FOUND: Status = Status(404, "Not Found");
pub const METHOD_NOT_ALLOWED: Status = Status(405, "Method Not Allowed");

/// What is answered, apart from what the protocol adds.
#[derive(Debug)]
pub struct Response {
    pub status: Status,
    /// Plain text.
    pub body: String,
}

impl Response {
    /// A response that says its own status.
    pub fn of(status: Status) -> Response {
        Response { status, body: format!("{}\n", status.1) }
    }
}

/// What is answered to `method` for `path`, which is taken as it is: nothing in it is decoded.
pub fn respond(method: &str, path: &str) -> Response {
    let body = match path {
        "/" => "Hello, World!\n".into(),
        "/health" => "ok\n".into(),
        _ => match path.strip_prefix("/hello/") {
            Some(name) if !name.is_empty() && !name.contains('/') => format!("Hello, {name}!\n"),
            _ => return Response::of(NOT_FOUND),
        },
    };
    match method {
        "GET" | "HEAD" => Response { status: OK, body },
        _ => Response::of(METHOD_NOT_ALLOWED),
    }
}
