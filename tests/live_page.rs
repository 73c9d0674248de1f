//! The live page tells what the runtime does, to browsers and programs, whatever the workers do, and to nobody else.

#![cfg(feature = "debug-page")]

#[path = "common/browser.rs"]
mod browser;

use browser::Browser;
use morestack::channel;
use morestack::runtime::{self, Builder};
use morestack::{debug, thread};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// The page of this process.
fn page() -> SocketAddr {
    static PAGE: OnceLock<SocketAddr> = OnceLock::new();
    *PAGE.get_or_init(|| debug::serve("127.0.0.1:0").unwrap())
}

/// What is answered to these bytes: head and body.
fn exchange(address: SocketAddr, request: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may have heard enough before all is written.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

fn get_head(path: &str) -> (String, String) {
    exchange(page(), format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
}

fn get(path: &str) -> String {
    let (head, body) = get_head(path);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
    body
}

fn get_json(path: &str) -> Value {
    serde_json::from_str(&get(path)).unwrap()
}

/// Looks until `find` finds something, which takes a moment where tasks have yet to come to their waits, or a dump is cached.
fn look<T>(find: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "not found");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn each_path_has_its_type() {
    for (path, of_type) in [
        ("/", "text/html"),
        ("/live", "text/html"),
        ("/tasks", "text/html"),
        ("/metrics", "text/plain; version=0.0.4"),
        ("/metrics.json", "application/json"),
        ("/history.json", "application/json"),
        ("/tasks.json", "application/json"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
    ] {
        let (head, body) = get_head(path);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !body.is_empty(), "{path}: {head}");
        assert!(head.contains(&format!("\r\nContent-Type: {of_type}")), "{path}: {head}");
        let (head_only, nothing) =
            exchange(page(), format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        assert!(head_only.starts_with("HTTP/1.1 200 OK\r\n") && nothing.is_empty(), "{path}: {head_only} {nothing}");
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for path in ["/", "/tasks", "/page.css", "/page.js"] {
        let text = get(path);
        assert!(!text.contains("://") && !text.contains("url("), "{path}: {text}");
    }
}

#[test]
fn prometheus_can_read_the_metrics() {
    let text = get("/metrics");
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            families.push(name.to_owned());
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert_eq!(families.last().map(String::as_str), Some(name), "{line}");
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
        }
    }
    for name in ["tasks", "spawned_total", "switches_total", "stack_moves_total", "segments", "big_stacks"] {
        assert!(families.contains(&format!("morestack_{name}")), "{name} in {text}");
    }
}

#[test]
fn figures_are_those_of_the_runtime() {
    let before = runtime::metrics().spawned;
    thread::spawn(|| {}).join().unwrap();
    let metrics = get_json("/metrics.json");
    assert!(metrics["spawned"].as_u64().unwrap() > before && metrics["workers"].as_u64().unwrap() >= 1, "{metrics}");
    // A sample comes each second.
    let history = look(|| {
        let history = get_json("/history.json");
        (history.as_array().unwrap().len() >= 2).then_some(history)
    });
    assert!(history[0]["seconds_since"].is_null() && history[1]["seconds_since"].as_f64().unwrap() > 0.0, "{history}");
}

#[test]
fn tasks_are_found_sorted_and_escaped() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let (_sender, receiver) = channel::bounded::<()>(0);
    for i in 0..5 {
        let receiver = receiver.clone();
        let named = thread::Builder::new().name(format!("wanted <b>&\" {i}"));
        drop(named.spawn_on(&runtime, move || receiver.recv()).unwrap());
    }
    let tasks = look(|| {
        let found = get_json("/tasks.json?q=wanted+message&sort=name&n=3");
        (found["tasks"].as_array().unwrap().len() == 3 && found["more"] == 2).then_some(found)
    });
    let names: Vec<_> = tasks["tasks"].as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["wanted <b>&\" 0", "wanted <b>&\" 1", "wanted <b>&\" 2"]);
    let first = &tasks["tasks"][0];
    assert_eq!(first["state"], "waits for a message in channel");
    assert!(first["waited_seconds"].as_f64().is_some() && first["stack_used"].as_u64() > Some(0), "{first}");
    let frames = first["frames"].as_array().unwrap();
    let here = |frame: &Value| frame["file"].as_str().is_some_and(|file| file.ends_with("live_page.rs"));
    assert!(frames.iter().any(here), "{frames:#?}");
    let html = get("/tasks?q=wanted&sort=wait");
    assert!(html.contains("wanted &lt;b&gt;&amp;&quot; 4") && !html.contains("<b>&\""), "{html}");
    assert_eq!(get_json("/tasks.json?q=nothing+is+called+so")["tasks"], Value::Array(Vec::new()));
    // What is asked for in other words is as if it were not said.
    get("/tasks?sort=colour&n=many&q=%ff%00");
}

