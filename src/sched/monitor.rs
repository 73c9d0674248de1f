//! interim
pub(crate) fn report_leftover(leftover: &super::runtime::Leftover) {
    eprintln!("morestack: {} was not ended at the shutdown of its runtime: {}", leftover.task, leftover.reason);
}
