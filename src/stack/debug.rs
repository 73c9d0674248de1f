//! Debug modes: they make the invariants of moving stacks fail loudly and at once.
//!
//! Compiled in by the feature `debug-modes` and switched on by the environment variable `MORESTACK_DEBUG`, a
//! comma-separated list of the words below. Without the feature each query is the constant `false` and costs nothing.
//!
//! | word | effect |
//! |---|---|
//! | `move` | every check of a mapped function moves the stack, and nothing that is live may lead to where it was |
//! | `preempt` | every check of a mapped function yields to the next ready task |
//! | `poison` | stack memory is filled with [`POISON_BYTE`] when it is handed out and when it is given back |
//! | `fence` | every segment stands on pages of its own; given back, it becomes inaccessible |
//!
//! In a split build `poison` and `fence` hold for the segments of compiled Rust code too, and `move` for its checks: each one on
//! a segment that was linked moves that, unless a frame on it cannot be moved; on a task's first segment nothing moves. `preempt`
//! means nothing there: compiled Rust code gives way only where it waits.

/// The byte that fills fresh and freed stack memory under `poison`. As a pointer (`0xfdfd...`) it is not canonical on
/// x86-64, so using one faults instead of reading something.
pub const POISON_BYTE: u8 = 0xfd;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    pub move_always: bool,
    pub preempt_always: bool,
    pub poison: bool,
    pub fence: bool,
}

impl Modes {
    /// Reads a list such as `move,poison`.
    ///
    /// # Errors
    /// The first word that names no mode.
    pub fn parse(list: &str) -> Result<Modes, String> {
        let mut modes = Modes::default();
        for word in list.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            match word {
                "move" => modes.move_always = true,
                "preempt" => modes.preempt_always = true,
                "poison" => modes.poison = true,
                "fence" => modes.fence = true,
                other => return Err(other.to_owned()),
            }
        }
        Ok(modes)
    }
}

/// The modes of this process: those that `MORESTACK_DEBUG` named when they were first asked for.
///
/// # Panics
/// If the variable names an unknown mode: a debug run that silently checks nothing would be worse.
#[cfg(feature = "debug-modes")]
#[inline]
pub fn modes() -> Modes {
    static MODES: std::sync::OnceLock<Modes> = std::sync::OnceLock::new();
    *MODES.get_or_init(|| match Modes::parse(&std::env::var("MORESTACK_DEBUG").unwrap_or_default()) {
        Ok(modes) => modes,
        Err(word) => panic!("MORESTACK_DEBUG: no mode is called {word:?}; there are move, preempt, poison and fence"),
    })
}

/// What is to be looked at after a move: a function of the layers above.
#[cfg(feature = "debug-modes")]
static AFTER_MOVE: std::sync::OnceLock<fn(&std::ops::Range<usize>)> = std::sync::OnceLock::new();

/// Has `look` look at what these layers hold, after each move under `move`: it is given the addresses that the stack had, which nothing
/// live may point to.
#[cfg(feature = "debug-modes")]
pub(crate) fn after_move(look: fn(&std::ops::Range<usize>)) {
    AFTER_MOVE.get_or_init(|| look);
}

/// A stack was there, and is now somewhere else.
pub(crate) fn moved(old: &std::ops::Range<usize>) {
    #[cfg(feature = "debug-modes")]
    if let Some(look) = AFTER_MOVE.get() {
        look(old);
    }
    let _ = old;
}

/// All modes are off: the feature `debug-modes` is not compiled in.
#[cfg(not(feature = "debug-modes"))]
#[inline(always)]
pub const fn modes() -> Modes {
    Modes { move_always: false, preempt_always: false, poison: false, fence: false }
}
