//! What the tasks of all runtimes are doing: a dump, and figures.
//!
//! A worker's tasks are its own: nobody else may look at what they stand in. So who wants a dump asks the workers, and each answers
//! between two tasks, on its system stack, where all of its tasks stand still. One that runs a task without an end, or is blocked
//! in one, does not answer; of that the monitor's means tell which task it runs, and where.

mod counts;
mod dump;
mod quit;
mod serve;

pub(super) use counts::{Counts, count_spawn, retire};
pub use counts::{Metrics, SegmentCount, metrics};
pub(super) use dump::gather;
pub use dump::{Dump, Stack, State, TaskInfo, WorkerInfo, dump, latency};
pub use quit::dump_on_sigquit;
pub(super) use serve::Request;
