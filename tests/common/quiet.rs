//! Panics that a test wants: those whose message or payload says so are not printed.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::any::Any;
use std::panic;
use std::sync::Once;

/// A payload for panics that are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected(pub u64);

/// Keeps the hook silent about panics that carry [`Expected`], or whose message contains "expected" or one of `messages`.
pub fn quiet(messages: &'static [&'static str]) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload_as_str().unwrap_or_default();
            let wanted = info.payload().is::<Expected>()
                || text.contains("expected")
                || messages.iter().any(|message| text.contains(message));
            if !wanted {
                hook(info);
            }
        }));
    });
}

/// The number in a caught [`Expected`]; another payload is passed on.
pub fn number(payload: Box<dyn Any + Send>) -> u64 {
    match payload.downcast::<Expected>() {
        Ok(expected) => expected.0,
        Err(other) => panic::resume_unwind(other),
    }
}
