//! Clients of the example servers that speak HTTP.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

pub const GET: &str = "GET /health HTTP/1.1\r\nHost: h\r\n\r\n";
pub const LAST: &str = "GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// Sends all of it and reads until the server closes.
pub fn until_closed(mut stream: TcpStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Reads one response: its status line and its body.
pub fn response(reader: &mut BufReader<TcpStream>) -> (String, String) {
    let (mut status, mut length) = (String::new(), 0);
    reader.read_line(&mut status).unwrap();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).unwrap();
        if let Some(value) = field.strip_prefix("Content-Length: ") {
            length = value.trim_end().parse().unwrap();
        }
        if field.trim_end().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (status.trim_end().into(), String::from_utf8(body).unwrap())
}

pub fn ok(text: &str) -> usize {
    text.matches("HTTP/1.1 200 OK\r\n").count()
}

/// Runs curl, which must succeed, or says that there is none.
pub fn curl(arguments: &[&str]) -> Option<String> {
    run_curl(&["--noproxy", "*"], arguments)
}

/// The same by way of a proxy.
pub fn curl_by(proxy: SocketAddr, arguments: &[&str]) -> Option<String> {
    run_curl(&["--noproxy", "", "--proxy", &format!("http://{proxy}")], arguments)
}

fn run_curl(way: &[&str], arguments: &[&str]) -> Option<String> {
    let Ok(output) =
        Command::new("curl").args(["--silent", "--show-error", "--max-time", "60"]).args(way).args(arguments).output()
    else {
        println!("skipped: curl is not installed");
        return None;
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "curl {arguments:?}: {err}");
    Some(out.into_owned())
}
