//! Stubs for direct calls to functions that had to be left unchecked: `lea function(%rip),%r11 ; jmp morestack_foreign`.

use std::collections::HashMap;
use std::ops::Range;

use super::calls::Patch;
use super::image::Image;
use super::runtime::Runtime;

/// Bytes of a stub: a `lea` of 7, a `jmp` of 5.
const SIZE: u64 = 12;
/// `lea disp32(%rip),%r11`, without the displacement.
const LEA: [u8; 3] = [0x4c, 0x8d, 0x1d];
const JMP: u8 = 0xe9;

pub(super) struct Stubs {
    room: Range<u64>,
    /// Where free room begins.
    free: u64,
    /// Stubs by function.
    of: HashMap<u64, u64>,
    new: Vec<(u64, u64)>,
}

impl Stubs {
    /// With those that an earlier run has written.
    pub(super) fn find(image: &Image<'_>, runtime: &Runtime) -> Stubs {
        let mut stubs =
            Stubs { room: runtime.stubs.clone(), free: runtime.stubs.start, of: HashMap::new(), new: Vec::new() };
        while stubs.free + SIZE <= stubs.room.end {
            let bytes = image.bytes(stubs.free, SIZE);
            if bytes.len() as u64 != SIZE || !bytes.starts_with(&LEA) || bytes[7] != JMP {
                break;
            }
            let distance = i32::from_le_bytes([bytes[3], bytes[4], bytes[5], bytes[6]]);
            stubs.of.insert((stubs.free + 7).wrapping_add_signed(i64::from(distance)), stubs.free);
            stubs.free += SIZE;
        }
        stubs
    }

    /// The function that a stub is for.
    pub(super) fn function(&self, stub: u64) -> Option<u64> {
        self.of.iter().find(|(_, at)| **at == stub).map(|(function, _)| *function)
    }

    /// The stub for a function, or how many there is room for if there is none.
    pub(super) fn to(&mut self, function: u64) -> Result<u64, usize> {
        if let Some(stub) = self.of.get(&function) {
            return Ok(*stub);
        }
        if self.free + SIZE > self.room.end {
            return Err(((self.room.end - self.room.start) / SIZE) as usize);
        }
        let stub = self.free;
        self.free += SIZE;
        self.of.insert(function, stub);
        self.new.push((stub, function));
        Ok(stub)
    }

    pub(super) fn patches(self, foreign: u64) -> Vec<Patch> {
        let stub = |(at, function): (u64, u64)| {
            let mut bytes = LEA.to_vec();
            bytes.extend((function.wrapping_sub(at + 7) as i32).to_le_bytes());
            bytes.push(JMP);
            bytes.extend((foreign.wrapping_sub(at + SIZE) as i32).to_le_bytes());
            Patch { address: at, bytes }
        };
        self.new.into_iter().map(stub).collect()
    }
}
