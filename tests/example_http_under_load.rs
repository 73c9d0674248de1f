//! The example `http` under a load generator: every request is answered, and who asks by hand meanwhile is answered too.

#[path = "common/http.rs"]
mod http;
#[path = "common/server.rs"]
mod server;

use http::until_closed;
use server::Server;
use std::process::Command;

#[test]
fn wrk_gets_nothing_but_answers() {
    if Command::new("wrk").arg("--version").output().is_err() {
        println!("skipped: wrk is not installed");
        return;
    }
    let server = Server::start("http", &[]);
    for path in ["/", "/stream/3", "/nothing"] {
        let url = format!("http://{}{path}", server.address);
        let load = std::thread::spawn(move || {
            Command::new("wrk").args(["-t1", "-c100", "-d1s", "--timeout", "30s", &url]).output()
        });
        let answer = until_closed(server.connect(), b"GET /hello/you HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(answer.contains("Hello, you!"), "{answer}");
        let output = load.join().unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let requests = text.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse::<u64>().ok());
        assert!(output.status.success() && requests > Some(0) && !text.contains("Socket errors"), "{path}: {text}");
        // It says so of what is no success.
        assert_eq!(text.contains("Non-2xx"), path == "/nothing", "{path}: {text}");
    }
}
