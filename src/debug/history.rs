//! The last minutes, in steps of a second.

use super::own_thread;
use crate::runtime::{self, Metrics};
use crate::stack::locked;
use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Between two samples.
const STEP: Duration = Duration::from_secs(1);

/// Samples that are kept: five minutes.
pub(super) const KEPT: usize = 300;

/// What a second was like.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) metrics: Metrics,
    /// How long the slowest worker took to answer. None: it did not.
    pub(super) latency: Option<Duration>,
    /// Seconds since the sample before; what is counted is divided by it. None for the first.
    pub(super) since: Option<f64>,
}

struct History {
    samples: VecDeque<Sample>,
    last: Option<Instant>,
    runs: bool,
}

static HISTORY: Mutex<History> = Mutex::new(History { samples: VecDeque::new(), last: None, runs: false });

/// Begins to record, if that has not begun.
pub(super) fn record() -> io::Result<()> {
    let mut history = locked(&HISTORY);
    if !history.runs {
        own_thread("debug history", || {
            loop {
                take();
                thread::sleep(STEP);
            }
        })?;
        history.runs = true;
    }
    Ok(())
}

fn take() {
    let (latency, metrics, now) = (runtime::latency(), runtime::metrics(), Instant::now());
    let mut history = locked(&HISTORY);
    let since = history.last.replace(now).map(|last| (now - last).as_secs_f64());
    if history.samples.len() == KEPT {
        history.samples.pop_front();
    }
    history.samples.push_back(Sample { metrics, latency, since });
}

/// The samples so far, the oldest first. There is one at least a moment after [`record`].
pub(super) fn samples() -> Vec<Sample> {
    locked(&HISTORY).samples.iter().cloned().collect()
}

/// How often something happened in a second, for each sample but the first.
pub(super) fn rates(samples: &[Sample], count: impl Fn(&Metrics) -> u64) -> Vec<Option<f64>> {
    let pairs = samples.windows(2);
    pairs
        .map(|pair| {
            let seconds = pair[1].since.filter(|&seconds| seconds > 0.0)?;
            Some(count(&pair[1].metrics).saturating_sub(count(&pair[0].metrics)) as f64 / seconds)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Sample, rates};
    use crate::runtime::metrics;

    #[test]
    fn rates_are_of_a_second() {
        let sample = |spawned, since| {
            let mut metrics = metrics();
            metrics.spawned = spawned;
            Sample { metrics, latency: None, since }
        };
        let samples = [sample(10, None), sample(30, Some(2.0)), sample(20, Some(1.0)), sample(25, Some(0.0))];
        assert_eq!(rates(&samples, |metrics| metrics.spawned), [Some(10.0), Some(0.0), None]);
    }
}
