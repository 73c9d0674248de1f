use morestack::{runtime, thread};
fn main() {
    let r = runtime::Builder::new().workers(2).build().unwrap();
    let sum = r.run(|| {
        let v: Vec<_> = (0..10u64).map(|i| thread::spawn(move || { thread::yield_now(); i * i })).collect();
        v.into_iter().map(|t| t.join().unwrap()).sum::<u64>()
    });
    println!("{sum}");
    for w in [1usize, 2] {
        let r = runtime::Builder::new().workers(w).build().unwrap();
        let n = 100_000;
        for _ in 0..5 {
            let t = r.run(move || {
                let t = std::time::Instant::now();
                let v: Vec<_> = (0..n).map(|_| thread::spawn(|| {})).collect();
                for t in v { t.join().unwrap(); }
                t.elapsed()
            });
            println!("w{w} spawn_join {} ns", t.as_nanos() as f64 / n as f64);
        }
        let t = r.run(move || {
            let t = std::time::Instant::now();
            for _ in 0..n { thread::spawn(|| {}).join().unwrap(); }
            t.elapsed()
        });
        println!("w{w} spawn_join_seq {} ns", t.as_nanos() as f64 / n as f64);
        let t = r.run(move || {
            let t = std::time::Instant::now();
            let v: Vec<_> = (0..2).map(|_| thread::spawn(|| for _ in 0..1_000_000 { thread::yield_now() })).collect();
            for t in v { t.join().unwrap(); }
            t.elapsed()
        });
        println!("w{w} yield {} ns", t.as_nanos() as f64 / 2e6);
        r.run(|| {
            let t = std::time::Instant::now();
            thread::sleep(std::time::Duration::from_millis(5));
            println!("slept {:?}", t.elapsed());
        });
    }
}
