//! Small binaries for the tests of verification, assembled from text, with a runtime that only counts.

#![allow(dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_morestack::verify::{Error, Explanation, Options, Problem, Report, Violation, explain, process};

/// What the real runtime provides, as far as binaries that never run out of stack need it. The thunk and its halves count
/// their calls.
const RUNTIME: &str = r#"
    .section .note.GNU-stack, "", @progbits
    .bss
thunk_calls: .zero 8
foreign_calls: .zero 8
register_calls: .zero 8
    .text
    .macro FUNCTION name
    .globl \name
    .hidden \name
    .type \name, @function
    .p2align 4
\name:
    .endm
    .macro END name
    .size \name, . - \name
    .endm
    .macro TRUSTED name, bytes
    .pushsection morestack_trusted, "a", @progbits
    .long \name - ., \bytes
    .popsection
    .endm
    .macro CHECK_BYTES
    .byte 0x64, 0x48, 0x3b, 0x24, 0x25, 0x70, 0, 0, 0
    .endm
    # The slow path, and the body's label before it.
    .macro SLOW name, frame, args
\name\()_slow:
    mov $\frame, %r10d
    mov $\args, %r11d
    call __morestack
    ret
    jmp \name\()_body
    END \name
    .endm
    .macro SHORT name
    FUNCTION \name
    cmp %fs:0x70, %rsp
    jbe \name\()_slow
\name\()_body:
    .endm
    .macro LONG name, bytes
    FUNCTION \name
    lea -\bytes(%rsp), %r11
    cmp %fs:0x70, %r11
    jbe \name\()_slow
\name\()_body:
    .endm
    # A jump as compilers make it between sections.
    .macro FAR target
    .byte 0xe9
    .long \target - . - 4
    .endm
    .macro FRAME
    push %rbp
    mov %rsp, %rbp
    .endm
    FUNCTION __morestack
    ud2
    END __morestack
    FUNCTION __x86_indirect_thunk_r11
    incq thunk_calls(%rip)
    jmp *%r11
    END __x86_indirect_thunk_r11
    FUNCTION morestack_foreign
    incq foreign_calls(%rip)
    jmp *%r11
    END morestack_foreign
    FUNCTION morestack_foreign_registers
    incq register_calls(%rip)
    jmp *%r11
    END morestack_foreign_registers
    FUNCTION morestack_stubs
    .fill STUBS, 1, 0xcc
    .globl morestack_stubs_end
    .hidden morestack_stubs_end
morestack_stubs_end:
    END morestack_stubs
    FUNCTION _start
    call main
    mov %eax, %edi
    mov $60, %eax
    syscall
    END _start
"#;

/// A foreign function: it takes stack and calls.
pub const FOREIGN: &str = "
    FUNCTION foreign
    sub $200, %rsp
    call *(%rdi)
    add $200, %rsp
    ret
    END foreign
";

/// A `main` that does nothing.
pub const MAIN: &str = "
    FUNCTION main
    xor %eax, %eax
    ret
    END main
";

pub struct Binary {
    _directory: tempfile::TempDir,
    pub path: PathBuf,
}

/// Assembles and links text; `arguments` go to the C compiler.
pub fn link(text: &str, stubs: usize, arguments: &[&str]) -> Binary {
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("text.s");
    let path = directory.path().join("binary");
    std::fs::write(&source, format!("    .set STUBS, {stubs}\n{RUNTIME}\n{text}\n")).expect("written");
    let output = Command::new("cc")
        .args(["-nostdlib", "-pie", "-Wl,-z,now", "-Wl,--no-warn-execstack"])
        .arg(&source)
        .args(arguments)
        .arg("-o")
        .arg(&path)
        .output()
        .expect("a C compiler");
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    Binary { _directory: directory, path }
}

pub fn binary(text: &str) -> Binary {
    link(&format!("{text}\n{MAIN}"), 4096, &[])
}

impl Binary {
    pub fn process(&self) -> Result<Report, Error> {
        process(&self.path, &Options::default())
    }

    pub fn explain(&self, function: &str) -> Explanation {
        explain(&self.path, function).expect("an explanation")
    }

    /// Runs it; its exit status.
    pub fn run(&self) -> i32 {
        loop {
            match Command::new(&self.path).output() {
                // Another test has just forked, and its child still has the file open that this one wrote.
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                output => {
                    let output = output.expect("it runs");
                    return output.status.code().unwrap_or_else(|| panic!("{output:?}"));
                }
            }
        }
    }
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("read")
}

/// The counts of a binary that is accepted.
pub fn accepted(text: &str) -> Report {
    binary(text).process().unwrap_or_else(|error| panic!("{error}"))
}

/// The violations of a binary that is refused. It is left as it was.
pub fn refused(text: &str) -> Vec<Violation> {
    refused_binary(&binary(text))
}

pub fn refused_binary(binary: &Binary) -> Vec<Violation> {
    let before = read(&binary.path);
    match binary.process() {
        Err(Error::Violations { violations, total, .. }) => {
            assert!(total >= violations.len());
            assert!(read(&binary.path) == before, "a refused binary was changed");
            violations
        }
        other => panic!("{other:?}"),
    }
}

/// The one violation of a binary: in this function, at this instruction.
#[track_caller]
pub fn refused_for(text: &str, function: &str, instruction: &str) -> Problem {
    let violations = refused(text);
    let [violation] = violations.as_slice() else { panic!("{violations:#?}") };
    assert_eq!(violation.function, function);
    assert_eq!(violation.instruction, instruction);
    violation.problem.clone()
}
