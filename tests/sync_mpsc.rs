//! Channels of `sync::mpsc`: messages of one sender keep their order, both sides are told when the other is gone, room is what was
//! asked for, limits of time hold, and what nobody receives is dropped. In tasks, on OS threads, and mixed.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::sync::mpsc::{
    self, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryRecvError, TrySendError,
};
use morestack::sync::{Arc, Mutex};
use morestack::thread;
use morestack::time::{Duration, Instant, timeout};
use quiet::{Expected, number, quiet};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use watchdog::Watchdog;

const SHORT: Duration = Duration::from_millis(10);

/// Room of the channels that are tried; `None` for as much as one likes.
const ROOMS: [Option<usize>; 4] = [None, Some(0), Some(1), Some(8)];

/// A sender of either kind.
enum Either<T> {
    Unbounded(Sender<T>),
    Bounded(SyncSender<T>),
}

impl<T> Either<T> {
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self {
            Either::Unbounded(sender) => sender.send(message),
            Either::Bounded(sender) => sender.send(message),
        }
    }
}

impl<T> Clone for Either<T> {
    fn clone(&self) -> Either<T> {
        match self {
            Either::Unbounded(sender) => Either::Unbounded(sender.clone()),
            Either::Bounded(sender) => Either::Bounded(sender.clone()),
        }
    }
}

fn channel<T>(room: Option<usize>) -> (Either<T>, Receiver<T>) {
    match room {
        None => {
            let (sender, receiver) = mpsc::channel();
            (Either::Unbounded(sender), receiver)
        }
        Some(room) => {
            let (sender, receiver) = mpsc::sync_channel(room);
            (Either::Bounded(sender), receiver)
        }
    }
}

/// A receiver and senders for a crowd: member 0 receives, the others send. Until all have taken theirs, the channel is connected.
struct Ends<T> {
    receiver: Mutex<Option<Receiver<T>>>,
    senders: Mutex<Vec<Either<T>>>,
}

impl<T> Ends<T> {
    fn new(room: Option<usize>, senders: usize) -> Ends<T> {
        let (sender, receiver) = channel(room);
        Ends { receiver: Mutex::new(Some(receiver)), senders: Mutex::new(vec![sender; senders]) }
    }

    fn receiver(&self) -> Receiver<T> {
        self.receiver.lock().unwrap().take().unwrap()
    }

    fn sender(&self) -> Either<T> {
        self.senders.lock().unwrap().pop().unwrap()
    }
}

/// Runs the body for every kind of crowd, of a receiver and so many senders, and every room.
fn at_both_ends<T: Send + 'static>(senders: usize, body: impl Fn(&Ends<T>, usize) + Copy + Send + Sync + 'static) {
    for kind in crowd::KINDS {
        for room in ROOMS {
            let ends = Ends::new(room, senders);
            crowd::crowd(kind, 1 + senders, move |member| body(&ends, member));
        }
    }
}

fn watched(body: fn()) {
    let _watchdog = Watchdog::new(120);
    everywhere(body);
}

#[test]
fn messages_of_one_sender_keep_their_order() {
    const MESSAGES: usize = 500;
    at_both_ends(3, |ends, member| {
        if member > 0 {
            let sender = ends.sender();
            return (0..MESSAGES).for_each(|n| sender.send((member, n)).unwrap());
        }
        let mut next = [0; 4];
        for (from, n) in ends.receiver() {
            assert_eq!(n, next[from], "from {from}");
            next[from] += 1;
        }
        assert_eq!(next, [0, MESSAGES, MESSAGES, MESSAGES]);
    });
}

#[test]
fn who_receives_is_told_that_no_sender_is_left() {
    at_both_ends(2, |ends, member| {
        if member > 0 {
            let sender = ends.sender();
            sender.send(member).unwrap();
            thread::sleep(Duration::from_millis(2));
            return;
        }
        let receiver = ends.receiver();
        assert_eq!(receiver.recv().unwrap() + receiver.recv_timeout(Duration::MAX).unwrap(), 3);
        assert_eq!(receiver.recv(), Err(RecvError));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        for duration in [Duration::ZERO, Duration::MAX] {
            assert_eq!(receiver.recv_timeout(duration), Err(RecvTimeoutError::Disconnected));
        }
    });
}

#[test]
fn what_was_sent_is_received_after_the_last_sender_is_gone() {
    watched(|| {
        for room in [None, Some(3)] {
            let (sender, receiver) = channel(room);
            (0..3).for_each(|n| sender.clone().send(n).unwrap());
            drop(sender);
            assert_eq!(receiver.try_recv(), Ok(0));
            assert_eq!(receiver.recv_timeout(Duration::ZERO), Ok(1));
            assert_eq!(receiver.recv(), Ok(2));
            assert_eq!(receiver.recv(), Err(RecvError));
        }
    });
}

