//! What ordinary programs ask std for works in tasks: threads, channels and locks with them, thread-locals with destructors, files,
//! other processes, the environment, the clock, output.

mod common;
#[path = "common/fresh.rs"]
mod fresh;
#[path = "common/watchdog.rs"]
mod watchdog;
#[path = "common/work.rs"]
mod work;

use fresh::{ROOMY, below, os_thread, task_with};
use morestack::{runtime, thread};
use std::cell::{Cell, RefCell};
use std::io::{Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock, mpsc};
use std::time::{Duration, Instant, SystemTime};
use watchdog::Watchdog;
use work::SECTIONS;

/// In fresh tasks, from many depths.
fn from_each_depth(body: fn()) {
    for frames in (0..40).step_by(3) {
        task_with(ROOMY, move || below(frames, &mut || body()));
    }
}

#[test]
fn threads_and_channels() {
    let _watchdog = Watchdog::new(60);
    from_each_depth(|| {
        let (sender, receiver) = mpsc::channel();
        let (reply, replies) = mpsc::sync_channel(3);
        let threads: Vec<_> = (0..3)
            .map(|k| {
                let (sender, reply) = (sender.clone(), reply.clone());
                std::thread::spawn(move || {
                    for n in 0..10 {
                        sender.send((k, n)).unwrap();
                    }
                    reply.send(below(100, &mut || format!("{k}"))).unwrap();
                    k
                })
            })
            .collect();
        drop((sender, reply));
        let mut got: Vec<(usize, usize)> = receiver.iter().collect();
        got.sort_unstable();
        assert!(got.into_iter().eq((0..3).flat_map(|k| (0..10).map(move |n| (k, n)))));
        let mut texts: Vec<String> = replies.iter().collect();
        texts.sort();
        assert_eq!(texts, ["0", "1", "2"]);
        assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 3);
        let timeout = mpsc::channel::<()>().1.recv_timeout(Duration::from_millis(1));
        assert!(timeout.is_err());
    });
}

#[test]
fn locks_between_threads() {
    let _watchdog = Watchdog::new(60);
    from_each_depth(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new(), RwLock::new(0), Barrier::new(3)));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    shared.3.wait();
                    *shared.2.write().unwrap() += 1;
                    *shared.0.lock().unwrap() += 1;
                    shared.1.notify_all();
                });
            }
            shared.3.wait();
            let both = shared.1.wait_while(shared.0.lock().unwrap(), |n| *n < 2).unwrap();
            assert_eq!((*both, *shared.2.read().unwrap()), (2, 2));
        });
    });
}

static DESTROYED: AtomicUsize = AtomicUsize::new(0);

/// Its destructor needs more stack than a small one has.
struct Local(Cell<usize>);

impl Drop for Local {
    fn drop(&mut self) {
        let (_, section) = SECTIONS[self.0.get() % SECTIONS.len()];
        assert_eq!(below(200, &mut || section()), os_thread(section));
        DESTROYED.fetch_add(1, SeqCst);
    }
}

thread_local! {
    static LOCAL: Local = const { Local(Cell::new(0)) };
    static LAZY: RefCell<Vec<String>> = RefCell::new(vec![below(60, &mut || format!("{:>5}", 1))]);
    static CONST: Cell<u64> = const { Cell::new(5) };
}

#[test]
fn thread_locals_with_destructors() {
    let _watchdog = Watchdog::new(60);
    let before = DESTROYED.load(SeqCst);
    let rounds = 20;
    for round in 0..rounds {
        std::thread::spawn(move || {
            // First used, and so made, at the edge of a task's stack.
            task_with(ROOMY, move || {
                below(round * 2, &mut || {
                    LOCAL.with(|local| local.0.set(round));
                    LAZY.with_borrow_mut(|texts| texts.push(format!("{round}")));
                    CONST.set(CONST.get() * 2);
                })
            });
            LAZY.with_borrow(|texts| assert_eq!(*texts, ["    1".to_owned(), round.to_string()]));
            assert_eq!((CONST.get(), LOCAL.with(|local| local.0.get())), (10, round));
        })
        .join()
        .unwrap();
    }
    assert_eq!(DESTROYED.load(SeqCst), before + rounds);

    // Those of workers end with their runtime.
    let runtime = runtime::Builder::new().workers(2).build().unwrap();
    for worker in 0..2 {
        let task = thread::Builder::new().affinity(worker).stack_size(ROOMY);
        task.spawn_on(&runtime, move || LOCAL.with(|local| local.0.set(worker))).unwrap().join().unwrap();
    }
    drop(runtime);
    assert_eq!(DESTROYED.load(SeqCst), before + rounds + 2);
}

#[test]
fn files() {
    from_each_depth(|| {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("morestack-{}-{}", std::process::id(), NUMBER.fetch_add(1, SeqCst));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("file");
        let mut file = std::fs::OpenOptions::new().create_new(true).read(true).write(true).open(&path).unwrap();
        write!(file, "{:>10}\n{}", "text", "x".repeat(10_000)).unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.len(), file.metadata().unwrap().len()), (10_011, 10_011));
        assert_eq!(std::fs::copy(&path, directory.join("copy")).unwrap(), 10_011);
        let mut names: Vec<_> =
            std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["copy", "file"]);
        assert_eq!(path.canonicalize().unwrap().file_name(), path.file_name());
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(std::fs::read(&path).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    });
}

#[test]
fn other_processes() {
    let _watchdog = Watchdog::new(60);
    for frames in [0, 3, 7, 15, 28] {
        task_with(ROOMY, move || below(frames, &mut || children()));
    }
}

fn children() {
    let output =
        Command::new("sh").args(["-c", "cat; echo $WORD >&2; exit 3"]).env("WORD", "x y").stdin(Stdio::null()).output();
    let output = output.unwrap();
    assert_eq!((output.status.code(), &output.stdout[..], &output.stderr[..]), (Some(3), &b""[..], &b"x y\n"[..]));
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    cat.stdin.take().unwrap().write_all(b"through a pipe").unwrap();
    assert_eq!(cat.wait_with_output().unwrap().stdout, b"through a pipe");
    let mut forked = Command::new("true");
    // Makes std fork, and run Rust code in the child.
    // SAFETY: nothing there allocates or locks.
    unsafe {
        forked.pre_exec(|| {
            // SAFETY: no preconditions.
            if below(100, &mut || libc::getpid()) > 0 { Ok(()) } else { Err(std::io::ErrorKind::Other.into()) }
        })
    };
    assert!(forked.status().unwrap().success());
    assert!(Command::new("/nonexistent/program").spawn().is_err());
}

#[test]
fn the_environment_the_clock_and_output() {
    from_each_depth(|| {
        assert!(std::env::vars_os().count() > 0 && std::env::var("MORESTACK_NO_SUCH_VARIABLE").is_err());
        assert!(std::env::current_exe().unwrap().is_absolute());
        let begin = Instant::now();
        std::thread::sleep(Duration::from_micros(10));
        assert!(begin.elapsed() >= Duration::from_micros(10));
        assert!(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() > 1 << 30);
        println!("printed from a task: {:>8.3} {:?}", 1.5, Some("text"));
        eprintln!("and to standard error");
        let hash = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 7);
        assert_ne!(hash, std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 7));
        assert!(std::thread::available_parallelism().unwrap().get() > 0);
        let localhost = std::net::ToSocketAddrs::to_socket_addrs("localhost:80");
        assert!(localhost.map_or(true, |mut addresses| addresses.all(|address| address.port() == 80)));
    });
}
