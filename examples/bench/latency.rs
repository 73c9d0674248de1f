//! How long an echo takes, alone and beside tasks that idle.

use crate::report::{line, median};
use morestack::channel;
use morestack::net::TcpListener;
use morestack::thread;
use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::time::Instant;

/// Round trips of a sample.
const ROUNDS: usize = 20_000;

/// Samples of each kind, in turn, so that what the machine does meanwhile meets both.
const SAMPLES: usize = 5;

pub fn run(idle: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || -> io::Result<()> {
        let mut stream = listener.accept()?.0;
        stream.set_nodelay(true)?;
        let mut buffer = [0; 64];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                n => stream.write_all(&buffer[..n])?,
            }
        }
    });
    // The client is an OS thread outside the runtime, which blocks as any program's would.
    let (ask, asked) = mpsc::channel::<()>();
    let (tell, told) = channel::bounded(0);
    let client = std::thread::spawn(move || -> io::Result<()> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        while asked.recv().is_ok() {
            // The other side waits for it.
            let _ = tell.send(round_trips(&mut stream)?);
        }
        Ok(())
    });
    let sample = || {
        ask.send(()).expect("the client runs");
        told.recv().expect("the client answers")
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    sample();
    for _ in 0..SAMPLES {
        alone.push(sample());
        let (end, ended) = channel::bounded::<()>(0);
        let idlers: Vec<_> = (0..idle)
            .map(|_| {
                let ended = ended.clone();
                thread::spawn(move || ended.recv().is_err())
            })
            .collect();
        thread::yield_now();
        beside.push(sample());
        drop(end);
        idlers.into_iter().for_each(|idler| assert!(idler.join().expect("it waits and ends")));
    }
    for (name, samples) in [("alone", &alone), (&*format!("beside_{idle}"), &beside)] {
        for (i, which) in ["p50", "p99"].iter().enumerate() {
            let mut figures: Vec<f64> = samples.iter().map(|sample| sample[i]).collect();
            line(&format!("echo_{which}_{name}"), median(&mut figures), "us");
        }
    }
    drop(ask);
    client.join().expect("the client does not panic")?;
    server.join().expect("the server does not panic")
}

/// The middle and the 99th percentile of the round trips, in microseconds.
fn round_trips(stream: &mut (impl Read + Write)) -> io::Result<[f64; 2]> {
    let mut times = Vec::with_capacity(ROUNDS);
    let mut buffer = [7; 32];
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        stream.write_all(&buffer)?;
        stream.read_exact(&mut buffer)?;
        times.push(begin.elapsed().as_nanos() as f64 / 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok([times[ROUNDS / 2], times[ROUNDS * 99 / 100]])
}
