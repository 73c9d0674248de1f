//! Waiting for several operations at once.
//!
//! In two steps. The first decides: it looks for an operation that need not wait; if there is none, it adds a node of one
//! [`Turn`] to the queue of each channel, looks once more while it does that, and waits until somebody has claimed the turn for one
//! of them. What comes out is a [`Grant`]. The second step, [`SelectedOperation::send`] or `recv`, uses it. Between them the
//! caller may do what it likes, waiting included: whatever was granted is a promise, nobody spins for it.

use super::handle::{Receiver, Sender};
use super::operation::{Grant, Link, Operation, Slot};
use crate::sched::on::{On, WaitsFor};
use crate::sched::queue::{Node, State, Turn};
use crate::sched::sleep;
use crate::sched::wait::{self, Ended, await_turn, wait_claimed};
use crossbeam_channel::{ReadyTimeoutError, RecvError, SelectTimeoutError, SendError, TryReadyError, TrySelectError};
use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::time::{Duration, Instant};

/// How long a selection waits.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// Not at all.
    Now,
    At(Instant),
    Forever,
}

impl Until {
    fn after(timeout: Duration) -> Until {
        Instant::now().checked_add(timeout).map_or(Until::Forever, Until::At)
    }

    /// Until when to wait, `Some(None)` for ever. `None`: not any more.
    fn deadline(self) -> Option<Option<Instant>> {
        match self {
            Until::Now => None,
            Until::At(deadline) if Instant::now() >= deadline => None,
            Until::At(deadline) => Some(Some(deadline)),
            Until::Forever => Some(None),
        }
    }
}

/// One operation among several, and its node while they wait.
#[doc(hidden)]
pub struct Case<'a> {
    operation: &'a (dyn Operation + 'a),
    index: usize,
    node: Option<Node>,
    /// Others write here while it waits.
    slot: UnsafeCell<Slot>,
}

impl<'a> Case<'a> {
    fn new(operation: &'a (dyn Operation + 'a), index: usize) -> Case<'a> {
        Case { operation, index, node: None, slot: UnsafeCell::new(Slot::uninit()) }
    }

    /// What a turn that has ended in this case has brought.
    fn accept(&self, state: State, turn: &Turn) -> Option<Grant> {
        // SAFETY: the turn is over, so nobody writes there any more.
        self.operation.accept(state, turn, unsafe { &*self.slot.get() })
    }
}

impl Clone for Case<'_> {
    /// Nodes and slots are in use during a selection only.
    fn clone(&self) -> Self {
        Case::new(self.operation, self.index)
    }
}

/// The order in which cases are looked at.
enum Order {
    /// For as many as have four bits each in a word: their numbers, the first in the lowest bits. No memory is touched.
    Few(u64),
    Many(Vec<usize>),
}

impl Order {
    /// The most for one word.
    const FEW: usize = 16;

    /// An order of `n` cases: the given one if that is wanted, or any with the same chance.
    #[inline]
    fn new(n: usize, biased: bool) -> Order {
        if n > Order::FEW {
            return Order::many(n, biased);
        }
        let mut order = 0xfedc_ba98_7654_3210_u64;
        if !biased {
            shuffle(n, |i, j| {
                let difference = (order >> (4 * i) ^ order >> (4 * j)) & 0xf;
                order ^= difference << (4 * i) | difference << (4 * j);
            });
        }
        Order::Few(order)
    }

    #[cold]
    fn many(n: usize, biased: bool) -> Order {
        let mut order: Vec<_> = (0..n).collect();
        if !biased {
            shuffle(n, |i, j| order.swap(i, j));
        }
        Order::Many(order)
    }

    #[inline]
    fn get(&self, i: usize) -> usize {
        match self {
            Order::Few(order) => (order >> (4 * i) & 0xf) as usize,
            Order::Many(order) => order[i],
        }
    }
}

