//! The example `http` serves no more connections at once than it may, and than there are descriptors for. Who comes on top is served
//! when others have left.

#[path = "common/http.rs"]
mod http;
#[path = "common/server.rs"]
mod server;

use http::{GET, LAST, ok, response, until_closed};
use server::Server;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

fn ask(reader: &mut BufReader<TcpStream>) {
    reader.get_mut().write_all(GET.as_bytes()).unwrap();
    assert_eq!(response(reader).1, "ok\n");
}

#[test]
fn who_is_too_many_waits() {
    let server = Server::start("http", &["--max-connections", "2"]);
    let mut served: Vec<_> = (0..2).map(|_| BufReader::new(server.connect())).collect();
    served.iter_mut().for_each(ask);
    // Connected by the kernel, and waiting.
    let waiting: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for mut stream in &waiting {
        stream.write_all(LAST.as_bytes()).unwrap();
    }
    waiting[0].set_nonblocking(true).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(waiting[0].peek(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    waiting[0].set_nonblocking(false).unwrap();
    served.iter_mut().for_each(ask);
    drop(served);
    for stream in waiting {
        assert_eq!(ok(&until_closed(stream, b"")), 1);
    }
}

#[test]
fn a_lack_of_descriptors_loses_nobody() {
    let mut server = Server::start("http", &[]);
    let mut first = BufReader::new(server.connect());
    ask(&mut first);
    server.limit_descriptors(25);
    let mut streams: Vec<_> = (0..60).map(|_| BufReader::new(server.connect())).collect();
    for stream in &mut streams {
        stream.get_mut().write_all(LAST.as_bytes()).unwrap();
    }
    // The first come are served and leave, so that all get in, some after a pause of the server's.
    for mut stream in streams {
        assert_eq!(response(&mut stream).1, "ok\n");
    }
    // When all descriptors are taken for longer, too: nobody is served but those who have one.
    let mut keeping: Vec<_> = (0..40).map(|_| BufReader::new(server.connect())).collect();
    for stream in &mut keeping {
        stream.get_mut().write_all(GET.as_bytes()).unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    ask(&mut first);
    // Each that leaves makes room for one.
    for mut stream in keeping {
        assert_eq!(response(&mut stream).1, "ok\n");
    }
    ask(&mut first);
    server.assert_alive();
}
