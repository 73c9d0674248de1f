//! The example `https` serves over TLS what `http` serves without: to curl and openssl, if they are there, which check who it is.

#[path = "common/http.rs"]
mod http;
#[path = "common/server.rs"]
mod server;

use http::{GET, LAST, curl, ok};
use server::Server;
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A server, and the file with the certificate that it has made. The file is removed when this is dropped.
struct Secure {
    server: Server,
    certificate: PathBuf,
}

impl Secure {
    fn start(name: &str, arguments: &[&str]) -> Secure {
        let certificate = std::env::temp_dir().join(format!("morestack-https-{}-{name}.pem", std::process::id()));
        let write = ["--write-cert", certificate.to_str().unwrap()];
        let server = Server::start("https", &[&write[..], arguments].concat());
        Secure { server, certificate }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.address.port())
    }

    /// curl, which believes this certificate and no other.
    fn curl(&self, arguments: &[&str]) -> Option<String> {
        let resolve = format!("localhost:{}:127.0.0.1", self.server.address.port());
        let trust = ["--cacert", self.certificate.to_str().unwrap(), "--resolve", &resolve];
        curl(&[&trust[..], arguments].concat())
    }

    /// What openssl receives when it sends this.
    fn openssl(&self, arguments: &[&str], input: &[u8]) -> Option<String> {
        let child = Command::new("openssl")
            .args(["s_client", "-connect", &self.server.address.to_string(), "-quiet", "-verify_return_error"])
            .args(["-CAfile", self.certificate.to_str().unwrap()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = child else {
            println!("skipped: openssl is not installed");
            return None;
        };
        let mut to = child.stdin.take().unwrap();
        let input = input.to_vec();
        // It stays open: openssl would leave at its end, before the answers have come.
        let writer = std::thread::spawn(move || to.write_all(&input).map(|()| to));
        let mut answer = String::new();
        child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
        child.wait().unwrap();
        drop(writer.join().unwrap());
        Some(answer)
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.certificate);
    }
}

#[test]
fn curl_gets_pages_over_one_connection() {
    let secure = Secure::start("curl", &[]);
    let urls = [secure.url("/"), secure.url("/stream/3"), secure.url("/hello/curl")];
    let mut arguments = vec!["--write-out", "%{http_code} over %{num_connects} new\n"];
    arguments.extend(urls.iter().map(String::as_str));
    let Some(text) = secure.curl(&arguments) else { return };
    let expected =
        "Hello, World!\n200 over 1 new\nline 1\nline 2\nline 3\n200 over 0 new\nHello, curl!\n200 over 0 new\n";
    assert_eq!(text, expected);
    // By its address too, and by who asks no questions.
    let by_address = format!("https://{}/health", secure.server.address);
    assert_eq!(secure.curl(&[&by_address]).unwrap(), "ok\n");
    assert_eq!(curl(&["--insecure", &by_address]).unwrap(), "ok\n");
    for version in ["1.2", "1.3"] {
        assert_eq!(
            secure.curl(&[&format!("--tlsv{version}"), "--tls-max", version, &urls[0]]).unwrap(),
            "Hello, World!\n"
        );
    }
}

#[test]
fn large_bodies_go_both_ways() {
    let secure = Secure::start("large", &[]);
    let body: String = (0..100_000).map(|i| format!("{i} ")).collect();
    let path = secure.certificate.with_extension("body");
    fs::write(&path, &body).unwrap();
    let data = format!("@{}", path.display());
    let answer = secure.curl(&["--data-binary", &data, &secure.url("/echo")]);
    fs::remove_file(&path).unwrap();
    let Some(answer) = answer else { return };
    assert!(answer == body);
    let page = secure.curl(&[&secure.url("/stream/200000")]).unwrap();
    assert!(page.starts_with("line 1\n") && page.ends_with("\nline 200000\n") && page.lines().count() == 200_000);
}

#[test]
fn openssl_pipelines() {
    let secure = Secure::start("openssl", &[]);
    let input = GET.repeat(100) + LAST;
    for version in ["-tls1_2", "-tls1_3"] {
        let Some(answer) = secure.openssl(&[version], input.as_bytes()) else { return };
        assert_eq!(ok(&answer), 101, "{version}: {answer}");
    }
}

#[test]
fn a_certificate_can_be_given() {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=example.test"])
        .args(["-addext", "subjectAltName=DNS:example.test"])
        .args(["-keyout", "/dev/stdout", "-out", "/dev/stdout"])
        .output();
    let Ok(made) = made else {
        println!("skipped: openssl is not installed");
        return;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let path = std::env::temp_dir().join(format!("morestack-https-{}-given.pem", std::process::id()));
    // Both are in it.
    fs::write(&path, &made.stdout).unwrap();
    let file = path.to_str().unwrap();
    let server = Server::start("https", &["--cert", file, "--key", file]);
    let resolve = format!("example.test:{}:127.0.0.1", server.address.port());
    let url = format!("https://example.test:{}/health", server.address.port());
    let answer = curl(&["--cacert", file, "--resolve", &resolve, &url]);
    fs::remove_file(&path).unwrap();
    assert!(answer.is_none_or(|answer| answer == "ok\n"));
}

#[test]
fn who_does_not_speak_tls_is_disconnected() {
    let secure = Secure::start("plain", &["--head-timeout", "0.3", "--idle-timeout", "0.3"]);
    let server = &secure.server;
    // In plain words, with garbage, with the beginning of something, and not at all.
    for sent in [GET.as_bytes(), &[0xff; 5000], &[0x16, 3, 1, 2, 0, 1], b""] {
        let mut stream = server.connect();
        stream.write_all(sent).unwrap();
        let mut answer = Vec::new();
        // An alert, or nothing; garbage that was not read leads to a reset.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() < 20, "{answer:?}");
    }
    for sent in [1, 3, 100] {
        drop(server.connect().write_all(&[0x16, 3, 1].repeat(sent)));
    }
    // The others go on.
    let answer = curl(&["--insecure", &format!("https://{}/health", server.address)]);
    assert!(answer.is_none_or(|answer| answer == "ok\n"));
}

#[test]
fn it_ends_when_it_is_told_to() {
    let long = ["--grace", "1000", "--idle-timeout", "1000", "--head-timeout", "1000"];
    let mut secure = Secure::start("stops", &long);
    // One that says nothing, and one in the middle of a handshake.
    let silent = secure.server.connect();
    let mut half = secure.server.connect();
    half.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
    secure.server.signal(libc::SIGTERM);
    for mut stream in [silent, half] {
        // By the end or a reset.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(secure.server.ended().code(), Some(0));
}