/// Also who waits for room at that time. The message comes back.
#[test]
fn who_sends_is_told_that_the_receiver_is_gone() {
    at_both_ends(2, |ends, member| {
        if member == 0 {
            let receiver = ends.receiver();
            assert_eq!(receiver.recv(), Ok("a message"));
            return;
        }
        let sender = ends.sender();
        while sender.send("a message").is_ok() {}
        assert_eq!(sender.send("another"), Err(SendError("another")));
        if let Either::Bounded(sender) = sender {
            assert_eq!(sender.try_send("one more"), Err(TrySendError::Disconnected("one more")));
        }
    });
}

#[test]
fn without_room_a_send_ends_when_it_is_received() {
    for kind in crowd::KINDS {
        let (ends, came) = (Ends::new(Some(0), 1), AtomicUsize::new(0));
        crowd::crowd(kind, 2, move |member| {
            if member == 0 {
                let receiver = ends.receiver();
                for n in 0..20 {
                    thread::sleep(Duration::from_micros(200));
                    came.fetch_add(1, SeqCst);
                    assert_eq!(receiver.recv(), Ok(n));
                }
                return;
            }
            let sender = ends.sender();
            for n in 0..20 {
                sender.send(n).unwrap();
                assert!(came.load(SeqCst) > n, "the receiver had not come for message {n}");
            }
        });
    }
}

#[test]
fn without_room_a_try_needs_somebody_who_waits() {
    watched(|| {
        let (sender, receiver) = mpsc::sync_channel(0);
        assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        let task = thread::spawn(move || (receiver.recv(), receiver));
        while sender.try_send(2).is_err() {
            thread::yield_now();
        }
        let (received, receiver) = task.join().unwrap();
        assert_eq!(received, Ok(2));
        let task = thread::spawn(move || sender.send(3));
        let received = loop {
            match receiver.recv_timeout(Duration::ZERO) {
                Ok(message) => break message,
                Err(error) => assert_eq!(error, RecvTimeoutError::Timeout),
            }
            thread::yield_now();
        };
        assert_eq!((received, task.join().unwrap()), (3, Ok(())));
    });
}

#[test]
fn room_is_for_as_many_as_was_said() {
    watched(|| {
        for room in [1, 2, 3, 7, 100] {
            let (sender, receiver) = mpsc::sync_channel(room);
            for round in 0..3 {
                (0..room).for_each(|n| sender.try_send(n).unwrap());
                assert_eq!(sender.try_send(room), Err(TrySendError::Full(room)), "round {round}");
                assert_eq!(receiver.try_iter().collect::<Vec<_>>(), Vec::from_iter(0..room));
            }
        }
    });
}

#[test]
fn a_wait_has_the_time_it_was_given() {
    watched(|| {
        for room in ROOMS {
            let (sender, receiver) = channel(room);
            for duration in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
                let begin = Instant::now();
                assert_eq!(receiver.recv_timeout(duration), Err(RecvTimeoutError::Timeout));
                assert!(begin.elapsed() >= duration);
            }
            // Without an end.
            let task = thread::spawn(move || receiver.recv_timeout(Duration::MAX));
            thread::sleep(SHORT);
            sender.send(1).unwrap();
            assert_eq!(task.join().unwrap(), Ok(1));
        }
    });
}

/// A receive that is interrupted takes nothing along, and an interrupted send has not happened.
#[test]
fn time_limits_around_waits() {
    watched(|| {
        for room in ROOMS {
            let (sender, receiver) = channel(room);
            assert!(timeout(SHORT, || receiver.recv()).is_err());
            if let Some(room) = room {
                (0..room).for_each(|n| sender.send(n).unwrap());
                assert!(timeout(SHORT, || sender.send(usize::MAX)).is_err());
            }
            let task = thread::spawn(move || sender.send(100));
            let expected: Vec<_> = (0..room.unwrap_or(0)).chain([100]).collect();
            assert_eq!(receiver.into_iter().collect::<Vec<_>>(), expected);
            task.join().unwrap().unwrap();
        }
    });
}

#[test]
fn iterators_end_when_their_kind_says() {
    at_both_ends(1, |ends, member| {
        if member > 0 {
            let sender = ends.sender();
            return (0..100).for_each(|n| sender.send(n).unwrap());
        }
        let receiver = ends.receiver();
        let mut received: Vec<i32> = receiver.iter().take(10).collect();
        for n in &receiver {
            received.push(n);
            if n == 20 {
                break;
            }
        }
        while received.len() < 50 {
            received.extend(receiver.try_iter());
            thread::yield_now();
        }
        received.extend(receiver);
        assert_eq!(received, Vec::from_iter(0..100));
    });
}

