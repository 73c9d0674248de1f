//! Signals as messages: who is told to stop selects on that as on anything else.
//!
//! ```no_run
//! use morestack::channel::{after, select};
//! use morestack::signal::{Signal, notify};
//! use std::time::Duration;
//!
//! let stop = notify(&[Signal::INTERRUPT, Signal::TERMINATE])?;
//! select! {
//!     recv(stop) -> signal => println!("stopped by {}", signal.expect("the channel stays")),
//!     recv(after(Duration::from_secs(60))) -> _ => println!("done"),
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Shaped after Go's `os/signal`. The handlers are [`signal_hook`]'s, and one thread of this crate's, started by the first
//! [`notify`], passes on what they note. What a program's own handlers do is theirs: one that was installed before is called too.

use crate::channel::{self, Receiver, Sender, TrySendError};
use crate::stack::locked;
use signal_hook::consts::{FORBIDDEN, SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::{emulate_default_handler, signal_name};
use std::fmt;
use std::io;
use std::sync::Mutex;
use std::thread;

/// A signal of the system, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

impl Signal {
    /// `SIGINT`: ctrl-c.
    pub const INTERRUPT: Signal = Signal(SIGINT);
    /// `SIGTERM`: what `kill` sends, and whoever manages services.
    pub const TERMINATE: Signal = Signal(SIGTERM);
    /// `SIGHUP`: the terminal is gone; for servers, by custom: read the configuration again.
    pub const HANG_UP: Signal = Signal(SIGHUP);
    /// `SIGQUIT`: ctrl-\. Where [`dump_on_sigquit`](crate::runtime::dump_on_sigquit) is on, the dump comes too.
    pub const QUIT: Signal = Signal(SIGQUIT);
    /// `SIGUSR1`.
    pub const USER_1: Signal = Signal(SIGUSR1);
    /// `SIGUSR2`.
    pub const USER_2: Signal = Signal(SIGUSR2);
    /// `SIGCHLD`: a child process has ended or stopped.
    pub const CHILD: Signal = Signal(SIGCHLD);
    /// `SIGALRM`.
    pub const ALARM: Signal = Signal(SIGALRM);
    /// `SIGWINCH`: the terminal has another size.
    pub const WINDOW: Signal = Signal(SIGWINCH);

    /// The signal of this number. Whether there is one, [`notify`] finds out.
    pub const fn from_raw(number: i32) -> Signal {
        Signal(number)
    }

    /// Its number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_name(self.0) {
            Some(name) => f.pad(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Signals that wait in a channel, at most: who does not look for so long misses some, as the kernel merges those that come while one is
/// pending.
const WAITING: usize = 64;

/// Stack of the thread that passes signals on.
const THREAD_STACK: usize = 128 << 10;

/// Who wants which signals.
struct Hub {
    handle: Handle,
    listeners: Vec<(Signal, Sender<Signal>)>,
}

static HUB: Mutex<Option<Hub>> = Mutex::new(None);

/// A channel into which each of these signals is sent when it comes, from now on, instead of doing what it does by itself.
///
/// Several may ask for the same signal; each gets it. When the last receiver for a signal is gone, the signal does what it does
/// by default again. A channel keeps 64 signals that nobody has received; what comes on top is lost.
///
/// Works from tasks and from OS threads, and in a process without a runtime. As long as the process waits for signals, it is not
/// reported that [all tasks are asleep](crate::runtime::Report::AllAsleep).
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a signal that there is not, that cannot be caught (`SIGKILL`, `SIGSTOP`) or that
/// tells of a fault (`SIGSEGV`, `SIGILL`, `SIGFPE`); what the system says if there is no thread or descriptor to be had.
pub fn notify(signals: &[Signal]) -> io::Result<Receiver<Signal>> {
    for signal in signals {
        if FORBIDDEN.contains(&signal.0) || signal_name(signal.0).is_none() && !is_real_time(*signal) {
            let text = format!("{signal} cannot be received from a channel");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    }
    let mut hub = locked(&HUB);
    let hub = match &mut *hub {
        Some(hub) => hub,
        none => none.insert(start()?),
    };
    let (sender, receiver) = channel::bounded(WAITING);
    hub.listeners.retain(|(_, sender)| !sender.is_closed());
    // First, so that none is lost; a listener whose signal has no handler does no harm.
    hub.listeners.extend(signals.iter().map(|&signal| (signal, sender.clone())));
    for signal in signals {
        hub.handle.add_signal(signal.0)?;
    }
    Ok(receiver)
}

fn is_real_time(signal: Signal) -> bool {
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&signal.0)
}

fn start() -> io::Result<Hub> {
    let mut signals = Signals::new(std::iter::empty::<i32>())?;
    let handle = signals.handle();
    // Not one of the threads of which it is known that they wake nobody: this one may.
    let pass_on = move || signals.forever().map(Signal).for_each(deliver);
    thread::Builder::new().name("signals".to_owned()).stack_size(THREAD_STACK).spawn(pass_on)?;
    Ok(Hub { handle, listeners: Vec::new() })
}

/// Sends a signal to all who want it.
fn deliver(signal: Signal) {
    let mut hub = locked(&HUB);
    let Some(hub) = &mut *hub else { return };
    let mut wanted = false;
    hub.listeners.retain(|(its, sender)| {
        if *its != signal {
            return true;
        }
        let listens = !matches!(sender.try_send(signal), Err(TrySendError::Disconnected(_)));
        wanted |= listens;
        listens
    });
    if !wanted {
        // It fails for signals without a default, of which there are none here.
        let _ = emulate_default_handler(signal.0);
    }
}
