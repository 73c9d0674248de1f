//! Growth by copying against stacks that the kernel faults in and stacks that are linked by hand; the cost of the check, of
//! one move, and of a switch.
//!
//!     cargo bench --bench stack_growth                 # criterion, some minutes
//!     cargo bench --bench stack_growth -- check        # one group: check, growth, move, switch
//!     cargo run --release --example ratios             # the ratios that are promised, in half a minute

mod figures;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use figures::{
    Cold, Mapped1G, PREDICTED, cold, copied, count_64, count_of, faulted, linked, mix_64, plain_here, repeat_mapped,
    repeat_plain,
};
use morestack::sched::Scheduler;
use std::time::Duration;

/// Descents in one iteration, so that the bridge does not show.
const TIMES: u64 = 100;

/// A recursion on a go segment that has grown before, with and without the check. Outside any task the thread lends a
/// segment, which never shrinks.
fn check(c: &mut Criterion) {
    let mut group = c.benchmark_group("check");
    group.throughput(Throughput::Elements(TIMES * (PREDICTED + 1)));
    for (name, recursion) in [("body of 9", count_64()), ("body of 40", mix_64())] {
        println!("{name}: the check is {} instructions", recursion.check_instructions());
        assert_eq!(recursion.mapped.call((1_000,)), plain_here(recursion, 1_000), "the same function");
        group.bench_function(BenchmarkId::new(name, "with"), |b| b.iter(|| repeat_mapped(recursion, TIMES)));
        group.bench_function(BenchmarkId::new(name, "without"), |b| b.iter(|| repeat_plain(recursion, TIMES)));
    }
}

/// Samples that each come from a process of its own.
fn in_children(b: &mut criterion::Bencher<'_>, what: Cold, frame: usize, depth: u64) {
    b.iter_custom(|times| (0..times).map(|_| Duration::from_nanos(cold(what, frame, depth) as u64)).sum());
}

fn growth(c: &mut Criterion) {
    let scheduler = Scheduler::new();
    for (frame, depth) in [(64, 10_000), (256, 10_000), (64, 1_000_000), (256, 1_000_000)] {
        let recursion = count_of(frame);
        let mut group = c.benchmark_group(format!("growth/{depth} frames of {frame} bytes"));
        group.throughput(Throughput::Elements(depth)).sampling_mode(SamplingMode::Flat).sample_size(20);
        group.bench_function("copied cold", |b| in_children(b, Cold::Copied, frame, depth));
        group.bench_function("faulted cold", |b| in_children(b, Cold::Faulted, frame, depth));
        group.bench_function("linked", |b| b.iter(|| linked(frame, depth)));
        group.bench_function("copied pooled", |b| b.iter(|| copied(&scheduler, recursion, depth)));
        let mut stack = Some(Mapped1G::new().expect("1 GB of addresses"));
        group.bench_function("faulted pooled", |b| {
            b.iter(|| stack = Some(faulted(stack.take().expect("it was given back"), recursion, depth)));
        });
        recursion.mapped.call((depth,));
        group.bench_function("second descent", |b| b.iter(|| recursion.mapped.call((depth,))));
        group.bench_function("second descent, no check", |b| b.iter(|| plain_here(recursion, depth)));
    }
}

/// The move of a stack of 64 KB with 1000 frames, and `memcpy` of as many bytes.
fn one_move(c: &mut Criterion) {
    let scheduler = Scheduler::new();
    let (_, frames, bytes) = figures::one_move(&scheduler);
    let mut group = c.benchmark_group(format!("move/{frames} frames, {bytes} bytes"));
    let total = |f: &dyn Fn() -> f64, times| Duration::from_nanos((0..times).map(|_| f()).sum::<f64>() as u64);
    group.bench_function("move", |b| b.iter_custom(|times| total(&|| figures::one_move(&scheduler).0, times)));
    group.bench_function("memcpy", |b| b.iter_custom(|times| total(&|| figures::one_memcpy(bytes), times)));
}

fn switch(c: &mut Criterion) {
    const EACH: u64 = 10_000;
    let scheduler = Scheduler::new();
    let mut group = c.benchmark_group("switch");
    group.throughput(Throughput::Elements(2 * EACH));
    group.bench_function("closures", |b| b.iter(|| figures::switch_closures(&scheduler, EACH)));
    group.bench_function("mapped", |b| b.iter(|| figures::switch_mapped(&scheduler, EACH)));
    group.bench_function("corosensei, no scheduler", |b| b.iter(|| figures::switch_coroutine(EACH)));
}

fn main() {
    if figures::serve_child() {
        return;
    }
    let mut c = Criterion::default().warm_up_time(Duration::from_millis(500)).configure_from_args();
    check(&mut c);
    growth(&mut c);
    one_move(&mut c);
    switch(&mut c);
    c.final_summary();
}
