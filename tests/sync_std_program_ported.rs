//! The same program twice: with `std::sync`, and with the import changed.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/quiet.rs"]
mod quiet;
#[path = "common/watchdog.rs"]
mod watchdog;

macro_rules! program {
    ($name:ident, $($import:tt)*) => {
        mod $name {
            $($import)*
            use crate::quiet::Expected;
            use std::any::type_name_of_val;
            use std::collections::{BTreeMap, VecDeque};
            use std::fmt::{Debug, Display, Write};
            use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, panic_any};
            use std::time::Duration;

            /// A bounded queue as in a book.
            struct Bounded<T> {
                items: Mutex<VecDeque<T>>,
                not_empty: Condvar,
                not_full: Condvar,
                room: usize,
            }

            impl<T> Bounded<T> {
                const fn new(room: usize) -> Bounded<T> {
                    let (not_empty, not_full) = (Condvar::new(), Condvar::new());
                    Bounded { items: Mutex::new(VecDeque::new()), not_empty, not_full, room }
                }

                fn push(&self, item: T) {
                    let guard = self.items.lock().unwrap();
                    let mut guard = self.not_full.wait_while(guard, |items| items.len() == self.room).unwrap();
                    guard.push_back(item);
                    self.not_empty.notify_one();
                }

                fn pop(&self) -> T {
                    let mut guard = self.items.lock().unwrap();
                    loop {
                        if let Some(item) = guard.pop_front() {
                            self.not_full.notify_one();
                            return item;
                        }
                        guard = self.not_empty.wait(guard).unwrap();
                    }
                }
            }

            static QUEUE: Bounded<Option<u64>> = Bounded::new(3);
            static NAMES: RwLock<BTreeMap<u64, String>> = RwLock::new(BTreeMap::new());
            static SUM: LazyLock<Mutex<u64>> = LazyLock::new(|| Mutex::new(*BASE.get_or_init(|| 1000)));
            static BASE: OnceLock<u64> = OnceLock::new();
            static START: Once = Once::new();

            /// A cache behind one lock, whose misses are filled outside of it.
            fn name(n: u64) -> String {
                if let Some(name) = NAMES.read().unwrap().get(&n) {
                    return name.clone();
                }
                let mut names = NAMES.write().unwrap();
                names.entry(n).or_insert_with(|| format!("number {n}"));
                RwLockWriteGuard::downgrade(names)[&n].clone()
            }

            fn work(barrier: &Barrier, out: &Mutex<Vec<String>>) -> bool {
                START.call_once(|| *SUM.lock().unwrap() += 5);
                let is_leader = barrier.wait().is_leader();
                while let Some(n) = QUEUE.pop() {
                    *SUM.lock().unwrap() += n;
                    out.lock().unwrap().push(name(n % 4));
                }
                is_leader
            }

            fn poisoned(out: &mut String) {
                let mutex = Arc::new(Mutex::new(vec![1]));
                let rwlock = Arc::new(RwLock::new(1));
                let once = Once::new();
                let (in_mutex, in_rwlock) = (mutex.clone(), rwlock.clone());
                let failed = thread::spawn(move || {
                    let mut guard = in_mutex.lock().unwrap();
                    let _write = in_rwlock.write().unwrap();
                    guard.push(2);
                    panic_any(Expected(1));
                });
                let failed = failed.join().unwrap_err();
                writeln!(out, "{:?} {mutex:?} {rwlock:?}", failed.downcast_ref::<Expected>()).unwrap();
                match mutex.try_lock() {
                    Err(error @ TryLockError::Poisoned(_)) => writeln!(out, "{error} {error:?}").unwrap(),
                    other => writeln!(out, "{other:?}").unwrap(),
                }
                let recovered: LockResult<MutexGuard<'_, Vec<i32>>> = mutex.lock();
                let guard = recovered.unwrap_or_else(PoisonError::into_inner);
                let would_block = mutex.try_lock().unwrap_err();
                writeln!(out, "{guard:?} {would_block} {would_block:?} {mutex:?}").unwrap();
                drop(guard);
                mutex.clear_poison();
                rwlock.clear_poison();
                let _ = catch_unwind(AssertUnwindSafe(|| once.call_once(|| panic_any(Expected(2)))));
                once.call_once_force(|state| writeln!(out, "{state:?}").unwrap());
                writeln!(out, "{mutex:?} {rwlock:?} {once:?} {}", once.is_completed()).unwrap();
            }

            fn times(out: &mut String) {
                let (mutex, condvar) = (Mutex::new(1), Condvar::new());
                let guard = mutex.lock().unwrap();
                let (guard, result) = condvar.wait_timeout(guard, Duration::ZERO).unwrap();
                writeln!(out, "{guard} {result:?} {}", result.timed_out()).unwrap();
                let (guard, result) = condvar.wait_timeout_while(guard, Duration::MAX, |n| *n == 2).unwrap();
                writeln!(out, "{guard} {result:?}").unwrap();
                let (guard, result) = condvar.wait_timeout_while(guard, Duration::ZERO, |n| *n == 1).unwrap();
                writeln!(out, "{guard} {result:?} {:?}", result == result.clone()).unwrap();
            }

            fn traits(out: &mut String) {
                fn shared<T: Send + Sync + UnwindSafe + RefUnwindSafe + Debug>(value: T, out: &mut String) {
                    writeln!(out, "{value:?}").unwrap();
                }
                fn guard<T: Sync + Debug + Display>(value: &T, out: &mut String) {
                    writeln!(out, "{value:?} {value}").unwrap();
                }
                shared(Mutex::<u8>::default(), out);
                shared(RwLock::from(1), out);
                shared(Condvar::default(), out);
                shared(Barrier::new(2), out);
                shared(Once::new(), out);
                shared(OnceLock::from("a"), out);
                shared(LazyLock::<u8>::default(), out);
                let (mutex, rwlock) = (Mutex::new(2), RwLock::new(3));
                guard(&mutex.lock().unwrap(), out);
                guard::<RwLockReadGuard<'_, i32>>(&rwlock.read().unwrap(), out);
                guard(&rwlock.write().unwrap(), out);
                let _held = (mutex.lock().unwrap(), rwlock.write().unwrap());
                writeln!(out, "{mutex:?} {mutex:#?} {rwlock:?} {:?} {:?}", rwlock.try_read(), rwlock.try_write()).unwrap();
                // Of what has no size of its own, too.
                let slice: Arc<Mutex<[i32]>> = Arc::new(Mutex::new([1, 2, 3]));
                slice.lock().unwrap().reverse();
                let dynamic: Box<RwLock<dyn Debug + Send + Sync>> = Box::new(RwLock::new("dynamic"));
                writeln!(out, "{slice:?} {:?} {dynamic:?}", dynamic.read().unwrap()).unwrap();
                let weak: Weak<Mutex<[i32]>> = Arc::downgrade(&slice);
                writeln!(out, "{}", weak.upgrade().is_some()).unwrap();
                let mut mutex = Mutex::new(5);
                *mutex.get_mut().unwrap() += 1;
                writeln!(out, "{:?}", mutex.into_inner()).unwrap();
                let name = type_name_of_val(&atomic::AtomicBool::new(true));
                writeln!(out, "{}", name.ends_with("bool>") || name.ends_with("AtomicBool")).unwrap();
            }

            pub fn main() -> String {
                let mut out = String::new();
                let (barrier, names) = (Barrier::new(4), Mutex::new(Vec::new()));
                let leaders = thread::scope(|s| {
                    let workers: Vec<_> = (0..4).map(|_| s.spawn(|| work(&barrier, &names))).collect();
                    (1..=100).for_each(|n| QUEUE.push(Some(n)));
                    (0..4).for_each(|_| QUEUE.push(None));
                    workers.into_iter().map(|worker| usize::from(worker.join().unwrap())).sum::<usize>()
                });
                let mut names = names.into_inner().unwrap();
                names.sort();
                names.dedup();
                writeln!(out, "{leaders} {} {names:?} {:?} {:?}", SUM.lock().unwrap(), NAMES.read().unwrap(), BASE.get())
                    .unwrap();
                poisoned(&mut out);
                times(&mut out);
                traits(&mut out);
                out
            }
        }
    };
}

program! {
    with_std,
    use std::sync::{
        Arc, Barrier, Condvar, LazyLock, LockResult, Mutex, MutexGuard, Once, OnceLock, PoisonError, RwLock, RwLockReadGuard,
        RwLockWriteGuard, TryLockError, Weak, atomic,
    };
    use std::thread;
}

program! {
    with_ours,
    use morestack::sync::{
        Arc, Barrier, Condvar, LazyLock, LockResult, Mutex, MutexGuard, Once, OnceLock, PoisonError, RwLock, RwLockReadGuard,
        RwLockWriteGuard, TryLockError, Weak, atomic,
    };
    use morestack::thread;
}

#[test]
fn both_do_the_same() {
    let _watchdog = watchdog::Watchdog::new(120);
    quiet::quiet(&[]);
    let theirs = with_std::main();
    assert_eq!(with_ours::main(), theirs);
    assert!(theirs.starts_with("1 6055 [\"number 0\", \"number 1\", \"number 2\", \"number 3\"]"), "{theirs}");
    assert!(theirs.lines().count() > 20, "{theirs}");
}