/// Mixes `n` things with the shuffle of Fisher and Yates, and a generator of the thread: xorshift (Marsaglia, "Xorshift RNGs", 2003),
/// whose quality is enough to be fair. A swap with itself may be left to `swap`.
#[inline]
fn shuffle(n: usize, mut swap: impl FnMut(usize, usize)) {
    thread_local! {
        static STATE: Cell<u32> = const { Cell::new(0) };
    }
    let mut x = STATE.get();
    if x == 0 {
        // Any two threads that are alive differ in this.
        x = STATE.with(|state| ptr::from_ref(state).addr() as u32 >> 3) | 1;
    }
    for i in (1..n).rev() {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        // A number up to i: the upper half of a product, in the place of a division.
        swap(i, ((u64::from(x) * (i as u64 + 1)) >> 32) as usize);
    }
    STATE.set(x);
}

/// Decides for one of the operations. `None`: the time was up.
#[inline]
fn decide<'a>(cases: &mut [Case<'a>], until: Until, biased: bool) -> Option<SelectedOperation<'a>> {
    let order = Order::new(cases.len(), biased);
    attempt(cases, &order).or_else(|| decide_waiting(cases, &order, until))
}

/// The first operation, in this order, that need not wait.
#[inline]
fn attempt<'a>(cases: &[Case<'a>], order: &Order) -> Option<SelectedOperation<'a>> {
    (0..cases.len()).find_map(|i| {
        let case = &cases[order.get(i)];
        case.operation.attempt().map(|grant| SelectedOperation::new(case, grant))
    })
}

#[cold]
fn decide_waiting<'a>(cases: &mut [Case<'a>], order: &Order, until: Until) -> Option<SelectedOperation<'a>> {
    if cases.is_empty() {
        wait_for_nothing(until);
        return None;
    }
    loop {
        // Also the first time: what was looked at first may have become ready before what was looked at last was not any more.
        if let Some(selected) = attempt(cases, order) {
            return Some(selected);
        }
        let deadline = until.deadline()?;
        let turn = Turn::new(On::any(WaitsFor::Select));
        let ended = wait_linked(cases, order, &turn, deadline);
        if let Ended::Turn(state @ (State::Done(i) | State::Offered(i) | State::Closed(i))) = ended {
            let grant = cases[i].accept(state, &turn);
            // Nothing was handed over that an unwinding would lose.
            if matches!(grant, None | Some(Grant::Closed)) {
                wait::end_with_nothing();
            }
            if let Some(grant) = grant {
                return Some(SelectedOperation::new(&cases[i], grant));
            }
        }
        if ended == Ended::Interrupted {
            wait::interrupt();
        }
    }
}

/// Waits for the time, as there is nothing else.
fn wait_for_nothing(until: Until) {
    match until {
        Until::Now => {}
        Until::At(deadline) => sleep::sleep_until(deadline),
        Until::Forever => sleep::sleep(Duration::MAX),
    }
}

