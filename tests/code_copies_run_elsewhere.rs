//! A function that does not depend on where it is does the same in a copy, whose memory is never both writable and executable and goes
//! when the copy is dropped.

use morestack::code::{self, CodeRange, Function, Map, Text};
use morestack::stack::table::Table;

morestack::mapped_asm!(
    r#"
# func gcd(a, b uint64) uint64, in a loop: short jumps only.
TEXT copied.gcd, NOSPLIT|NOFRAME, 0, 24
    NO_ARG_POINTERS
    movq FP+0(%rsp), %rax
    movq FP+8(%rsp), %rcx
1:  testq %rcx, %rcx
    jz 2f
    xorl %edx, %edx
    divq %rcx
    movq %rcx, %rax
    movq %rdx, %rcx
    jmp 1b
2:  movq %rax, FP+16(%rsp)
    RET
END copied.gcd

# func pick(i uint64) uint64: reads a table that is in its own text, by distance. The table's bytes are instructions, too (nop).
TEXT copied.pick, NOSPLIT|NOFRAME, 0, 16
    NO_ARG_POINTERS
    movq 1f(%rip), %rax
    addq FP+0(%rsp), %rax
    movq %rax, FP+8(%rsp)
    ret
1:  .fill 8, 1, 0x90
    ret
END copied.pick
"#
);

morestack::mapped! {
    unsafe extern "ABI0" {
        fn gcd(a: u64, b: u64) -> u64 = "copied.gcd";
        fn pick(i: u64) -> u64 = "copied.pick";
    }
}

/// The permissions of the mapping at an address.
fn permissions(address: usize) -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (start, end) = words.next()?.split_once('-')?;
        let number = |hex| usize::from_str_radix(hex, 16).unwrap();
        (number(start)..number(end)).contains(&address).then(|| words.next().unwrap().to_owned())
    })
}

/// What the program's table says about the function at `original`, said about its copy.
fn at(copy: CodeRange, original: CodeRange) -> Function<'static> {
    let f = Table::of_program().unwrap().find_function(original.start).unwrap();
    Function {
        name: "copy",
        entry: copy.start,
        end: copy.end,
        body: copy.start,
        args: f.args,
        flags: f.flags,
        args_map: Some(Map::NO_POINTERS),
        ..Function::default()
    }
}

#[test]
fn with_the_same_bytes_and_results() {
    let copy = code::copy(gcd::code()).unwrap();
    assert_eq!(copy.bytes().len(), gcd::code().end - gcd::code().start);
    assert!(!gcd::code().contains(copy.code().start));
    // SAFETY: the code of a copy of a function of this form, which stays until it is unregistered.
    let registration = unsafe { code::register(copy.code(), &[at(copy.code(), gcd::code())]).unwrap() };
    // SAFETY: the original's signature.
    let copied = unsafe { registration.function::<(u64, u64), u64>("copy").unwrap() };
    for (a, b) in [(12, 18), (1 << 40, 3 << 20), (17, 0), (0, 17), (u64::MAX, 1)] {
        assert_eq!(copied.call((a, b)), Ok(gcd(a, b)), "{a} {b}");
    }
    registration.unregister().unwrap();
}

#[test]
fn with_the_data_in_their_text() {
    let copy = code::copy(pick::code()).unwrap();
    assert_eq!(pick(1), 0x9090_9090_9090_9091);
    // SAFETY: as above. The table behind the code is not called.
    let registration = unsafe { code::register(copy.code(), &[at(copy.code(), pick::code())]).unwrap() };
    // SAFETY: as above.
    let copied = unsafe { registration.function::<(u64,), u64>("copy").unwrap() };
    assert_eq!(copied.call((1,)), Ok(pick(1)));
    registration.unregister().unwrap();
}

#[test]
fn from_memory_that_is_never_writable_and_executable() {
    let mut while_written = None;
    let text = Text::new(5000, |bytes, address| {
        assert_eq!((bytes.len(), bytes.as_ptr().addr()), (5000, address));
        while_written = permissions(address);
        bytes.fill(0xc3);
    })
    .unwrap();
    assert_eq!(while_written.as_deref(), Some("rw-p"));
    let CodeRange { start, end } = text.code();
    assert_eq!(end - start, 5000);
    for address in [start, end - 1] {
        assert_eq!(permissions(address).as_deref(), Some("r-xp"));
    }
    assert_eq!(text.leak().start, start);
    assert_eq!(permissions(start).as_deref(), Some("r-xp"), "for good");
}

#[test]
fn which_goes_with_the_copy() {
    // Large, so that nothing else that this process maps meanwhile fits there by accident and is taken for it.
    let len = 1 << 30;
    let text = Text::new(len, |_, _| ()).unwrap();
    let middle = text.code().start + len / 2;
    assert_eq!(permissions(middle).as_deref(), Some("r-xp"));
    drop(text);
    assert_eq!(permissions(middle), None);
}

#[test]
fn memory_that_cannot_be_had_is_an_error() {
    assert_eq!(Text::new(0, |_, _| ()).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    for len in [usize::MAX, usize::MAX - 4095, usize::MAX / 2] {
        assert!(Text::new(len, |_, _| unreachable!("nothing to fill")).is_err(), "{len:#x}");
    }
}
