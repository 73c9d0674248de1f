//! A mapped task that never gives way does, after its time slice: whoever waits on its worker runs, wherever he waits.

#[path = "common/endless.rs"]
mod endless;

use endless::{Stop, spin};
use morestack::runtime::{Builder, Runtime};
use morestack::{net, thread};
use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

morestack::mapped_export! {
    #[unsafe(export_name = "endless.rust")]
    fn endless_rust(_round: u64, _seed: u64) -> u64 { 0 }
}

fn one_worker() -> Runtime {
    Builder::new().workers(1).build().unwrap()
}

#[test]
fn a_fresh_neighbour_runs() {
    let (runtime, stop) = (one_worker(), Stop::new());
    let endless = runtime.spawn_mapped(spin::function(), stop.arg());
    let mut waits: Vec<Duration> = (0..50)
        .map(|_| {
            let since = Instant::now();
            runtime.run(move || since.elapsed())
        })
        .collect();
    waits.sort();
    // No bound on the time: others use the machine too. The figure is what the promise is checked by.
    println!("median {:?}, 49 of 50 within {:?}, longest {:?}", waits[25], waits[48], waits[49]);
    assert!(!endless.is_finished());
    stop.stop();
    assert!(endless.join().unwrap() > 0);
}

#[test]
fn a_sleeper_runs() {
    let (runtime, stop) = (one_worker(), Stop::new());
    let endless = runtime.spawn_mapped(spin::function(), stop.arg());
    let sleeper = runtime.spawn(|| {
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(1));
        }
    });
    sleeper.join().unwrap();
    assert!(!endless.is_finished());
    stop.stop();
    endless.join().unwrap();
}

#[test]
fn who_is_woken_by_another_thread_runs() {
    let (runtime, stop) = (one_worker(), Stop::new());
    let (sender, receiver) = mpsc::channel();
    let parked = runtime.spawn(move || {
        sender.send(morestack::sched::current().unwrap()).unwrap();
        for _ in 0..10 {
            morestack::sched::park();
        }
    });
    let task = receiver.recv().unwrap();
    let endless = runtime.spawn_mapped(spin::function(), stop.arg());
    while !parked.is_finished() {
        task.unpark();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!endless.is_finished());
    stop.stop();
    endless.join().unwrap();
}

#[test]
fn who_waits_for_io_runs() {
    let (runtime, stop) = (one_worker(), Stop::new());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let echo = runtime.spawn(move || {
        let mut stream = net::TcpStream::connect(address).unwrap();
        let mut byte = [0];
        while stream.read(&mut byte).unwrap() == 1 {
            stream.write_all(&byte).unwrap();
        }
    });
    let (mut peer, _) = listener.accept().unwrap();
    let endless = runtime.spawn_mapped(spin::function(), stop.arg());
    for sent in 0..10 {
        peer.write_all(&[sent]).unwrap();
        let mut back = [0];
        peer.read_exact(&mut back).unwrap();
        assert_eq!(back, [sent]);
    }
    drop(peer);
    echo.join().unwrap();
    assert!(!endless.is_finished());
    stop.stop();
    endless.join().unwrap();
}

#[test]
fn several_endless_ones_share_the_workers() {
    let runtime = Builder::new().workers(2).build().unwrap();
    let stops: Vec<_> = (0..5).map(|_| Stop::new()).collect();
    let endless: Vec<_> = stops.iter().map(|stop| runtime.spawn_mapped(spin::function(), stop.arg())).collect();
    for _ in 0..5 {
        runtime.run(|| ());
    }
    stops.iter().for_each(Stop::stop);
    assert!(endless.into_iter().all(|task| task.join().unwrap() > 0));
}

#[test]
fn a_runtime_with_an_endless_task_can_be_dropped() {
    let (runtime, stop) = (one_worker(), Stop::new());
    let endless = runtime.spawn_mapped(spin::function(), stop.arg());
    runtime.run(|| ());
    assert_eq!(runtime.shutdown(Duration::from_secs(60)), []);
    endless.join().unwrap_err();
}