/// It is sent on between two receives, and while messages are on their way.
#[test]
fn a_receiver_changes_hands() {
    watched(|| {
        for room in ROOMS {
            let (sender, receiver) = channel(room);
            let source = std::thread::spawn(move || (0..40).for_each(|n| sender.send(n).unwrap()));
            let ten = |receiver: Receiver<i32>, from: i32| {
                assert_eq!(receiver.iter().take(10).collect::<Vec<_>>(), Vec::from_iter(from..from + 10));
                receiver
            };
            let receiver = thread::spawn(move || ten(receiver, 0)).join().unwrap();
            let receiver = std::thread::spawn(move || ten(receiver, 10)).join().unwrap();
            let receiver = thread::spawn(move || ten(receiver, 20)).join().unwrap();
            let receiver = ten(receiver, 30);
            source.join().unwrap();
            assert_eq!(receiver.recv(), Err(RecvError));
        }
    });
}

#[test]
fn what_is_not_received_is_dropped() {
    watched(|| {
        for room in [None, Some(1), Some(8), Some(100)] {
            let message = Arc::new(());
            let count = room.unwrap_or(100);
            let fill = |sender: &Either<_>| (0..count).for_each(|_| sender.send(message.clone()).unwrap());
            // With the receiver, though a sender is left.
            let (sender, receiver) = channel(room);
            fill(&sender);
            drop(receiver.recv().unwrap());
            drop(receiver);
            assert_eq!(Arc::strong_count(&message), 1);
            let SendError(back) = sender.send(message.clone()).unwrap_err();
            drop(sender);
            assert_eq!(Arc::strong_count(&back), 2);
            drop(back);
            // With the receiver, which is the last.
            let (sender, receiver) = channel(room);
            fill(&sender);
            drop(sender);
            assert_eq!(Arc::strong_count(&message), 1 + count);
            let mut messages = receiver.into_iter();
            drop(messages.next());
            drop(messages);
            assert_eq!(Arc::strong_count(&message), 1);
        }
    });
}

#[test]
fn messages_without_a_size() {
    /// Counts where it is dropped.
    struct Empty(());
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    impl Drop for Empty {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
        }
    }
    assert_eq!(size_of::<Empty>(), 0);
    at_both_ends::<Empty>(3, |ends, member| {
        if member > 0 {
            let sender = ends.sender();
            for _ in 0..100 {
                if sender.send(Empty(())).is_err() {
                    break;
                }
            }
            return;
        }
        let receiver = ends.receiver();
        assert_eq!(receiver.iter().take(200).map(|Empty(())| ()).count(), 200);
    });
    // Those that came back as errors included. A sender whose message is refused sends no more.
    let dropped = DROPPED.load(SeqCst);
    let crowds = crowd::KINDS.len() * ROOMS.len();
    assert!((200 * crowds..=300 * crowds).contains(&dropped), "{dropped}");
    let (sender, receiver) = mpsc::channel();
    (0..100).for_each(|_| sender.send(Empty(())).unwrap());
    drop((sender, receiver));
    assert_eq!(DROPPED.load(SeqCst), dropped + 100);
}

#[test]
fn messages_of_4_kb() {
    at_both_ends(3, |ends, member| {
        if member > 0 {
            let sender = ends.sender();
            return (0..50).for_each(|n| sender.send([(member * 1000 + n) as u64; 512]).unwrap());
        }
        let mut sum = 0;
        for message in ends.receiver() {
            assert!(message.iter().all(|&word| word == message[0]), "torn: {message:?}");
            sum += message[0];
        }
        assert_eq!(sum, 6000 * 50 + 3 * (0..50).sum::<u64>());
    });
}

/// The panic goes to who drops the receiver, the channel is disconnected, and nobody drops a message twice.
#[test]
fn messages_that_panic_when_they_are_dropped() {
    struct Panics(Arc<AtomicUsize>);
    impl Drop for Panics {
        fn drop(&mut self) {
            if self.0.fetch_add(1, SeqCst) == 0 {
                panic_any(Expected(7));
            }
        }
    }
    watched(|| {
        quiet(&[]);
        for room in [None, Some(1), Some(8)] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let count = room.unwrap_or(8);
            let (sender, receiver) = channel(room);
            (0..count).for_each(|_| sender.send(Panics(dropped.clone())).map_err(|_| ()).unwrap());
            let payload = catch_unwind(AssertUnwindSafe(|| drop(receiver))).unwrap_err();
            assert_eq!(number(payload), 7);
            let before = dropped.load(SeqCst);
            assert!((1..=count).contains(&before), "{before}");
            drop(sender.send(Panics(dropped.clone())).unwrap_err());
            drop(sender);
            assert_eq!(dropped.load(SeqCst), before + 1, "only what came back");
        }
    });
}
