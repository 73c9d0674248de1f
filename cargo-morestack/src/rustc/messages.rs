//! rustc's messages, passed on as they are but for those that the split build causes itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;

/// What rustc says about [`crate::codegen::unit::THUNK_FEATURES`] at each crate.
fn is_about_thunk_features(message: &str) -> bool {
    message.starts_with("target feature `retpoline-") && message.contains("cannot be enabled")
}

#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(rename = "$message_type", default)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(default)]
    message: std::borrow::Cow<'a, str>,
    #[serde(default)]
    emit: std::borrow::Cow<'a, str>,
}

/// A diagnostic of our own, in rustc's form.
#[derive(Serialize)]
struct Diagnostic<'a> {
    #[serde(rename = "$message_type")]
    kind: &'a str,
    message: &'a str,
    code: Option<()>,
    level: &'a str,
    spans: [(); 0],
    children: [(); 0],
    rendered: String,
}

/// An error as one line of rustc's JSON.
pub fn error_line(message: &str) -> String {
    let rendered = format!("error: {message}\n\n");
    let diagnostic =
        Diagnostic { kind: "diagnostic", message, code: None, level: "error", spans: [], children: [], rendered };
    serde_json::to_string(&diagnostic).unwrap_or_default()
}

/// Copies JSON messages line by line as they come, because cargo starts the next crate on one of them.
///
/// Left out are the warnings about the thunk's features, also in the count at the end, and the notice of bitcode that nobody asked
/// for. A linker's failure is replaced by what our linker has written to `linker_error`.
///
/// # Errors
/// When a line cannot be read or passed on.
pub fn pass_on(
    from: impl BufRead,
    mut to: impl Write,
    bitcode_is_asked_for: bool,
    linker_error: &Path,
) -> std::io::Result<()> {
    let mut suppressed = 0;
    for line in from.lines() {
        let line = line?;
        let Some(outline) = line.starts_with('{').then(|| serde_json::from_str::<Outline>(&line).ok()).flatten() else {
            writeln!(to, "{line}")?;
            continue;
        };
        match &*outline.kind {
            "artifact" if outline.emit == "llvm-bc" && !bitcode_is_asked_for => {}
            "diagnostic" if is_about_thunk_features(&outline.message) => suppressed += 1,
            "diagnostic" if outline.message.starts_with("linking with ") => {
                let ours = fs::read_to_string(linker_error).ok().map(|message| error_line(message.trim_end()));
                writeln!(to, "{}", ours.unwrap_or(line))?;
            }
            "diagnostic" if suppressed > 0 && is_summary(&outline.message) => {
                if let Some(line) = with_fewer_warnings(&line, suppressed) {
                    writeln!(to, "{line}")?;
                }
            }
            _ => writeln!(to, "{line}")?,
        }
        to.flush()?;
    }
    Ok(())
}

/// `3 warnings emitted`, or `aborting due to 1 previous error; 2 warnings emitted`.
fn is_summary(message: &str) -> bool {
    message.ends_with(" warning emitted") || message.ends_with(" warnings emitted")
}

/// The summary `line` with its count put right, or nothing if nothing is left to say.
fn with_fewer_warnings(line: &str, fewer: usize) -> Option<String> {
    let mut diagnostic: Value = serde_json::from_str(line).ok()?;
    let message = diagnostic.get("message")?.as_str()?.to_string();
    let corrected = corrected_summary(&message, fewer)?;
    let rendered = diagnostic.get("rendered").and_then(Value::as_str).map(|text| text.replace(&message, &corrected));
    diagnostic["message"] = corrected.into();
    diagnostic["rendered"] = rendered.map_or(Value::Null, Value::from);
    Some(diagnostic.to_string())
}

fn corrected_summary(message: &str, fewer: usize) -> Option<String> {
    let (before, count) = match message.rsplit_once("; ") {
        Some((before, count)) => (Some(before), count),
        None => (None, message),
    };
    let count = count.split(' ').next()?.parse::<usize>().ok()?.saturating_sub(fewer);
    let count = match count {
        0 => None,
        1 => Some("1 warning emitted".to_string()),
        many => Some(format!("{many} warnings emitted")),
    };
    match (before, count) {
        (Some(before), Some(count)) => Some(format!("{before}; {count}")),
        (Some(before), None) => Some(before.into()),
        (None, count) => count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(message: &str) -> String {
        serde_json::json!({
            "$message_type": "diagnostic", "message": message, "level": "warning", "rendered": format!("warning: {message}\n\n"),
        })
        .to_string()
    }

    fn passed_on(lines: &[String]) -> Vec<String> {
        let mut out = Vec::new();
        pass_on(lines.join("\n").as_bytes(), &mut out, false, Path::new("/nonexistent")).expect("written");
        String::from_utf8(out).expect("text").lines().map(String::from).collect()
    }

    const FEATURE: &str =
        "target feature `retpoline-external-thunk` cannot be enabled with `-Ctarget-feature`: use ...";

    #[test]
    fn the_split_build_s_own_warnings_vanish_from_text_and_count() {
        let unused = diagnostic("unused variable: `x`");
        let lines =
            passed_on(&[diagnostic(FEATURE), unused.clone(), diagnostic(FEATURE), diagnostic("3 warnings emitted")]);
        assert_eq!(lines[0], unused);
        assert!(lines[1].contains("1 warning emitted\\n"), "{}", lines[1]);
        assert_eq!(lines.len(), 2);
        assert!(passed_on(&[diagnostic(FEATURE), diagnostic(FEATURE), diagnostic("2 warnings emitted")]).is_empty());
    }

    #[test]
    fn errors_keep_their_summary() {
        let summary = "aborting due to 1 previous error; 2 warnings emitted";
        assert_eq!(corrected_summary(summary, 2).as_deref(), Some("aborting due to 1 previous error"));
        assert_eq!(
            corrected_summary(summary, 1).as_deref(),
            Some("aborting due to 1 previous error; 1 warning emitted")
        );
    }

    #[test]
    fn everything_else_is_unchanged() {
        let lines = ["plain text".to_string(), "{ broken".into(), diagnostic("2 warnings emitted"), diagnostic("x")];
        assert_eq!(passed_on(&lines), lines);
    }
}
