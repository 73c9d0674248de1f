//! An HTTP/1.1 server in plain blocking code: one task per connection.
//!
//!     cargo run --release --example http [-- [ADDRESS] [OPTIONS]]
//!     curl http://127.0.0.1:8080/hello/world
//!
//! It listens on 127.0.0.1:8080 unless told otherwise, and prints the address: with port 0 the system chooses one. `--help` tells the
//! options. Pages: `/`, `/health`, `/hello/NAME`, `/stream/N` (N lines, one after the other), `POST /echo` (sends the body back), and
//! with `--files DIRECTORY` its files below `/files/`. With `--debug-page` another address shows what the server does.
//!
//! A client that does not get a request through in time is told so and disconnected; one that asks nothing for long is disconnected.
//!
//! - `protocol/`: bytes in, responses out; no I/O. What it can do, and what it refuses, is written there.
//! - `routes.rs`: which page is where.
//! - `connection.rs`: the transport, time limits, the end of a connection; `buffers.rs`: who has buffers, and for how long.
//! - `work.rs`, `files.rs`: responses that need I/O.
//! - `options.rs`: the command line.
//! - `../server/`: what the example servers share: accepting, limits, the end.

mod buffers;
mod connection;
mod files;
mod options;
mod protocol;
mod routes;
#[path = "../server/mod.rs"]
mod server;
mod work;

use connection::Broken;
use morestack::blocking;
use options::Pages;
use server::Server;
use server::options::Options;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

const USAGE: &str = "usage: http [ADDRESS] [OPTIONS]
ADDRESS is where it listens: 127.0.0.1:8080 if not given, port 0 for any";

#[morestack::main]
fn main() -> ExitCode {
    let (options, pages) = match options::parse("http", USAGE, "127.0.0.1:8080", |_, _| Ok(false)) {
        Ok(told) => told,
        Err(code) => return code,
    };
    match serve(&options, pages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is told to stop.
fn serve(options: &Options, pages: Pages) -> Result<(), Box<dyn Error>> {
    if let Some(address) = pages.debug_page {
        debug_page(address)?;
    }
    let site = blocking(|| pages.site())?;
    let server = Server::listen(options)?;
    println!("listening on http://{}", server.address());
    server.run(move |connection| {
        connection.stream().set_nodelay(true).map_err(Broken::SetUp)?;
        connection::serve(connection.stream(), connection, &site)
    });
    Ok(())
}

/// The page that shows what the server does.
fn debug_page(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let address = morestack::debug::serve(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
    eprintln!("what it does is shown on http://{address}/");
    Ok(())
}