/// Adds a node of the turn to the queue of each case, and waits for what becomes of the turn: at most until `deadline`, or an
/// operation is due. What came of it, with all nodes out of their queues. Nothing unwinds before.
fn wait_linked(cases: &mut [Case<'_>], order: &Order, turn: &Turn, mut deadline: Option<Instant>) -> Ended {
    let mut ready = false;
    for i in 0..cases.len() {
        let place = order.get(i);
        let case = &mut cases[place];
        let node = case.node.insert(Node::of_case(turn, place, ptr::null_mut()));
        // SAFETY: it is taken out below, before the cases or the turn are gone; until then nobody moves the cases.
        match unsafe { case.operation.link(node, turn, case.slot.get()) } {
            Link::Waits => {}
            Link::Due(due) => deadline = Some(deadline.map_or(due, |deadline| deadline.min(due))),
            Link::Ready => {
                ready = true;
                break;
            }
        }
    }
    let ended = if ready { Ended::TimeIsUp } else { await_turn(turn, deadline) };
    let ended = match ended {
        Ended::Turn(state) => Ended::Turn(state),
        early if turn.withdraw() => early,
        // It has been claimed: what becomes of it counts.
        _ => Ended::Turn(wait_claimed(turn)),
    };
    // Others may be about to use the nodes, so none is touched otherwise before it is out of its queue.
    for case in &*cases {
        if let Some(node) = &case.node
            && node.is_queued()
        {
            case.operation.unlink(node);
        }
    }
    cases.iter_mut().for_each(|case| case.node = None);
    ended
}

/// Waits until one of the operations is ready, and says which.
fn ready(cases: &mut [Case<'_>], until: Until, biased: bool) -> Option<usize> {
    if cases.is_empty() {
        wait_for_nothing(until);
        return None;
    }
    let order = Order::new(cases.len(), biased);
    loop {
        if let Some(i) = (0..cases.len()).map(|i| order.get(i)).find(|&i| cases[i].operation.is_ready()) {
            return Some(cases[i].index);
        }
        let deadline = until.deadline()?;
        match watch(cases, deadline) {
            Ended::Interrupted => wait::interrupt(),
            Ended::Turn(_) => wait::end_with_nothing(),
            Ended::TimeIsUp => {}
        }
    }
}

/// As [`wait_linked`], for who only wants to know.
fn watch(cases: &mut [Case<'_>], mut deadline: Option<Instant>) -> Ended {
    let turn = Turn::new(On::any(WaitsFor::Select));
    let mut ready = false;
    for (i, case) in cases.iter_mut().enumerate() {
        let node = case.node.insert(Node::of_case(&turn, i, ptr::null_mut()));
        // SAFETY: as in `wait_linked`.
        match unsafe { case.operation.watch(node) } {
            Link::Waits => {}
            Link::Due(due) => deadline = Some(deadline.map_or(due, |deadline| deadline.min(due))),
            Link::Ready => {
                ready = true;
                break;
            }
        }
    }
    let ended = if ready { Ended::TimeIsUp } else { await_turn(&turn, deadline) };
    // A claim of a watcher is followed by its end at once, so there is nothing to wait for but that.
    if !matches!(ended, Ended::Turn(_)) && !turn.withdraw() {
        wait_claimed(&turn);
    }
    for case in &*cases {
        if let Some(node) = &case.node {
            case.operation.unwatch(node);
        }
    }
    cases.iter_mut().for_each(|case| case.node = None);
    ended
}

/// Waits for several channel operations at once, for as many as a program finds out when it runs; [`select!`](super::select!) is
/// for those that are written down. The mirror of [`crossbeam_channel::Select`].
///
/// If several operations are ready, a random one is selected, or with [`new_biased`](Self::new_biased) the one that was added
/// first. An operation is ready, too, if it would fail, because its channel is disconnected.
///
/// Works in tasks and on OS threads. It allocates when operations are added, and not when they are waited for.
///
/// ```
/// use morestack::channel::{unbounded, Select};
/// use morestack::thread;
///
/// let (s1, r1) = unbounded();
/// let (s2, r2) = unbounded();
/// thread::spawn(move || s1.send(10).unwrap());
/// thread::spawn(move || s2.send(20).unwrap());
///
/// let receivers = [r1, r2];
/// let mut select = Select::new();
/// for receiver in &receivers {
///     select.recv(receiver);
/// }
/// let operation = select.select();
/// let index = operation.index();
/// let message = operation.recv(&receivers[index]).unwrap();
/// assert_eq!(message, [10, 20][index]);
/// ```
#[derive(Clone)]
pub struct Select<'a> {
    cases: Vec<Case<'a>>,
    next_index: usize,
    biased: bool,
}

// SAFETY: the operations are handles that are `Sync`, as `send` and `recv` demand by taking messages only from handles; nodes are there
// only while a selection runs, which has the cases for itself.
unsafe impl Send for Select<'_> {}
// SAFETY: as above.
unsafe impl Sync for Select<'_> {}

impl<'a> Select<'a> {
    /// No operations so far.
    pub fn new() -> Select<'a> {
        Select { cases: Vec::with_capacity(4), next_index: 0, biased: false }
    }

    /// As [`new`](Self::new); if several operations are ready, the one that was added first is selected.
    pub fn new_biased() -> Select<'a> {
        Select { biased: true, ..Select::new() }
    }

    fn add(&mut self, operation: &'a (dyn Operation + 'a)) -> usize {
        let index = self.next_index;
        self.next_index += 1;
        self.cases.push(Case::new(operation, index));
        index
    }

    /// Adds a send operation. Returns its index: the first added has 0.
    pub fn send<T>(&mut self, s: &'a Sender<T>) -> usize {
        self.add(s)
    }

    /// Adds a receive operation. Returns its index.
    pub fn recv<T>(&mut self, r: &'a Receiver<T>) -> usize {
        self.add(r)
    }

    /// Takes an operation out again. The others keep their indices.
    ///
    /// # Panics
    /// If there is no operation of this index.
    pub fn remove(&mut self, index: usize) {
        assert!(index < self.next_index, "index out of bounds; {index} >= {}", self.next_index);
        let found = self.cases.iter().position(|case| case.index == index);
        self.cases.remove(found.expect("no operation with this index"));
    }

    fn decide(&mut self, until: Until) -> Option<SelectedOperation<'a>> {
        decide(&mut self.cases, until, self.biased)
    }

    /// Selects an operation that is ready now.
    ///
    /// # Errors
    /// None is.
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        self.decide(Until::Now).ok_or(TrySelectError)
    }

    /// Waits until an operation is ready, and selects it.
    ///
    /// # Panics
    /// If there are no operations.
    pub fn select(&mut self) -> SelectedOperation<'a> {
        assert!(!self.cases.is_empty(), "no operations have been added to `Select`");
        self.decide(Until::Forever).expect("without a deadline it waits")
    }

    /// As [`select`](Self::select), for at most `timeout`. A timeout past the end of the clock is none.
    ///
    /// # Errors
    /// None was ready in time.
    pub fn select_timeout(&mut self, timeout: Duration) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.decide(Until::after(timeout)).ok_or(SelectTimeoutError)
    }

    /// As [`select`](Self::select), until `deadline` at most.
    ///
    /// # Errors
    /// None was ready in time.
    pub fn select_deadline(&mut self, deadline: Instant) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.decide(Until::At(deadline)).ok_or(SelectTimeoutError)
    }

    /// The index of an operation that is ready now. Others may take what there is before the caller does.
    ///
    /// # Errors
    /// None is ready.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        ready(&mut self.cases, Until::Now, self.biased).ok_or(TryReadyError)
    }

    /// Waits until an operation is ready, and returns its index. Others may take what there is before the caller does.
    ///
    /// # Panics
    /// If there are no operations.
    pub fn ready(&mut self) -> usize {
        assert!(!self.cases.is_empty(), "no operations have been added to `Select`");
        ready(&mut self.cases, Until::Forever, self.biased).expect("without a deadline it waits")
    }

    /// As [`ready`](Self::ready), for at most `timeout`.
    ///
    /// # Errors
    /// None was ready in time.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        ready(&mut self.cases, Until::after(timeout), self.biased).ok_or(ReadyTimeoutError)
    }

    /// As [`ready`](Self::ready), until `deadline` at most.
    ///
    /// # Errors
    /// None was ready in time.
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        ready(&mut self.cases, Until::At(deadline), self.biased).ok_or(ReadyTimeoutError)
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Select::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Select { .. }")
    }
}

