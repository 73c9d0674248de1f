//! The example `chat` lets clients talk over WebSocket: they hear each other, see who comes and goes, and nobody holds up the others.

#[path = "common/http.rs"]
mod http;
#[path = "common/server.rs"]
mod server;

use http::until_closed;
use server::Server;
use std::io::Write;
use std::net::TcpStream;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

/// Somebody in the room.
struct Client(WebSocket<TcpStream>);

impl Client {
    /// With that name, which the server is told.
    fn enter(server: &Server, name: &str) -> Client {
        let (socket, _) =
            tungstenite::client(format!("ws://{}/chat", server.address), server.connect()).expect("a handshake");
        let mut client = Client(socket);
        client.say(name);
        client
    }

    fn say(&mut self, line: &str) {
        self.0.send(Message::text(line)).expect("the server reads");
    }

    /// The next line.
    fn hear(&mut self) -> String {
        loop {
            match self.0.read().expect("a line") {
                Message::Text(line) => return line.as_str().to_owned(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} instead of a line"),
            }
        }
    }

    #[track_caller]
    fn hears(&mut self, line: &str) {
        assert_eq!(self.hear(), line);
    }

    /// Why the server ends this.
    fn end(mut self) -> (CloseCode, String) {
        loop {
            if let Message::Close(frame) = self.0.read().expect("an end that is told") {
                let frame = frame.expect("a reason");
                return (frame.code, frame.reason.as_str().to_owned());
            }
        }
    }
}

fn get(server: &Server, path: &str) -> String {
    until_closed(server.connect(), format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes())
}

#[test]
fn all_hear_what_one_says() {
    let server = Server::start("chat", &["--history", "4"]);
    let mut ann = Client::enter(&server, "Ann");
    ann.hears("* Ann has come");
    let mut bob = Client::enter(&server, " Bob ");
    bob.hears("* Ann has come");
    for client in [&mut ann, &mut bob] {
        client.hears("* Bob has come");
    }
    ann.say("hello\nBob: I am a liar");
    ann.say("   ");
    for client in [&mut ann, &mut bob] {
        client.hears("Ann: hello Bob: I am a liar");
    }
    bob.say("gr\u{fc}\u{df}e, \u{1f600}");
    for client in [&mut ann, &mut bob] {
        client.hears("Bob: gr\u{fc}\u{df}e, \u{1f600}");
    }
    bob.0.close(None).unwrap();
    ann.hears("* Bob has gone");
    // No more than the last four lines.
    let mut eve = Client::enter(&server, "Eve");
    for line in ["Ann: hello Bob: I am a liar", "Bob: gr\u{fc}\u{df}e, \u{1f600}", "* Bob has gone", "* Eve has come"] {
        if line.starts_with("Ann") {
            eve.hears("* Bob has come");
        }
        eve.hears(line);
    }
}

#[test]
fn many_talk_at_once() {
    const CLIENTS: usize = 20;
    const LINES: usize = 50;
    let server = Server::start("chat", &["--history", "1", "--outbox", "5000"]);
    let mut first = Client::enter(&server, "first");
    std::thread::scope(|scope| {
        for i in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                let mut client = Client::enter(server, &format!("c{i}"));
                (0..LINES).for_each(|line| client.say(&format!("{line}")));
                // Their own come back in their order.
                let own = format!("c{i}: ");
                for line in 0..LINES {
                    let heard = std::iter::repeat_with(|| client.hear()).find(|heard| heard.starts_with(&own)).unwrap();
                    assert_eq!(heard, format!("{own}{line}"));
                }
            });
        }
        let mut gone = 0;
        let mut said = 0;
        while gone < CLIENTS {
            let line = first.hear();
            gone += usize::from(line.ends_with(" has gone"));
            said += usize::from(line.contains(": "));
        }
        assert_eq!(said, CLIENTS * LINES);
    });
}

/// Cut off, and not waited for.
#[test]
fn who_does_not_read_holds_up_nobody() {
    let server = Server::start("chat", &["--outbox", "20", "--history", "1", "--write-timeout", "1000"]);
    let _slow = Client::enter(&server, "slow");
    let mut fast = Client::enter(&server, "fast");
    let line = "x".repeat(4000);
    // Until the sockets and the outbox are full. The kernel's part is some megabytes at most.
    for _ in 0..20_000 {
        fast.say(&line);
        loop {
            let heard = fast.hear();
            if heard == "* slow has gone" {
                return;
            }
            if heard.starts_with("fast: ") {
                break;
            }
        }
    }
    panic!("80 MB wait for who does not read");
}

#[test]
fn who_vanishes_has_gone() {
    let server = Server::start("chat", &[]);
    let mut ann = Client::enter(&server, "Ann");
    ann.hears("* Ann has come");
    drop(Client::enter(&server, "Bob").0.into_inner());
    ann.hears("* Bob has come");
    ann.hears("* Bob has gone");
    // In the middle of a message.
    let mut eve = Client::enter(&server, "Eve");
    eve.0.get_mut().write_all(&[0x81, 0xfe, 0x01]).unwrap();
    drop(eve);
    ann.hears("* Eve has come");
    ann.hears("* Eve has gone");
}

