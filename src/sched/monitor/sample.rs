//! Where a thread is: a signal makes it say so.
//!
//! Only a thread itself can walk its stack. The signal is SIGURG, as in Go: what does not expect it ignores it. If the program
//! has a handler of its own for it, ours is not installed, and places are unknown.
//!
//! **What the interrupted code may notice.** System calls are restarted after the handler (`SA_RESTART`) except those that
//! signal(7) lists: sleeps, polls, sockets with a timeout, which return `EINTR`. A thread that is blocked in one of them gets no
//! signal. But one that runs may enter one before the signal arrives: so a stuck task's call may be interrupted once, as by any
//! other signal. std goes on after that, and most libraries do.
//!
//! **What the handler may meet.** The unwinder finds tables through `_dl_find_object`, or in older libraries under the dynamic
//! linker's lock, which the interrupted code may hold. So the stack is walked only if the program counter lies in the executable's
//! own code, which Rust code does, or if the thread is blocked in a call. Else the program counter is all there is, and the monitor
//! asks again.
//!
//! The thread may have gone on since it was asked. So the handler looks itself whether it still is in the same task: then the
//! task's stacks and its `G` are there, be it in the middle of a switch. But that may be the middle of a *move*, when records lead
//! into a segment that is gone. So a walk that begins outside mapped code ends at the first mapped frame. One that begins in
//! mapped code finds no move going on.

use super::report::Place;
use crate::sched::mailbox::{Mailbox, Running};
use crate::stack::locked;
use crate::task::report::known_if_right;
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize};
use std::sync::{Mutex, Once, OnceLock};
use std::time::{Duration, Instant};

/// Frames that are kept: enough to get out of std and a library or two.
const FRAMES: usize = 24;

/// How long a thread is waited for. One that is blocked for good, or kept off the processor, will not answer.
const PATIENCE: Duration = Duration::from_millis(20);

/// The one question that is asked at a time. Who asks writes it while it is idle, the handler while it is taken.
struct Question {
    state: AtomicU32,
    tid: AtomicI32,
    asked: UnsafeCell<Option<Asked>>,
    frames: [AtomicUsize; FRAMES],
    len: AtomicUsize,
    whole: AtomicBool,
}

// SAFETY: `asked` is written by who asks in IDLE, and read by who has made it TAKEN.
unsafe impl Sync for Question {}

/// What a thread is asked.
struct Asked {
    /// Where it sees what it runs. Who asks keeps this until there is an answer.
    mailbox: *const Mailbox,
    /// What it was seen with.
    running: Running,
    /// Whether the stack may be walked wherever the thread is.
    anywhere: bool,
}

/// Nobody asks.
const IDLE: u32 = 0;
/// The thread `tid` is to answer.
const ASKED: u32 = 1;
/// It does.
const TAKEN: u32 = 2;
/// It has.
const ANSWERED: u32 = 3;

static QUESTION: Question = Question {
    state: AtomicU32::new(IDLE),
    tid: AtomicI32::new(0),
    asked: UnsafeCell::new(None),
    frames: [const { AtomicUsize::new(0) }; FRAMES],
    len: AtomicUsize::new(0),
    whole: AtomicBool::new(false),
};

/// The executable's code: two addresses.
static TEXT: OnceLock<(usize, usize)> = OnceLock::new();

/// Where a thread was.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// The program counter, and the return addresses, the innermost first.
    frames: Vec<usize>,
    whole: bool,
}

impl Sample {
    /// Whether the stack was walked.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// What it says, to be resolved when somebody asks.
    pub(super) fn place(&self) -> Place {
        Place::of(&self.frames)
    }
}

/// Prepares for questions, on a thread where nothing is interrupted yet: what the unwinder does on its first use, it does here.
pub(super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        TEXT.get_or_init(executable_text);
        backtrace::trace(|_| true);
    });
}

/// Installs the handler when it is first needed. Whether it is there.
fn install() -> bool {
    static INSTALLED: Mutex<Option<bool>> = Mutex::new(None);
    *locked(&INSTALLED).get_or_insert_with(|| {
        let mut previous = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only asks.
        let status = unsafe { libc::sigaction(libc::SIGURG, ptr::null(), previous.as_mut_ptr()) };
        // SAFETY: read only if the call succeeded, so it was written.
        if status != 0 || unsafe { previous.assume_init() }.sa_sigaction != libc::SIG_DFL {
            return false;
        }
        // SAFETY: all zeros is a valid action, with an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: the handler is async-signal-safe, and the default, to ignore the signal, is what it does for strangers.
        unsafe { libc::sigaction(libc::SIGURG, &action, ptr::null_mut()) == 0 }
    })
}

