//! Code that would do something else at another address is not copied; the instruction is named. Nor is what is no code.

#[path = "common/tasks.rs"]
mod tasks;

use morestack::code::{self, CodeRange, CopyError, Dependence, RangeError, Text};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

/// Code at an address that is not known before.
fn text(len: usize, bytes: impl Fn(usize) -> Vec<u8>) -> Text {
    Text::new(len, |to, address| {
        let bytes = bytes(address);
        to[..bytes.len()].copy_from_slice(&bytes);
        to[bytes.len()..].fill(0x90);
    })
    .unwrap()
}

/// Why a copy of the whole text is refused: where, what, how.
fn refusal(text: &Text) -> (usize, String, Dependence) {
    let error = code::copy(text.code()).expect_err("it depends on its address");
    let message = error.to_string();
    let CopyError::NotIndependent { start, at, instruction, reason } = error else { panic!("{message}") };
    assert_eq!(start, text.code().start);
    assert!(message.contains(&format!("{at:#x} `{instruction}`")), "{message}");
    (at - start, instruction, reason)
}

#[test]
fn branches_that_leave_the_range() {
    // nop; call or jmp to what is behind; je in 2 bytes.
    let behind = |text: &Text| Dependence::Branch { target: text.code().end };
    let call = text(16, |_| vec![0x90, 0xe8, 10, 0, 0, 0]);
    let (at, instruction, reason) = refusal(&call);
    assert_eq!((at, reason), (1, behind(&call)));
    assert!(instruction.starts_with("call"), "{instruction}");
    let jump = text(16, |_| vec![0xe9, 11, 0, 0, 0]);
    assert_eq!((refusal(&jump).0, refusal(&jump).2), (0, behind(&jump)));
    let branch = text(16, |_| vec![0x90, 0x90, 0x74, 12]);
    assert_eq!((refusal(&branch).0, refusal(&branch).2), (2, behind(&branch)));
    let inside = text(16, |_| vec![0x90, 0x90, 0x74, 11]);
    assert!(code::copy(inside.code()).is_ok(), "to the last instruction");
    let before = text(16, |_| vec![0xeb, 0xfd]);
    assert_eq!(refusal(&before).2, Dependence::Branch { target: before.code().start - 1 });
}

#[test]
fn memory_by_distance() {
    // mov rax, [rip + 9]: the byte behind the range; and one before.
    let load = text(16, |_| vec![0x48, 0x8b, 0x05, 9, 0, 0, 0]);
    let (at, instruction, reason) = refusal(&load);
    assert_eq!((at, reason), (0, Dependence::Memory { target: load.code().end }));
    assert!(instruction.contains("%rip"), "{instruction}");
    assert!(code::copy(text(16, |_| vec![0x48, 0x8b, 0x05, 1, 0, 0, 0]).code()).is_ok());
    // call [rip + 10], as of a function in a library; lea rax, [rip - 8].
    let call = text(16, |_| vec![0xff, 0x15, 10, 0, 0, 0]);
    assert_eq!(refusal(&call).2, Dependence::Memory { target: call.code().end });
    let lea = text(16, |_| vec![0x48, 0x8d, 0x05, 0xf8, 0xff, 0xff, 0xff]);
    assert_eq!(refusal(&lea).2, Dependence::Memory { target: lea.code().start - 1 });
}

#[test]
fn numbers_that_lead_back_into_the_range() {
    let load = |number: usize| [&[0x48, 0xb8][..], &number.to_le_bytes()].concat();
    let back = text(16, |address| load(address + 15));
    assert_eq!(refusal(&back).2, Dependence::Absolute { target: back.code().end - 1 });
    // mov al, [address] with all of its 64 bits.
    let read = text(16, |address| [&[0xa0][..], &address.to_le_bytes()].concat());
    assert_eq!(refusal(&read).2, Dependence::Absolute { target: read.code().start });
    assert!(code::copy(text(16, |address| load(address + 16)).code()).is_ok(), "elsewhere is elsewhere for a copy too");
}

#[test]
fn functions_that_check_the_stack() {
    // Their check leads to morestack, by distance.
    let error = code::copy(tasks::count::code()).unwrap_err();
    let CopyError::NotIndependent { at, ref instruction, .. } = error else { panic!("{error}") };
    assert!(tasks::count::code().contains(at) && instruction.starts_with("call"), "{error}");
}

#[test]
fn what_is_no_code() {
    let bytes = [0xc3_u8; 16];
    let address = bytes.as_ptr().addr();
    let error = code::copy(CodeRange { start: address, end: address + 16 }).unwrap_err();
    assert!(
        matches!(error, CopyError::Range(RangeError::NotExecutable { at, mapped: true, .. }) if at == address),
        "{error}"
    );
    let error = code::copy(CodeRange { start: 0x10, end: 0x20 }).unwrap_err();
    assert!(matches!(error, CopyError::Range(RangeError::NotExecutable { at: 0x10, mapped: false, .. })), "{error}");
    assert!(error.to_string().contains("nothing is mapped"), "{error}");
    for end in [0, 0x10, usize::MAX] {
        let error = code::copy(CodeRange { start: usize::MAX, end }).unwrap_err();
        assert!(matches!(error, CopyError::Range(RangeError::NoEnd { .. })), "{error}");
    }
    let error = code::copy(CodeRange { start: usize::MAX - 16, end: usize::MAX }).unwrap_err();
    assert!(matches!(error, CopyError::Range(RangeError::NotExecutable { .. })), "{error}");
    // Whose end is behind the memory that it begins in.
    let text = text(4096, |_| vec![]);
    let far = CodeRange { start: text.code().start, end: text.code().start + (1 << 40) };
    let error = code::copy(far).unwrap_err();
    // What is behind it is the system's affair, and the other tests'.
    let CopyError::Range(RangeError::NotExecutable { at, .. } | RangeError::Writable { at, .. }) = error else {
        panic!("{error}")
    };
    assert!(at >= text.code().end, "{at:#x}");
}

#[test]
fn parts_of_functions() {
    let add = tasks::add::code();
    // What is cut off in the middle of its last instruction but for one byte: RET is one byte, the one before it is longer.
    let text = text(16, |_| vec![0x90, 0xc3, 0x48, 0xb8]);
    let cut = CodeRange { start: text.code().start, end: text.code().start + 4 };
    let error = code::copy(cut).unwrap_err();
    assert!(matches!(error, CopyError::NoInstruction { start, at } if at == start + 2), "{error}");
    let error = code::copy(CodeRange { start: add.start, end: add.start + 1 }).unwrap_err();
    assert!(matches!(error, CopyError::NoInstruction { at, .. } if at == add.start), "{error}");
}

#[test]
fn memory_that_can_be_written() {
    // SAFETY: a fresh mapping, of one page.
    let page = unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        libc::mmap(std::ptr::null_mut(), 4096, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    };
    if page == libc::MAP_FAILED {
        println!("skipped: this system grants no memory that is both");
        return;
    }
    let error = code::copy(CodeRange { start: page.addr(), end: page.addr() + 16 }).unwrap_err();
    assert!(matches!(error, CopyError::Range(RangeError::Writable { at, .. }) if at == page.addr()), "{error}");
}
