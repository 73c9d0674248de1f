//! A task whose socket always has something for it gives way now and then.

use morestack::net::{TcpListener, TcpStream};
use morestack::{runtime, thread};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[test]
fn others_run_although_every_read_finds_bytes() {
    let runtime = runtime::Builder::new().workers(1).build().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let turns = runtime.run({
        let stop = stop.clone();
        move || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            // One byte at a time out of a full buffer: thousands of reads that never wait.
            client.write_all(&[7; 20_000]).unwrap();
            let turns = Arc::new(AtomicUsize::new(0));
            let neighbour = thread::spawn({
                let (turns, stop) = (turns.clone(), stop.clone());
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        turns.fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                    }
                }
            });
            let mut byte = [0];
            for _ in 0..20_000 {
                server.read_exact(&mut byte).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
            neighbour.join().unwrap();
            turns.load(Ordering::Relaxed)
        }
    });
    assert!(turns >= 100, "20,000 reads left the neighbour {turns} turns");
}