#[test]
fn a_stuck_worker_does_not_keep_the_page() {
    let runtime = Builder::new().workers(1).build().unwrap();
    static STOP: AtomicBool = AtomicBool::new(false);
    let spins = || {
        while !STOP.load(SeqCst) {
            std::hint::spin_loop();
        }
    };
    drop(thread::Builder::new().name("spins".to_owned()).spawn_on(&runtime, spins).unwrap());
    look(|| get("/tasks").contains("is kept by a task").then_some(()));
    let running = look(|| {
        let tasks = get_json("/tasks.json?q=spins");
        (tasks["tasks"][0]["state"] == "running").then_some(tasks)
    });
    assert!(running["workers"].as_array().unwrap().iter().any(|worker| worker["answered"] == false), "{running}");
    assert!(get_json("/metrics.json")["latency_seconds"].is_null());
    assert!(!get("/metrics").contains("latency_seconds"));
    STOP.store(true, SeqCst);
}

#[test]
fn others_are_refused() {
    for (request, status) in [
        (&b"GET / HTTP/1.1\r\nHost: rebound.example.com\r\n\r\n"[..], 403),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nno field at all\r\n\r\n", 400),
    ] {
        let (head, _) = exchange(page(), request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
    let endless = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(40_000));
    assert!(exchange(page(), endless.as_bytes()).0.starts_with("HTTP/1.1 431 "));
}

#[test]
fn connections_that_say_nothing_do_not_keep_it_from_others() {
    // One of its own: others need theirs.
    let page = debug::serve("127.0.0.1:0").unwrap();
    let request = b"GET /metrics.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(page).unwrap()).collect();
    // More than are served at a time: who comes now is turned away, and served when they are gone.
    assert!(exchange(page, request).0.starts_with("HTTP/1.1 503 "));
    drop(silent);
    look(|| exchange(page, request).0.starts_with("HTTP/1.1 200 ").then_some(()));
}

#[test]
fn a_port_in_use_is_said() {
    assert_eq!(debug::serve(page()).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn in_a_browser_it_renews_itself_and_finds_tasks() {
    let Some(browser) = Browser::start() else { return };
    let runtime = Builder::new().workers(1).build().unwrap();
    let parks = || loop {
        thread::park();
    };
    drop(thread::Builder::new().name("seen in a browser".to_owned()).spawn_on(&runtime, parks).unwrap());
    browser.open(&format!("http://{}/", page()));
    browser.until("document.getElementById('live').dataset.renewed >= 2");
    browser.until("document.querySelectorAll('svg path').length > 5 && !document.querySelector('.old')");
    // Nothing is wider than the window, on a phone neither.
    browser.resize(390, 800);
    browser.until("document.documentElement.scrollWidth <= window.innerWidth");
    browser.run("document.querySelector('nav a[href=\"/tasks\"]').click()");
    browser.until("document.querySelector('input[name=q]')");
    browser.run("document.querySelector('input[name=q]').value = 'browser unpark'; document.querySelector('form button').click()");
    browser.until("location.search.includes('unpark') && document.querySelectorAll('tbody tr').length == 1");
    browser.until("document.querySelector('tbody tr').innerText.includes('seen in a browser')");
    browser.run("document.querySelector('summary').click()");
    browser.until("document.querySelector('details ol').innerText.includes('live_page.rs')");
    browser.until("document.documentElement.scrollWidth <= window.innerWidth");
}