/// An operation that a [`Select`] has decided for, to be completed with [`send`](Self::send) or [`recv`](Self::recv) on the handle
/// that it was added with.
///
/// # Panics
/// When it is dropped instead. What was promised to it goes to others then; a message that was handed to it is dropped.
#[must_use = "a selected operation is to be completed"]
pub struct SelectedOperation<'a> {
    operation: &'a (dyn Operation + 'a),
    index: usize,
    grant: Option<Grant>,
    /// Whether it is a program's own, which has to complete it. `select!` does, unless a message ends it.
    strict: bool,
    /// Of the thread that selected: a grant may be a partner who waits for this one.
    not_send: PhantomData<*const ()>,
}

impl<'a> SelectedOperation<'a> {
    #[inline]
    fn new(case: &Case<'a>, grant: Grant) -> SelectedOperation<'a> {
        SelectedOperation {
            operation: case.operation,
            index: case.index,
            grant: Some(grant),
            strict: true,
            not_send: PhantomData,
        }
    }

    /// The index of the operation.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The grant, if `handle` is what the operation was added with. That is what says that the message is of its type.
    #[inline]
    fn take<H>(&mut self, handle: &H, mistake: &str) -> Grant {
        assert!(ptr::addr_eq(self.operation, handle), "{mistake}");
        self.grant.take().expect("completed once")
    }

    /// Completes a send operation. It does not wait, unless the other side is a selection as well: then for that to be completed.
    ///
    /// # Errors
    /// The channel is disconnected: the message.
    ///
    /// # Panics
    /// If the operation was added with another handle.
    #[inline]
    pub fn send<T>(mut self, s: &Sender<T>, msg: T) -> Result<(), SendError<T>> {
        let grant = self.take(s, "passed a sender that wasn't selected");
        s.complete(grant, msg)
    }

    /// Completes a receive operation. It does not wait, unless the other side is a selection as well: then for that to be completed.
    ///
    /// # Errors
    /// The channel is empty and disconnected.
    ///
    /// # Panics
    /// If the operation was added with another handle.
    #[inline]
    pub fn recv<T>(mut self, r: &Receiver<T>) -> Result<T, RecvError> {
        let grant = self.take(r, "passed a receiver that wasn't selected");
        r.complete(grant)
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SelectedOperation { .. }")
    }
}

impl Drop for SelectedOperation<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            not_completed(self.operation, grant, self.strict);
        }
    }
}

