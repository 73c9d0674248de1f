//! A live page about the runtime: what tasks do and where, which stacks there are, how often they grow, how quickly workers answer.
//!
//! A program opts in by naming an address, at best one that only its own machine reaches:
//!
//! ```no_run
//! let address = morestack::debug::serve("127.0.0.1:6060")?;
//! println!("see http://{address}/");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | path | what |
//! |---|---|
//! | `/` | the page: figures, charts of the last five minutes; it renews itself each second |
//! | `/tasks?q=WORDS&sort=KEY&n=COUNT` | all tasks with what they wait for and their traces: those that have all words in them, sorted by `wait`, `stack`, `name`, `id` or `state` |
//! | `/metrics` | [`metrics`](crate::runtime::metrics) and the latency as Prometheus reads them, text format 0.0.4 |
//! | `/metrics.json`, `/history.json`, `/tasks.json` | the same data for programs; `tasks.json` takes what `/tasks` does |
//!
//! Everything is rendered here and nothing is loaded from elsewhere; without scripts the page shows one moment. It is served by OS
//! threads, so it answers also when every worker is stuck, and says which tasks keep them.
//!
//! # Who may see it
//!
//! Whoever reaches the address: names and traces of tasks are no secret to the page. Requests that a browser makes for another site
//! (under a name that leads to the loopback address) are refused. On an address that others reach, put something in front of it that asks
//! who they are.

mod chart;
mod history;
mod html;
mod http;
mod json;
mod page;
mod prometheus;
mod tasks;

use crate::net::{ToSocketAddrs, each_addr};
use crate::sched::{OWN_THREAD_STACK, OWN_THREADS};
use http::{Request, Response};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Requests that are served at a time. A browser opens six connections; more than some is nobody who looks at a page.
const AT_A_TIME: usize = 16;

/// Serves the page at the first of the addresses where that is possible, until the process ends. Returns where: with port 0 the system
/// chooses one.
///
/// Costs two threads that sleep, one more for each request while it is served, and once in a second a question to each worker.
///
/// # Errors
/// The address is taken, or is none; there is no thread to be had.
pub fn serve<A: ToSocketAddrs>(addr: A) -> io::Result<SocketAddr> {
    let listener = each_addr(addr, |addr| TcpListener::bind(addr))?;
    let address = listener.local_addr()?;
    history::record()?;
    own_thread("debug page", move || accept(&listener, address))?;
    Ok(address)
}

/// Starts a thread of this library's, which runs for good and wakes no task.
fn own_thread(name: &str, f: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).stack_size(OWN_THREAD_STACK).spawn(f)?;
    OWN_THREADS.fetch_add(1, Relaxed);
    Ok(())
}

/// One of the requests that are served. Counts as long as it lives.
struct Served(Arc<AtomicUsize>);

impl Served {
    /// If there is room for one more.
    fn admit(count: &Arc<AtomicUsize>) -> Option<Served> {
        let served = Served(count.clone());
        (count.fetch_add(1, Relaxed) < AT_A_TIME).then_some(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn accept(listener: &TcpListener, address: SocketAddr) {
    let count = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // No descriptors, perhaps: there may be some by then.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let Some(served) = Served::admit(&count) else {
            let _ = http::turn_away(&stream, &Response::error(503, "Too many requests are being served."));
            continue;
        };
        // If there is no thread, the connection is closed.
        let _ = thread::Builder::new().name("debug request".to_owned()).stack_size(OWN_THREAD_STACK).spawn(move || {
            let _served = served;
            // Who goes away before the answer needs none.
            let _ = serve_one(&stream, address);
        });
    }
}

fn serve_one(stream: &TcpStream, address: SocketAddr) -> io::Result<()> {
    match http::read(stream, address)? {
        Ok(request) => http::answer(stream, request.head_only, &respond(&request)),
        Err(refusal) => http::answer(stream, false, &refusal),
    }
}

fn respond(request: &Request) -> Response {
    const CSS: &str = include_str!("page.css");
    const JS: &str = include_str!("page.js");
    match &*request.path {
        "/" => Response::html(page::whole()),
        "/live" => Response::html(page::live()),
        "/tasks" => Response::html(tasks::page(&tasks::Query::of(request))),
        "/metrics" => Response::of("text/plain; version=0.0.4; charset=utf-8", prometheus::text()),
        "/metrics.json" => Response::json(&json::metrics()),
        "/history.json" => Response::json(&json::history()),
        "/tasks.json" => Response::json(&json::tasks(&tasks::Query::of(request))),
        "/page.css" => Response::of("text/css; charset=utf-8", CSS.to_owned()),
        "/page.js" => Response::of("text/javascript; charset=utf-8", JS.to_owned()),
        _ => Response::error(404, "There is no such page."),
    }
}
