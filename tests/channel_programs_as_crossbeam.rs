//! Random programs of actors at channels come to what they may come to: by our channels in tasks, on OS threads and in both, and by
//! crossbeam's on OS threads, which shows that the program and the checks are right. No message is lost, doubled or overtaken by one
//! of its sender; all are dropped; errors come only with reason. What must be received is the same everywhere.

#[path = "channel_programs/outcome.rs"]
mod outcome;
#[path = "channel_programs/program.rs"]
mod program;
#[path = "common/seed.rs"]
mod seed;

/// The actors, once for each library.
#[path = "channel_programs"]
#[allow(clippy::duplicate_mod, reason = "the same source for two libraries")]
mod ours {
    use morestack::channel;
    pub mod actor;
}
#[path = "channel_programs"]
#[allow(clippy::duplicate_mod, reason = "the same source for two libraries")]
mod theirs {
    use crossbeam_channel as channel;
    pub mod actor;
}

use morestack::runtime::{Builder, Runtime};
use outcome::{Event, Ledger, Received};
use program::Program;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// A second or two.
const PROGRAMS: u64 = 1000;
/// After so long without news actors hang.
const PATIENCE: Duration = Duration::from_secs(60);

type Body = Box<dyn FnOnce() -> Vec<Event> + Send>;
type Cast = fn(&Program, &Arc<Ledger>) -> Vec<Body>;

/// Which channels actors have, and where they run: every other in a task of the one or the other runtime, or on an OS thread.
struct Stage {
    name: &'static str,
    cast: Cast,
    runtimes: [Option<&'static Runtime>; 2],
}

impl Stage {
    /// Runs the program. What was received, or what is wrong.
    fn play(&self, program: &Program) -> Result<Received, String> {
        let ledger = Ledger::new(program);
        let (report, reports) = mpsc::channel();
        for (number, body) in (self.cast)(program, &ledger).into_iter().enumerate() {
            let report = report.clone();
            let actor = move || _ = report.send((number, body()));
            match self.runtimes[number % 2] {
                Some(runtime) => drop(runtime.spawn(actor)),
                None => drop(std::thread::spawn(actor)),
            }
        }
        drop(report);
        let mut seen = vec![vec![]; program.actors.len()];
        let mut waiting: Vec<_> = (0..seen.len()).collect();
        while !waiting.is_empty() {
            let (number, events) = reports.recv_timeout(PATIENCE).map_err(|error| match error {
                mpsc::RecvTimeoutError::Timeout => format!("actors {waiting:?} hang"),
                mpsc::RecvTimeoutError::Disconnected => format!("actors {waiting:?} have panicked"),
            })?;
            seen[number] = events;
            waiting.retain(|&other| other != number);
        }
        outcome::check(program, &ledger, &seen)
    }
}

#[test]
fn programs_come_to_what_they_may() {
    let seed = seed::seed();
    let workers = |n| -> &'static Runtime {
        // Never dropped: where actors hang, the report is to come before they are cancelled.
        Box::leak(Box::new(Builder::new().workers(n).build().unwrap()))
    };
    let (one, two) = (Some(workers(1)), Some(workers(2)));
    let (ours, theirs): (Cast, Cast) = (ours::actor::cast, theirs::actor::cast);
    let stages = [
        ("crossbeam's, on OS threads", theirs, [None, None]),
        ("ours, on OS threads", ours, [None, None]),
        ("ours, in tasks of one worker", ours, [one, one]),
        ("ours, in tasks of two workers", ours, [two, two]),
        ("ours, in tasks of two runtimes", ours, [one, two]),
        ("ours, in tasks and on OS threads", ours, [two, None]),
    ]
    .map(|(name, cast, runtimes)| Stage { name, cast, runtimes });
    for index in 0..PROGRAMS {
        let program = Program::random(&mut seed::generator(seed, index));
        let mut results = stages.iter().map(|stage| {
            stage.play(&program).unwrap_or_else(|wrong| {
                panic!("{}: {wrong}\nprogram {index} of MORESTACK_TEST_SEED={seed}\n{program}", stage.name)
            })
        });
        let first = results.next().expect("there are stages");
        for (result, stage) in results.zip(&stages[1..]) {
            assert!(
                !program.determined || result == first,
                "{}: received {result:?} and not {first:?}\nprogram {index} of MORESTACK_TEST_SEED={seed}\n{program}",
                stage.name
            );
        }
    }
}