#[cold]
fn not_completed(operation: &dyn Operation, grant: Grant, strict: bool) {
    operation.give_back(grant);
    // A task that is cancelled between the two steps has no choice.
    if strict && !std::thread::panicking() {
        panic!("dropped `SelectedOperation` without completing the operation");
    }
}

/// What `select!` and `select_biased!` expand to.
#[doc(hidden)]
pub mod __select {
    use super::{Case, Duration, Receiver, SelectedOperation, Sender, Until, decide};

    /// A receive operation.
    #[inline]
    pub fn recv<T>(r: &Receiver<T>) -> Case<'_> {
        Case::new(r, 0)
    }

    /// A send operation.
    #[inline]
    pub fn send<T>(s: &Sender<T>) -> Case<'_> {
        Case::new(s, 0)
    }

    #[inline]
    fn run<'a>(cases: &mut [Case<'a>], until: Until, biased: bool) -> Option<SelectedOperation<'a>> {
        for (i, case) in cases.iter_mut().enumerate() {
            case.index = i;
        }
        let mut operation = decide(cases, until, biased)?;
        operation.strict = false;
        Some(operation)
    }

    /// Waits for one of the operations.
    #[inline]
    pub fn select<'a>(cases: &mut [Case<'a>], biased: bool) -> SelectedOperation<'a> {
        run(cases, Until::Forever, biased).expect("without a deadline it waits")
    }

    /// One of the operations that is ready now.
    #[inline]
    pub fn try_select<'a>(cases: &mut [Case<'a>], biased: bool) -> Option<SelectedOperation<'a>> {
        run(cases, Until::Now, biased)
    }

    /// Waits for one of the operations, for at most `timeout`.
    #[inline]
    pub fn select_timeout<'a>(
        cases: &mut [Case<'a>],
        biased: bool,
        timeout: Duration,
    ) -> Option<SelectedOperation<'a>> {
        run(cases, Until::after(timeout), biased)
    }
}