/// Asks a worker's thread where it is in what it runs. Empty if it does not answer, or runs something else. `blocked`: it is
/// blocked in the kernel, so its stack may be walked wherever it is. On a thread that may block.
pub(super) fn take(mailbox: &Mailbox, running: Running, blocked: bool) -> Sample {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one_at_a_time = locked(&ONE_AT_A_TIME);
    if !install() {
        return Sample { frames: Vec::new(), whole: true };
    }
    let tid = mailbox.tid;
    QUESTION.tid.store(tid, Relaxed);
    // SAFETY: IDLE, and nobody else asks.
    unsafe { *QUESTION.asked.get() = Some(Asked { mailbox, running, anywhere: blocked }) };
    QUESTION.state.store(ASKED, Release);
    // SAFETY: without preconditions. To a thread of this process; if it is gone, the kernel says so, and if another one has its
    // number now, it answers that it runs something else, because nobody has shown anything since.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGURG) } == 0;
    let deadline = Instant::now() + PATIENCE;
    while sent && QUESTION.state.load(Acquire) != ANSWERED && Instant::now() < deadline {
        std::thread::sleep(Duration::from_micros(50));
    }
    if QUESTION.state.compare_exchange(ASKED, IDLE, Relaxed, Relaxed).is_ok() {
        return Sample::default();
    }
    // It has begun to answer: nothing in the handler waits.
    while QUESTION.state.load(Acquire) != ANSWERED {
        std::thread::yield_now();
    }
    let len = QUESTION.len.load(Relaxed).min(FRAMES);
    let frames = QUESTION.frames[..len].iter().map(|frame| frame.load(Relaxed)).collect();
    let whole = QUESTION.whole.load(Relaxed);
    QUESTION.state.store(IDLE, Relaxed);
    Sample { frames, whole }
}

/// The handler. Async-signal-safe: it neither allocates nor locks.
extern "C" fn on_signal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: without preconditions; and this thread's errno, to be put back.
    let (tid, errno) = unsafe { (libc::gettid(), *libc::__errno_location()) };
    if QUESTION.tid.load(Relaxed) != tid || QUESTION.state.compare_exchange(ASKED, TAKEN, AcqRel, Relaxed).is_err() {
        return;
    }
    // SAFETY: TAKEN, and who asks waits for the answer.
    let asked = unsafe {
        (*QUESTION.asked.get()).as_ref().map(|asked| (&(*asked.mailbox).pulse, asked.running, asked.anywhere))
    };
    let Some((_, _, anywhere)) = asked.filter(|(pulse, running, _)| pulse.running() == Some(*running)) else {
        QUESTION.len.store(0, Relaxed);
        QUESTION.state.store(ANSWERED, Release);
        return;
    };
    // SAFETY: the kernel passes a ucontext to a handler with SA_SIGINFO.
    let pc = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] } as usize;
    let in_text = TEXT.get().is_some_and(|&(lo, hi)| (lo..hi).contains(&pc));
    let known = known_if_right();
    let is_mapped = |pc| known.as_ref().is_some_and(|known| known.find_function(pc).is_some());
    let from_mapped = is_mapped(pc);
    let len = Cell::new(0);
    if in_text || anywhere {
        // SAFETY: the lock that is left out keeps others from the symbolizer's tables, which a walk does not use.
        unsafe {
            backtrace::trace_unsynchronized(|frame| {
                let ip = frame.ip() as usize;
                // Behind the outermost frame, where a task begins.
                if ip == 0 {
                    return false;
                }
                // The handler's own frames come first.
                if len.get() > 0 || ip == pc {
                    QUESTION.frames[len.get()].store(ip, Relaxed);
                    len.set(len.get() + 1);
                }
                len.get() < FRAMES && (from_mapped || !is_mapped(ip))
            });
        }
    }
    if len.get() == 0 {
        QUESTION.frames[0].store(pc, Relaxed);
    }
    QUESTION.whole.store(len.get() > 0, Relaxed);
    QUESTION.len.store(len.get().max(1), Relaxed);
    QUESTION.state.store(ANSWERED, Release);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// From the lowest to the highest address of the executable's code.
fn executable_text() -> (usize, usize) {
    unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _: usize, out: *mut c_void) -> libc::c_int {
        // SAFETY: the linker's own description of an object, and `executable_text`'s variable.
        unsafe {
            let out = &mut *out.cast::<(usize, usize)>();
            for index in 0..usize::from((*info).dlpi_phnum) {
                let header = &*(*info).dlpi_phdr.add(index);
                if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0 {
                    let lo = (*info).dlpi_addr as usize + header.p_vaddr as usize;
                    *out = (out.0.min(lo), out.1.max(lo + header.p_memsz as usize));
                }
            }
        }
        // The executable comes first, and the others are not asked for.
        1
    }
    let mut text = (usize::MAX, 0);
    // SAFETY: the callback writes what it is given.
    unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut text).cast()) };
    text
}
