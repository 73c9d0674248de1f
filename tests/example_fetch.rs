//! The example `fetch` runs a client library on tasks, unchanged, over our connections and through `blocking`; where it blocks its
//! workers, the monitor says so.

#[path = "common/server.rs"]
mod server;

use std::process::{Command, Output};

fn fetch(arguments: &[&str]) -> Output {
    Command::new(server::path_of("fetch")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn pages_come_without_keeping_the_workers() {
    for way in ["stream", "blocking"] {
        let output = fetch(&["--way", way, "--pages", "50"]);
        let text = text(&output);
        assert!(output.status.success() && text.contains(": 50 pages, 890 bytes in "), "{way}: {text}");
        assert!(!text.contains("the monitor:"), "{way}: {text}");
    }
}

#[test]
fn who_blocks_its_worker_is_named() {
    let output = fetch(&["--way", "direct", "--pages", "6"]);
    let text = text(&output);
    assert!(output.status.success() && text.contains(": 6 pages"), "{text}");
    assert!(text.contains("is blocked in task") && text.contains("morestack::blocking"), "{text}");
}

#[test]
fn what_cannot_be_fetched_is_named() {
    // A port that nobody listens at, and a name that nobody has.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let output = fetch(&[&closed, "http://host.invalid/"]);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&closed) && text.contains("http://host.invalid/") && text.contains("2 pages failed"),
        "{text}"
    );
}

#[test]
fn wrong_arguments_are_answered_with_the_usage() {
    for wrong in [&["--way", "magic"][..], &["--pages", "many"], &["--nothing"]] {
        let output = fetch(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(text(&output).contains("usage: fetch"), "{wrong:?}");
    }
}
