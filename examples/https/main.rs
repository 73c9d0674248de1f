//! The server of the example `http` over TLS: the same plain blocking code on another transport.
//!
//!     cargo run --release --example https [-- [ADDRESS] [OPTIONS]]
//!     curl --insecure https://127.0.0.1:8443/hello/world
//!
//! It listens on 127.0.0.1:8443 unless told otherwise, and prints the address: with port 0 the system chooses one. `--help` tells the
//! options. Without `--cert` and `--key` it makes a certificate for `localhost` and 127.0.0.1 at each start, which only it has signed.
//!
//! - `tls.rs`: the transport.
//! - `certificate.rs`: who the server says it is.
//! - `../http/`: the rest.

#[path = "../http/buffers.rs"]
mod buffers;
mod certificate;
#[path = "../http/connection.rs"]
mod connection;
#[path = "../http/files.rs"]
mod files;
#[path = "../http/options.rs"]
mod options;
#[path = "../http/protocol/mod.rs"]
mod protocol;
#[path = "../http/routes.rs"]
mod routes;
#[path = "../server/mod.rs"]
mod server;
mod tls;
#[path = "../http/work.rs"]
mod work;

use certificate::Source;
use morestack::blocking;
use options::Pages;
use server::Server;
use server::options::Options;
use std::error::Error;
use std::process::ExitCode;

const USAGE: &str = "usage: https [ADDRESS] [OPTIONS]
ADDRESS is where it listens: 127.0.0.1:8443 if not given, port 0 for any
  --cert FILE, --key FILE
                        the certificate, with those that lead to its root, and its key, as PEM
  --write-cert FILE     writes the certificate of this start there, for clients to trust";

#[morestack::main]
fn main() -> ExitCode {
    let mut source = Source::default();
    let told = options::parse("https", USAGE, "127.0.0.1:8443", |option, parser| {
        let file = match option {
            "cert" => &mut source.certificate,
            "key" => &mut source.key,
            "write-cert" => &mut source.write,
            _ => return Ok(false),
        };
        *file = Some(parser.value()?.into());
        Ok(true)
    });
    let (options, pages) = match told {
        Ok(told) => told,
        Err(code) => return code,
    };
    match serve(&options, pages, &source) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("https: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is told to stop.
fn serve(options: &Options, pages: Pages, source: &Source) -> Result<(), Box<dyn Error>> {
    let config = blocking(|| certificate::config(source))?;
    let site = blocking(|| pages.site())?;
    let server = Server::listen(options)?;
    println!("listening on https://{}", server.address());
    server.run(move |connection| tls::serve(connection, &config, &site));
    Ok(())
}