#[test]
fn who_answers_no_ping_has_gone() {
    let server = Server::start("chat", &["--idle-timeout", "0.3"]);
    let silent = Client::enter(&server, "silent");
    let mut page = get(&server, "/");
    while !page.contains("* silent has gone") {
        std::thread::sleep(std::time::Duration::from_millis(20));
        page = get(&server, "/");
    }
    assert!(page.contains("Nobody is here."), "{page}");
    drop(silent);
}

#[test]
fn messages_have_a_limit() {
    let server = Server::start("chat", &[]);
    let mut ann = Client::enter(&server, "Ann");
    ann.hears("* Ann has come");
    let mut bob = Client::enter(&server, "Bob");
    bob.say(&"x".repeat(4097));
    assert_eq!(bob.end(), (CloseCode::Size, "a message may have 4096 bytes".into()));
    // One that never comes, but says how long it would be.
    let mut eve = Client::enter(&server, "Eve");
    eve.0.get_mut().write_all(&[0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]).unwrap();
    assert_eq!(eve.end().0, CloseCode::Size);
    for line in ["* Bob has come", "* Bob has gone", "* Eve has come", "* Eve has gone"] {
        ann.hears(line);
    }
    ann.say(&"x".repeat(4096));
    ann.hears(&format!("Ann: {}", "x".repeat(4096)));
}

#[test]
fn names_are_ones_own() {
    let server = Server::start("chat", &[]);
    let mut ann = Client::enter(&server, "Ann");
    ann.hears("* Ann has come");
    assert_eq!(Client::enter(&server, "Ann").end(), (CloseCode::Policy, "that name is taken".into()));
    for name in ["", "   ", "a\nb", &"x".repeat(33)] {
        let (code, reason) = Client::enter(&server, name).end();
        assert!(code == CloseCode::Policy && reason.starts_with("a name has 1 to 32 characters"), "{name}: {reason}");
    }
    // Free again.
    ann.0.close(None).unwrap();
    while ann.0.read().is_ok() {}
    Client::enter(&server, "Ann").hears("* Ann has come");
}

#[test]
fn a_browser_gets_a_page() {
    let server = Server::start("chat", &[]);
    let mut ann = Client::enter(&server, "<Ann>");
    ann.say("<script>alert('{lines}')</script> & \"more\"");
    ann.hears("* <Ann> has come");
    ann.hear();
    let page = get(&server, "/");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("Here: &lt;Ann&gt;.") && page.contains("name=\"viewport\""), "{page}");
    let line =
        "<li>&lt;Ann&gt;: &lt;script&gt;alert(&#39;&#123;lines}&#39;)&lt;/script&gt; &amp; &quot;more&quot;</li>";
    assert!(page.contains(line), "{page}");
    // It loads nothing.
    assert!(
        !page.contains("src=") && !page.contains("href=") && !page.contains("http://") && !page.contains("@import")
    );
}

#[test]
fn what_is_no_request_is_refused() {
    let mut server = Server::start("chat", &[]);
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400 Bad Request"),
        ("GET /chat HTTP/1.1\r\nHost: h\r\n\r\n".into(), "400 Bad Request"),
        (
            "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".into(),
            "400 Bad Request",
        ),
        ("GET /other HTTP/1.1\r\nHost: h\r\n\r\n".into(), "404 Not Found"),
        ("POST / HTTP/1.1\r\nHost: h\r\n\r\n".into(), "405 Method Not Allowed"),
        (format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000)), "431 Request Header Fields Too Large"),
    ] {
        let answer = until_closed(server.connect(), request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
    }
    // What is no frame.
    let mut ann = Client::enter(&server, "Ann");
    ann.0.get_mut().write_all(&[0xff; 100]).unwrap();
    assert_eq!(ann.end().0, CloseCode::Protocol);
    server.assert_alive();
}

#[test]
fn who_is_there_when_it_stops_is_told() {
    let mut server = Server::start("chat", &["--grace", "1000"]);
    let mut ann = Client::enter(&server, "Ann");
    ann.hears("* Ann has come");
    let half = server.connect();
    server.signal(libc::SIGTERM);
    assert_eq!(ann.end(), (CloseCode::Away, "the server stops".into()));
    assert_eq!(until_closed(half, b""), "");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn pages_of_other_sites_do_not_get_in() {
    let server = Server::start("chat", &[]);
    let enter = |fields: &str| {
        let key = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let request = format!("GET /chat HTTP/1.1\r\nHost: chat.example\r\n{key}\r\n{fields}\r\n");
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut status).unwrap();
        String::from_utf8_lossy(&status[9..]).into_owned()
    };
    for (fields, status) in [
        ("", "101"),
        ("Origin: http://chat.example\r\n", "101"),
        ("Origin: https://other.example\r\n", "403"),
        ("Origin: null\r\n", "403"),
        ("Origin: http://chat.example.other\r\n", "403"),
    ] {
        assert_eq!(enter(fields), status, "{fields}");
    }
}
