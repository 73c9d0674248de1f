//! Measures every ratio that the project promises, against its peers in the same run, and says which are met.
//!
//!     cargo run --release --example ratios [-- SAMPLES]
//!
//! Each figure is the median of interleaved samples (15 unless said otherwise): ours, the peer's, ours, and so on. On a busy
//! machine times rise, ratios hold.

#[path = "../benches/figures/mod.rs"]
mod figures;

use figures::{
    Cold, Mapped1G, PREDICTED, Recursion, cold, copied, count_64, count_of, faulted, in_task, linked, median, mix_64,
    plain_here, repeat_mapped, repeat_plain, time,
};
use morestack::sched::Scheduler;

struct Report {
    samples: usize,
    missed: usize,
}

impl Report {
    /// A line: what was measured, the figures behind it, and how it stands to what is promised.
    fn line(&mut self, what: &str, figures: &str, unit: &str, measured: f64, target: f64) {
        // A ratio is printed with two decimals, and met if these say so.
        let met = (measured * 100.0).round() <= target * 100.0;
        self.missed += usize::from(!met);
        let (measured, verdict) = (format!("{measured:.2}{unit}"), if met { "met" } else { "MISSED" });
        println!("{what:<44} {figures:<34} {measured:>10}  <= {:<9} {verdict}", format!("{target}{unit}"));
    }

    /// Medians of two things measured in turns, and the median of the ratios of neighbours.
    fn against(&self, mut ours: impl FnMut() -> f64, mut peer: impl FnMut() -> f64) -> (f64, f64, f64) {
        let pairs: Vec<(f64, f64)> = (0..self.samples).map(|_| (ours(), peer())).collect();
        (
            median(pairs.iter().map(|p| p.0).collect()),
            median(pairs.iter().map(|p| p.1).collect()),
            median(pairs.iter().map(|p| p.0 / p.1).collect()),
        )
    }

    fn check(&mut self) {
        for (name, recursion, target) in [("body of 9", count_64(), 1.10), ("body of 40", mix_64(), 1.03)] {
            let added = recursion.check_instructions();
            self.line(&format!("check, {name}: instructions"), "", "", added as f64, 3.0);
            // In one task, on a segment that has grown before.
            let samples = self.samples * 3;
            let (with, without, ratio) = in_task(move || {
                const TIMES: u64 = 4_000;
                let per_call = 1.0 / (TIMES * (PREDICTED + 1)) as f64;
                assert_eq!(recursion.mapped.call((1_000,)), plain_here(recursion, 1_000), "the same function");
                Report { samples, missed: 0 }.against(
                    || per_call * time(|| repeat_mapped(recursion, TIMES)),
                    || per_call * time(|| repeat_plain(recursion, TIMES)),
                )
            });
            let figures = format!("{with:.2} ns/call, without {without:.2}");
            self.line(&format!("check, {name}: time"), &figures, "x", ratio, target);
            let (with, without, ratio) = self.descents(recursion, 1_000, 40);
            let figures = format!("{with:.2} ns/call, without {without:.2}");
            self.line(&format!("check, {name}: time, 1000 deep"), &figures, "x", ratio, target);
        }
    }

    /// Descents with and without the check on a segment that has grown before; ns per frame.
    fn descents(&self, recursion: Recursion, depth: u64, rounds: u64) -> (f64, f64, f64) {
        let samples = self.samples;
        in_task(move || {
            let per_frame = 1.0 / (rounds * depth) as f64;
            let result = recursion.mapped.call((depth,));
            assert_eq!(result, plain_here(recursion, depth), "the same function");
            Report { samples, missed: 0 }.against(
                || per_frame * time(|| (0..rounds).for_each(|_| assert_eq!(recursion.mapped.call((depth,)), result))),
                || per_frame * time(|| (0..rounds).for_each(|_| assert_eq!(plain_here(recursion, depth), result))),
            )
        })
    }

