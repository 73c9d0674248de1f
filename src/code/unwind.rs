//! Unwind tables for registered functions, made from what is known of their frames.
//!
//! The unwinder (libgcc's) takes tables of one's own in the form of `.eh_frame`. The code has been checked to have this form, so four
//! kinds of instructions say it all:
//!
//! ```text
//!     at the entry, the check, the way to morestack    CFA = rsp + 8, the return address below it
//!     behind push %rbp                                 CFA = rsp + 16, the saved %rbp below the return address
//!     behind mov %rsp, %rbp                            CFA = rbp + 16
//!     behind pop %rbp                                  as at the entry, until behind the ret
//! ```

use super::function::Function;
use super::instructions::decode;
use crate::stack::table::flags;
use iced_x86::FlowControl;
use std::ffi::c_void;

unsafe extern "C" {
    fn __register_frame(tables: *const c_void);
    fn __deregister_frame(tables: *const c_void);
}

// DWARF's numbers: call frame instructions, and registers of this architecture.
const ADVANCE_LOC4: u8 = 0x04;
const REMEMBER_STATE: u8 = 0x0a;
const RESTORE_STATE: u8 = 0x0b;
const DEF_CFA: u8 = 0x0c;
const DEF_CFA_REGISTER: u8 = 0x0d;
const DEF_CFA_OFFSET: u8 = 0x0e;
const OFFSET: u8 = 0x80;
const RESTORE: u8 = 0xc0;
const RBP: u8 = 6;
const RSP: u8 = 7;
const RETURN_ADDRESS: u8 = 16;

/// -8 as a signed LEB128 number: offsets are given in units of it.
const WORDS_DOWN: u8 = 0x78;

/// Tables that the unwinder knows, until this is dropped.
#[derive(Debug)]
pub(super) struct UnwindTables {
    bytes: Box<[u8]>,
}

impl UnwindTables {
    /// Makes tables for the functions, whose code `code_of` returns, and tells the unwinder of them.
    ///
    /// # Safety
    /// The functions are there, have been checked, and stay as long as the tables; none is running when they are dropped.
    pub(super) unsafe fn register<'b>(functions: &[Function], code_of: impl Fn(&Function) -> &'b [u8]) -> UnwindTables {
        let mut bytes = Vec::new();
        // What is common to all: version 1, no augmentation, code in bytes, data in words, where the return address is.
        let entry = [1, 0, 1, WORDS_DOWN, RETURN_ADDRESS, DEF_CFA, RSP, 8, OFFSET | RETURN_ADDRESS, 1];
        record(&mut bytes, 0, &entry);
        for f in functions {
            let mut entry = Vec::new();
            entry.extend(f.entry.to_le_bytes());
            entry.extend((f.end - f.entry).to_le_bytes());
            entry.extend(rules(f, code_of(f)));
            // It refers to what is common by the distance from this word, which comes behind its length.
            let back = bytes.len() as u32 + 4;
            record(&mut bytes, back, &entry);
        }
        bytes.extend(0_u32.to_le_bytes());
        let tables = UnwindTables { bytes: bytes.into() };
        // SAFETY: tables in the form that it wants, with an end, which stay until they are taken back.
        unsafe { __register_frame(tables.bytes.as_ptr().cast()) };
        tables
    }
}

impl Drop for UnwindTables {
    fn drop(&mut self) {
        // SAFETY: registered above, once.
        unsafe { __deregister_frame(self.bytes.as_ptr().cast()) };
    }
}

/// Appends a record: its length, what it belongs to, and its contents, filled up to words with instructions that do nothing (0).
fn record(bytes: &mut Vec<u8>, belongs: u32, contents: &[u8]) {
    let len = (contents.len() + 8).next_multiple_of(8) - 4;
    bytes.extend((len as u32).to_le_bytes());
    bytes.extend(belongs.to_le_bytes());
    bytes.extend(contents);
    bytes.resize(bytes.len() + len - 4 - contents.len(), 0);
}

/// The call frame instructions of a function.
fn rules(f: &Function, code: &[u8]) -> Vec<u8> {
    let mut rules = Rules { at: f.entry as u64, bytes: Vec::new() };
    if f.flags & flags::NOFRAME != 0 {
        return rules.bytes;
    }
    let code = decode(code, f.entry);
    // The two instructions that the body begins with.
    let body = code.partition_point(|i| (i.ip() as usize) < f.body);
    rules.from(code[body].next_ip(), &[DEF_CFA_OFFSET, 16, OFFSET | RBP, 2]);
    rules.from(code[body + 1].next_ip(), &[DEF_CFA_REGISTER, RBP]);
    for ret in code.iter().filter(|i| i.flow_control() == FlowControl::Return) {
        rules.from(ret.ip(), &[REMEMBER_STATE, RESTORE | RBP, DEF_CFA, RSP, 8]);
        rules.from(ret.next_ip(), &[RESTORE_STATE]);
    }
    if f.restart != 0 {
        // nop, one or two instructions that call morestack, and the jump at the restart point.
        let restart = code.partition_point(|i| (i.ip() as usize) < f.restart);
        let slow = code[..restart].iter().rposition(|i| i.code() == iced_x86::Code::Nopd).unwrap_or(restart);
        rules.from(code[slow].ip(), &[RESTORE | RBP, DEF_CFA, RSP, 8]);
    }
    rules.bytes
}

struct Rules {
    /// Up to where the rules so far hold.
    at: u64,
    bytes: Vec<u8>,
}

impl Rules {
    /// What holds from an address on.
    fn from(&mut self, pc: u64, rules: &[u8]) {
        self.bytes.push(ADVANCE_LOC4);
        self.bytes.extend(((pc - self.at) as u32).to_le_bytes());
        self.bytes.extend(rules);
        self.at = pc;
    }
}
