//! Jump tables, in the form that compilers give them in position-independent code: distances from the table, 4 bytes each.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use iced_x86::{Decoder, DecoderOptions, Register};

use super::image::Image;
use super::parallel::in_parallel;

/// The targets of the table at an address: it goes on to the next thing that something refers to, or to the first entry
/// that leads out of the function. A table that were taken for too short would leave code that no path reaches, and that is
/// an error by itself; one taken for too long leads into instructions, which is one too.
pub(super) fn targets(image: &Image<'_>, referenced: &[u64], function: &Range<u64>, table: u64) -> Vec<u64> {
    let next = referenced.partition_point(|address| *address <= table);
    let end = referenced.get(next).copied().unwrap_or(u64::MAX);
    let mut targets = Vec::new();
    let mut at = table;
    while at + 4 <= end {
        let Some(distance) = image.read_i32(at) else { break };
        let target = table.wrapping_add_signed(i64::from(distance));
        if !function.contains(&target) {
            break;
        }
        targets.push(target);
        at += 4;
    }
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// All addresses outside of code that the instructions of a range refer to.
fn references(image: &Image<'_>, range: Range<u64>, found: &mut Vec<u64>) {
    let code = image.bytes(range.start, range.end - range.start);
    let mut decoder = Decoder::with_ip(64, code, range.start, DecoderOptions::NONE);
    let mut ins = iced_x86::Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut ins);
        if ins.memory_base() == Register::RIP {
            found.push(ins.ip_rel_memory_address());
        }
    }
}

/// Sorted addresses that code or data refers to.
pub(super) fn all_references(image: &Image<'_>) -> Vec<u64> {
    let found = Mutex::new(image.pointed_to.clone());
    in_parallel(
        image.functions.len(),
        Vec::new,
        |index, local: &mut Vec<u64>| {
            references(image, image.functions[index].range(), local);
        },
        |mut local| found.lock().unwrap_or_else(PoisonError::into_inner).append(&mut local),
    );
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_unstable();
    found.dedup();
    found
}
