//! Several units at a time, within cargo's limit of jobs.

use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

/// Applies `work` to all `items` and returns the results in their order.
///
/// This thread works too, with the job that this process has from cargo. For each further one a token is taken from cargo's
/// jobserver, when it has one to give. Without a jobserver there are as many threads as processors.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(0..items.len());
    let results = Mutex::new((0..items.len()).map(|_| None).collect::<Vec<_>>());
    let drain = || {
        // A lock of the queue is never held while a unit is worked on.
        while let Some(index) = { next.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next() } {
            let result = work(&items[index]);
            results.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[index] = Some(result);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    match jobserver().filter(|_| threads > 1) {
        Some(client) => thread::scope(|scope| {
            let (send, tokens) = mpsc::channel();
            let granted = move |token| drop(send.send(token));
            // Without the thread that waits for tokens there are none; this thread suffices.
            let helper = client.into_helper_thread(granted).ok();
            if let Some(helper) = &helper {
                (1..threads).for_each(|_| helper.request_token());
            }
            let drain = &drain;
            scope.spawn(move || {
                for token in tokens {
                    scope.spawn(move || {
                        drain();
                        drop(token);
                    });
                }
            });
            drain();
            // Ends the wait for tokens that are not needed any more, and with it the loop above.
            drop(helper);
        }),
        None => thread::scope(|scope| {
            (1..threads).for_each(|_| drop(scope.spawn(drain)));
            drain();
        }),
    }
    let results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    results.into_iter().flatten().collect()
}

/// cargo's jobserver, if this process was started by cargo.
fn jobserver() -> Option<jobserver::Client> {
    // SAFETY: descriptors that the environment names are cargo's; nothing else in this program takes over descriptors by number.
    unsafe { jobserver::Client::from_env() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<_> = (0..100).collect();
        assert_eq!(map(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_gives_nothing() {
        assert!(map(&[] as &[u8], |_| ()).is_empty());
    }
}
