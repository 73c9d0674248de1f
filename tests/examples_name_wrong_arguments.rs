//! The examples say what is wrong with their arguments, and do not start.

#[path = "common/server.rs"]
mod server;

use std::process::Command;

/// What an example says that must fail.
fn complaint(example: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(server::path_of(example)).args(arguments).env("WORKERS", "1").output().expect("it starts");
    let text = String::from_utf8(output.stderr).expect("text");
    // Not by a panic (101) or a signal (none).
    assert!(matches!(output.status.code(), Some(1 | 2)), "{example} {arguments:?}: {}, {text}", output.status);
    text
}

#[test]
fn an_address_that_is_none_is_named() {
    for example in ["echo", "http", "https", "chat", "proxy"] {
        let text = complaint(example, &["nonsense"]);
        assert_eq!(text, format!("{example}: cannot listen on nonsense: invalid socket address\n"));
    }
}

#[test]
fn an_address_in_use_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = listener.local_addr().expect("an address").to_string();
    for example in ["echo", "http", "https", "chat", "proxy"] {
        let text = complaint(example, &[&taken]);
        assert!(text.starts_with(&format!("{example}: cannot listen on {taken}: Address already in use")), "{text}");
    }
}

#[test]
fn an_address_in_use_is_named_for_the_live_page_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = listener.local_addr().expect("an address");
    let text = complaint("http", &["127.0.0.1:0", &format!("--debug-page={taken}")]);
    assert!(text.starts_with(&format!("http: cannot listen on {taken}: Address already in use")), "{text}");
}

#[test]
fn a_directory_that_is_none_is_named() {
    let text = complaint("http", &["127.0.0.1:0", "--files", "/nonexistent/site"]);
    assert!(text.starts_with("http: cannot serve the files of /nonexistent/site: No such file or directory"), "{text}");
}

#[test]
fn a_certificate_that_is_none_is_named() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (arguments, said) in [
        (&["--cert", path][..], "--cert and --key belong together".to_owned()),
        (&["--cert", "/nonexistent/a", "--key", "/nonexistent/b"], "cannot read /nonexistent/a: ".into()),
        (&["--cert", path, "--key", path], format!("cannot read {path}: ")),
        (&["--write-cert", "/nonexistent/a"], "cannot write /nonexistent/a: ".into()),
    ] {
        let text = complaint("https", &[&["127.0.0.1:0"], arguments].concat());
        assert!(text.starts_with(&format!("https: {said}")), "{arguments:?}: {text}");
    }
}

#[test]
fn what_nobody_asked_for_is_answered_with_the_usage() {
    let wrong: [(&str, &[&str]); 34] = [
        ("echo", &["--nonsense"]),
        ("echo", &["127.0.0.1:0", "more"]),
        ("http", &["--nonsense"]),
        ("http", &["127.0.0.1:0", "more"]),
        ("http", &["--max-connections", "0"]),
        ("http", &["--max-connections", "-1"]),
        ("http", &["--idle-timeout", "soon"]),
        ("http", &["--head-timeout", "0"]),
        ("http", &["--files"]),
        ("http", &["--debug-page=nowhere"]),
        ("https", &["--nonsense"]),
        ("https", &["--cert"]),
        ("chat", &["--nonsense"]),
        ("chat", &["--history", "0"]),
        ("chat", &["127.0.0.1:0", "more"]),
        ("proxy", &["--to"]),
        ("proxy", &["127.0.0.1:0", "more"]),
        ("bench", &[]),
        ("bench", &["nonsense"]),
        ("bench", &["spawn", "many"]),
        ("bench", &["yield", "more"]),
        ("bench", &["ping", "1"]),
        ("bench", &["echo", "0", "0"]),
        ("pipeline", &[]),
        ("pipeline", &["--nonsense", "file"]),
        ("pipeline", &["--top", "many", "file"]),
        ("pipeline", &["--workers", "0", "file"]),
        ("pipeline", &["--timeout", "-1", "file"]),
        ("pipeline", &["--timeout"]),
        ("pipeline", &["--top", "1"]),
        ("split", &["nonsense"]),
        ("split", &["--against"]),
        ("split", &["--against", "true"]),
        ("split", &["--against", "/nonexistent/split", "1", "fib"]),
    ];
    for (example, arguments) in wrong {
        let text = complaint(example, arguments);
        assert!(text.contains(&format!("usage: {example} ")), "{example} {arguments:?}: {text}");
    }
}
