//! What the example `proxy` makes of requests, as a function.

#[path = "../examples/proxy/request.rs"]
mod request;

use request::{Asked, Refused, parse};

fn passed(request: &str) -> (String, String, u64) {
    match parse(request.as_bytes()) {
        Ok(Asked::Pass { to, head, body }) => (to, String::from_utf8(head).unwrap(), body),
        other => panic!("{request:?}: {other:?}"),
    }
}

#[test]
fn a_request_is_passed_on_as_the_server_knows_them() {
    let (to, head, body) = passed(
        "POST http://host.test:81/a/b?c=d HTTP/1.1\r\nHost: wrong\r\nX: y\r\nContent-Length: 5\r\n\
         Proxy-Authorization: secret\r\nConnection: keep-alive, X-Own\r\nx-own: z\r\nAccept: a\r\n\r\n",
    );
    assert_eq!((&*to, body), ("host.test:81", 5));
    let expected = "POST /a/b?c=d HTTP/1.1\r\nHost: host.test:81\r\nX: y\r\nContent-Length: 5\r\nAccept: a\r\n\
                    Via: 1.1 proxy\r\nConnection: close\r\n\r\n";
    assert_eq!(head, expected);
}

#[test]
fn addresses_say_where_it_goes() {
    for (target, to, path) in [
        ("http://host.test", "host.test:80", "/"),
        ("HTTP://host.test/", "host.test:80", "/"),
        ("http://host.test?a=/b", "host.test:80", "/?a=/b"),
        ("http://host.test/a#b", "host.test:80", "/a"),
        ("http://[::1]:8080/a", "[::1]:8080", "/a"),
        ("http://[::1]/a", "[::1]:80", "/a"),
        ("http://127.0.0.1:1/http://x/", "127.0.0.1:1", "/http://x/"),
    ] {
        let (seen, head, _) = passed(&format!("GET {target} HTTP/1.1\r\n\r\n"));
        assert_eq!(seen, to, "{target}");
        assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{target}: {head}");
    }
    let tunnel = parse(b"CONNECT host.test:443 HTTP/1.1\r\nHost: host.test:443\r\n\r\n");
    assert_eq!(tunnel, Ok(Asked::Tunnel("host.test:443".into())));
}

#[test]
fn what_is_not_clear_is_refused() {
    for (request, refused) in [
        ("GET / HTTP/1.1", Refused::NotForProxies),
        ("GET * HTTP/1.1", Refused::NotForProxies),
        ("GET https://host.test/ HTTP/1.1", Refused::NotForProxies),
        ("GET http:/// HTTP/1.1", Refused::NotForProxies),
        ("GET http://user@host.test/ HTTP/1.1", Refused::NotForProxies),
        ("CONNECT host.test HTTP/1.1", Refused::NoPort),
        ("CONNECT :443 HTTP/1.1", Refused::NoPort),
        ("CONNECT host.test:65536 HTTP/1.1", Refused::NoPort),
        ("POST http://h/ HTTP/1.1\r\nTransfer-Encoding: chunked", Refused::Length),
        ("POST http://h/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1", Refused::Length),
        ("POST http://h/ HTTP/1.1\r\nContent-Length: +1", Refused::Length),
        ("POST http://h/ HTTP/1.1\r\nContent-Length: 99999999999999999999", Refused::Length),
        ("nonsense", Refused::Malformed(httparse::Error::Token)),
    ] {
        let status = if refused == Refused::Length { "411 Length Required" } else { "400 Bad Request" };
        assert_eq!(refused.status(), status);
        assert_eq!(parse(format!("{request}\r\n\r\n").as_bytes()), Err(refused), "{request}");
    }
}
