//! The example `http` serves the files of a directory, and nothing that is not in it.

#[path = "common/http.rs"]
mod http;
#[path = "common/server.rs"]
mod server;

use http::until_closed;
use server::Server;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

/// A directory that is removed when dropped.
struct Directory(PathBuf);

impl Directory {
    /// With `site/`, which is to be served, and a secret beside it.
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("morestack-files-{}-{name}", std::process::id()));
        let site = path.join("site");
        fs::create_dir_all(site.join("sub")).unwrap();
        fs::write(path.join("secret.txt"), "secret").unwrap();
        fs::write(site.join("index.html"), "<p>home").unwrap();
        fs::write(site.join("a b.txt"), "a and b").unwrap();
        fs::write(site.join(".hidden"), "hidden").unwrap();
        fs::write(site.join("empty"), "").unwrap();
        fs::write(site.join("sub/page.CSS"), "p {}").unwrap();
        Directory(path)
    }

    fn serve(&self) -> Server {
        Server::start("http", &["--files", self.0.join("site").to_str().unwrap()])
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // The system's directory for such things is emptied by others too.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The whole response to a request of that method for `/files/` and this.
fn ask(server: &Server, method: &str, path: &str) -> String {
    let request = format!("{method} /files/{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    until_closed(server.connect(), request.as_bytes())
}

#[test]
fn files_come_with_their_length_and_type() {
    let directory = Directory::new("types");
    let server = directory.serve();
    for (path, kind, body) in [
        ("", "text/html; charset=utf-8", "<p>home"),
        ("index.html", "text/html; charset=utf-8", "<p>home"),
        ("a%20b.txt", "text/plain; charset=utf-8", "a and b"),
        ("sub/page.CSS", "text/css; charset=utf-8", "p {}"),
        ("sub/page.CSS?version=2", "text/css; charset=utf-8", "p {}"),
        ("empty", "application/octet-stream", ""),
    ] {
        let answer = ask(&server, "GET", path);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        assert_eq!(answer, format!("{head}{body}"), "{path}");
        assert_eq!(ask(&server, "HEAD", path), head, "{path}");
    }
    assert!(ask(&server, "DELETE", "index.html").starts_with("HTTP/1.1 405 "));
}

#[test]
fn nothing_else_is_served() {
    let directory = Directory::new("safe");
    let site = directory.0.join("site");
    symlink("../secret.txt", site.join("out")).unwrap();
    symlink(directory.0.join("secret.txt"), site.join("absolute")).unwrap();
    symlink("..", site.join("up")).unwrap();
    symlink("loop", site.join("loop")).unwrap();
    symlink("index.html", site.join("inside")).unwrap();
    let pipe = Command::new("mkfifo").arg(site.join("pipe")).status().is_ok_and(|status| status.success());
    let mut server = directory.serve();
    let secret = directory.0.join("secret.txt");
    let absolute = secret.to_str().unwrap();
    let mut wrong = vec![
        "../secret.txt",
        "%2e%2e/secret.txt",
        "sub/../../secret.txt",
        "sub%2f..%2f..%2fsecret.txt",
        "..%5csecret.txt",
        "./index.html",
        absolute,
        "//etc/passwd",
        "out",
        "absolute",
        "up/secret.txt",
        "loop",
        ".hidden",
        "sub",
        "sub/",
        "sub/none",
        "index.html/",
        "index.html/more",
        "nul%00",
        "%ff%fe",
    ];
    if pipe {
        wrong.push("pipe");
    }
    let long = "x".repeat(5000);
    wrong.push(&long);
    for path in wrong {
        let answer = ask(&server, "GET", path);
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n") && !answer.contains("secret"), "{path}: {answer}");
    }
    // Links that stay inside are as good as files.
    assert!(ask(&server, "GET", "inside").ends_with("<p>home"));
    server.assert_alive();
    // Without the option there are none.
    assert!(ask(&Server::start("http", &[]), "GET", "index.html").starts_with("HTTP/1.1 404 "));
}

#[test]
fn large_files_arrive_whole() {
    let directory = Directory::new("large");
    let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i ^ i >> 9) as u8).collect();
    fs::write(directory.0.join("site/large"), &content).unwrap();
    let server = directory.serve();
    let one = b"GET /files/large HTTP/1.1\r\nHost: h\r\n\r\n";
    let answer = server.exchange(&one.repeat(3));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: application/octet-stream\r\n\r\n",
        content.len()
    );
    let expected = [head.as_bytes(), &content].concat().repeat(3);
    assert!(answer == expected, "{} bytes of {}", answer.len(), expected.len());
}