    fn growth(&mut self, frame: usize, depth: u64, cold_target: f64, pooled_target: f64) {
        let recursion = count_of(frame);
        let what = format!("{} frames of {frame} B", if depth < 1_000_000 { "10 k" } else { "1 M" });
        let per_frame = 1.0 / depth as f64;
        let (ours, peer, ratio) = self
            .against(|| per_frame * cold(Cold::Copied, frame, depth), || per_frame * cold(Cold::Faulted, frame, depth));
        let figures = format!("{ours:.2} ns/frame, corosensei {peer:.2}");
        self.line(&format!("growth cold, {what}"), &figures, "x", ratio, cold_target);

        let scheduler = Scheduler::new();
        let mut stack = Some(Mapped1G::new().expect("1 GB of addresses"));
        copied(&scheduler, recursion, depth);
        stack = stack.map(|stack| faulted(stack, recursion, depth));
        let (ours, peer, ratio) = self.against(
            || per_frame * time(|| copied(&scheduler, recursion, depth)),
            || per_frame * time(|| stack = stack.take().map(|stack| faulted(stack, recursion, depth))),
        );
        let figures = format!("{ours:.2} ns/frame, corosensei {peer:.2}");
        self.line(&format!("growth pooled, {what}"), &figures, "x", ratio, pooled_target);
        drop(stack);

        let (with, without, ratio) = self.descents(recursion, depth, 1_000_000 / depth);
        let figures = format!("{with:.2} ns/frame, without {without:.2}");
        self.line(&format!("second descent, {what}"), &figures, "x", ratio, 1.1);

        let by_hand = median((0..self.samples).map(|_| per_frame * time(|| linked(frame, depth))).collect());
        println!("{:<44} {by_hand:.2} ns/frame", format!("for comparison: stacker, {what}"));
    }

    fn one_move(&mut self) {
        let scheduler = Scheduler::new();
        let (_, frames, bytes) = figures::one_move(&scheduler);
        let samples: Vec<_> =
            (0..self.samples * 10).map(|_| (figures::one_move(&scheduler).0, figures::one_memcpy(bytes))).collect();
        let ours = median(samples.iter().map(|s| s.0).collect());
        let memcpy = median(samples.iter().map(|s| s.1).collect());
        let figures = format!("{ours:.0} ns, memcpy {memcpy:.0} ns");
        let allowed = 2.0 * memcpy + 20.0 * frames as f64;
        self.line(&format!("move of {frames} frames / (2 memcpy + 20 ns each)"), &figures, "x", ours / allowed, 1.0);
    }

    fn switch(&mut self) {
        const EACH: u64 = 100_000;
        let scheduler = Scheduler::new();
        for (name, run) in [
            ("closures", figures::switch_closures as fn(&Scheduler, u64) -> u64),
            ("mapped tasks", figures::switch_mapped),
        ] {
            let ns =
                median((0..self.samples).map(|_| time(|| _ = run(&scheduler, EACH)) / (2 * EACH) as f64).collect());
            self.line(&format!("switch between two {name}"), "", " ns", ns, 5.0);
        }
        let ns = median(
            (0..self.samples).map(|_| time(|| _ = figures::switch_coroutine(EACH)) / (2 * EACH) as f64).collect(),
        );
        println!("{:<44} {ns:.2} ns, without a scheduler", "for comparison: corosensei's switch");
    }
}

fn main() {
    if figures::serve_child() {
        return;
    }
    let samples = match std::env::args().nth(1).map(|arg| arg.parse()) {
        None => 15,
        Some(Ok(samples @ 1..)) => samples,
        Some(_) => {
            eprintln!("usage: ratios [SAMPLES]");
            std::process::exit(2);
        }
    };
    let mut report = Report { samples, missed: 0 };
    report.check();
    for (frame, cold_target, pooled_target) in [(64, 0.6, 1.5), (256, 0.9, 1.3)] {
        report.growth(frame, 10_000, cold_target, pooled_target);
        report.growth(frame, 1_000_000, cold_target, pooled_target);
    }
    report.one_move();
    report.switch();
    let bytes = cold(Cold::ParkedMemory, 64, 1_000_000);
    report.line("memory per parked mapped task, 1 M tasks", "", " B", bytes, 2400.0);
    println!("{} missed", report.missed);
}
