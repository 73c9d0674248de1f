//! What the runtime provides for checked code, and where it is.

use std::collections::HashMap;
use std::ops::Range;

use super::image::Image;

/// The section that lists hand-written functions: 4 bytes distance from the entry to the function, 4 bytes of stack.
const TRUSTED: &str = "morestack_trusted";

#[derive(Clone, Debug)]
pub(super) struct Runtime {
    /// Called by failed checks.
    pub(super) morestack: u64,
    /// Calls what `%r11` points to, wherever that has to run.
    pub(super) thunk: u64,
    /// Calls what `%r11` points to on a big stack, with the stack arguments that may be there.
    pub(super) foreign: u64,
    /// The same for a callee that gets no arguments on the stack.
    pub(super) foreign_registers: u64,
    /// Room for stubs.
    pub(super) stubs: Range<u64>,
}

impl Runtime {
    /// Or the symbol that is missing.
    pub(super) fn find(image: &Image<'_>) -> Result<Runtime, &'static str> {
        let symbol = |name: &'static str| image.symbol(name).ok_or(name);
        Ok(Runtime {
            morestack: symbol("__morestack")?,
            thunk: symbol("__x86_indirect_thunk_r11")?,
            foreign: symbol("morestack_foreign")?,
            foreign_registers: symbol("morestack_foreign_registers")?,
            stubs: symbol("morestack_stubs")?..symbol("morestack_stubs_end")?,
        })
    }

    /// Whether this is where calls with the target in `%r11` go.
    pub(super) fn dispatches(&self, address: u64) -> bool {
        [self.thunk, self.foreign, self.foreign_registers].contains(&address)
    }

    pub(super) fn is_part(&self, address: u64) -> bool {
        address == self.morestack || self.dispatches(address) || self.stubs.contains(&address)
    }

    /// The hand-written functions with the bytes of stack that each takes.
    pub(super) fn trusted(&self, image: &Image<'_>) -> HashMap<u64, i64> {
        let Some((address, data)) = image.section(TRUSTED) else { return HashMap::new() };
        let words = |at: usize| i32::from_le_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
        (0..data.len() / 8)
            .map(|entry| {
                let at = entry * 8;
                let function = (address + at as u64).wrapping_add_signed(i64::from(words(at)));
                (function, i64::from(words(at + 4) as u32))
            })
            .collect()
    }
}
