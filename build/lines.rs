//! Line numbers for assembly: the transformation that `build.rs` applies to each assembly file.
//!
//! LLVM's assembler has no symbol for the current line, and the line tables of mapped functions need one. So each line
//! is made to set it:
//!
//! ```text
//!     CALL    fib                  ->      .set LINE, 17; CALL    fib
//! ```
//!
//! `.set` makes an absolute symbol that may be set again, and the assembler puts its value in place where an expression
//! names it. A macro that says `.long LINE` therefore records the line of the outermost use of the macro.
//!
//! What is left alone:
//! - the bodies of macros (`.macro` to `.endm`): a line number in there would hide that of the use,
//! - comments (`#`, `//`, `/* */`) and blank lines,
//! - a line that goes on with a statement of the line before, through a block comment or an open string: the number is
//!   put before the next statement that begins on it, if one does.
//!
//! Conditions (`.if`, `.else`, `.endif`) and repetitions (`.rept`, `.irp`) need no exception: a statement before them
//! on the same line changes nothing about them.

/// What the scanner is inside of. All but code may run over the end of a line.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Code,
    Comment,
    Text,
}

/// Returns `source`, AT&T syntax, with `.set LINE, <n>; ` before the first statement of each line, counted from 1.
/// No line is added or removed, so that the assembler's messages still name the right ones.
pub fn number_lines(source: &str) -> String {
    let mut out = String::with_capacity(source.len() * 2);
    let mut inside = Inside::Code;
    // Whether the statement at hand has begun. Only a statement's first word can open or close a macro.
    let mut begun = false;
    let mut macro_depth = 0_usize;

    for (index, line) in source.split_inclusive('\n').enumerate() {
        let bytes = line.as_bytes();
        let mut insert_at = None;
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let mut width = 1;
            match inside {
                Inside::Comment if rest.starts_with(b"*/") => (inside, width) = (Inside::Code, 2),
                Inside::Comment => {}
                Inside::Text if rest[0] == b'\\' => width = 2,
                Inside::Text if rest[0] == b'"' => inside = Inside::Code,
                Inside::Text => {}
                Inside::Code if rest[0] == b'#' || rest.starts_with(b"//") => break,
                Inside::Code if rest.starts_with(b"/*") => (inside, width) = (Inside::Comment, 2),
                Inside::Code if rest[0] == b';' => begun = false,
                Inside::Code if rest[0].is_ascii_whitespace() => {}
                Inside::Code => {
                    if !begun {
                        begun = true;
                        match first_word(rest) {
                            b".macro" => macro_depth += 1,
                            b".endm" | b".endmacro" => macro_depth = macro_depth.saturating_sub(1),
                            _ if macro_depth == 0 => insert_at = insert_at.or(Some(at)),
                            _ => {}
                        }
                    }
                    match rest {
                        [b'"', ..] => inside = Inside::Text,
                        // A character, which may be one that means something else outside: '#', ';', '"', '\''.
                        [b'\'', b'\\', _, b'\'', ..] => width = 4,
                        [b'\'', _, b'\'', ..] => width = 3,
                        _ => {}
                    }
                }
            }
            at += width;
        }
        if inside == Inside::Code {
            begun = false;
        }
        let (before, after) = line.split_at(insert_at.unwrap_or(line.len()));
        out.push_str(before);
        if insert_at.is_some() {
            out.push_str(&format!(".set LINE, {}; ", index + 1));
        }
        out.push_str(after);
    }
    out
}

/// The directive, instruction or name that `statement` begins with.
fn first_word(statement: &[u8]) -> &[u8] {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$');
    let end = statement.iter().position(|b| !is_word(b)).unwrap_or(statement.len());
    &statement[..end]
}
