//! Diagnostics as the compiler shows them: where in the assembly, what, the line, a mark below it.

use goasm_assembler::diagnostic::{Diagnostic, Position};
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use std::path::Path;

/// A `compile_error!` at `span` for each diagnostic. Those that are about a declaration stand there instead, and say no place.
pub(crate) fn errors(
    diagnostics: &[Diagnostic],
    span: Span,
    declared: &[(Position, Span)],
    root: &Path,
) -> TokenStream {
    let error = |diagnostic: &Diagnostic| {
        let declaration = declared.iter().find(|(position, _)| *position == diagnostic.position);
        let (span, text) = match declaration {
            Some((_, span)) => (*span, with_notes(diagnostic.message.clone(), diagnostic)),
            None => (span, render(diagnostic, root)),
        };
        quote_spanned!(span=> ::core::compile_error!(#text);)
    };
    diagnostics.iter().map(error).collect()
}

/// `file:line:column: message`, then the line of the source if it can be read, with a mark below the column, then the notes. Relative
/// paths count from `root`.
fn render(diagnostic: &Diagnostic, root: &Path) -> String {
    let mut text = format!("{}: {}", diagnostic.position, diagnostic.message);
    let position = &diagnostic.position;
    if let Some(line) = source_line(position, root) {
        text.push_str(&format!("\n\n    {line}"));
        if let Some(before) = position.column.checked_sub(1) {
            // Tabs stay, so that the mark is below its character however wide they are.
            let blanks: String =
                line.chars().take(before as usize).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            text.push_str(&format!("\n    {blanks}^"));
        }
        text.push('\n');
    }
    with_notes(text, diagnostic)
}

fn with_notes(mut text: String, diagnostic: &Diagnostic) -> String {
    for note in &diagnostic.notes {
        text.push_str("\nnote: ");
        text.push_str(note);
    }
    text
}

fn source_line(position: &Position, root: &Path) -> Option<String> {
    let index = position.line.checked_sub(1)? as usize;
    let bytes = std::fs::read(root.join(&*position.file)).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().nth(index).map(|line| line.trim_end().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: &str, line: u32, column: u32) -> Position {
        Position { file: file.into(), line, column }
    }

    #[test]
    fn the_line_is_shown_with_a_mark_below_the_column() {
        let root = std::env::temp_dir().join(format!("goasm-report-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("x.s"), "TEXT ·f(SB), 4, $0\n\tMOVL\tb+8(FP), AX\n").unwrap();
        let diagnostic = Diagnostic::new(&at("x.s", 2, 7), "no such b").note("it is at 4");
        let text = render(&diagnostic, &root);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(text, "x.s:2:7: no such b\n\n    \tMOVL\tb+8(FP), AX\n    \t    \t^\n\nnote: it is at 4");
    }

    #[test]
    fn without_the_file_there_is_only_the_message() {
        let diagnostic = Diagnostic::new(&at("not/there.s", 2, 7), "no such b");
        assert_eq!(render(&diagnostic, Path::new("/")), "not/there.s:2:7: no such b");
    }

    #[test]
    fn what_is_about_a_declaration_names_no_other_place() {
        let position = at("src/lib.rs", 3, 9);
        let declared = [(position.clone(), Span::call_site())];
        let tokens = errors(&[Diagnostic::new(&position, "no TEXT")], Span::call_site(), &declared, Path::new("/"));
        assert_eq!(tokens.to_string(), ":: core :: compile_error ! (\"no TEXT\") ;");
    }
}
