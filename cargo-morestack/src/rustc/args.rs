//! A command line of rustc, as far as a split build has to understand it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// One argument with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// `-C key` or `-C key=value`, in any spelling.
    Codegen { key: String, value: Option<String> },
    /// `--emit`, in any spelling: kinds of output, each with the file it goes to if one is named.
    Emit(Vec<(String, Option<PathBuf>)>),
    /// An option that takes a value: `--out-dir x`, `--crate-type=bin`, `-L x`.
    Option { name: String, value: OsString },
    /// Everything else, as it is: switches, the input file.
    Plain(OsString),
}

/// The arguments that follow the compiler's path.
#[derive(Clone, Debug, Default)]
pub struct Args(pub Vec<Arg>);

/// Long options with a value, as far as it is looked at or may be mistaken for something else.
const LONG: &[&str] = &[
    "--allow",
    "--cap-lints",
    "--cfg",
    "--check-cfg",
    "--codegen",
    "--color",
    "--crate-name",
    "--crate-type",
    "--deny",
    "--diagnostic-width",
    "--edition",
    "--emit",
    "--env-set",
    "--error-format",
    "--explain",
    "--extern",
    "--forbid",
    "--force-warn",
    "--json",
    "--out-dir",
    "--print",
    "--remap-path-prefix",
    "--remap-path-scope",
    "--sysroot",
    "--target",
    "--warn",
];
/// Short options with a value.
const SHORT: &[&str] = &["-A", "-C", "-D", "-F", "-L", "-W", "-Z", "-l", "-o"];

impl Args {
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Self {
        let mut words = words.into_iter();
        let mut args = Vec::new();
        while let Some(word) = words.next() {
            args.push(match split_option(&word) {
                Some((name, Some(value))) => option(name, value),
                // The value is the next word.
                Some((name, None)) => match words.next() {
                    Some(value) => option(name, value),
                    None => Arg::Plain(word),
                },
                None => Arg::Plain(word),
            });
        }
        Self(args)
    }

    /// The command line again.
    pub fn words(&self) -> Vec<OsString> {
        let mut words = Vec::new();
        for arg in &self.0 {
            match arg {
                Arg::Codegen { key, value } => {
                    words.push("-C".into());
                    words.push(value.as_ref().map_or(key.clone(), |value| format!("{key}={value}")).into());
                }
                Arg::Emit(kinds) => {
                    words.push("--emit".into());
                    words.push(emit_word(kinds));
                }
                Arg::Option { name, value } => words.extend([name.into(), value.clone()]),
                Arg::Plain(word) => words.push(word.clone()),
            }
        }
        words
    }

    /// The values of all options `name`.
    pub fn options<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a OsStr> {
        self.0.iter().filter_map(move |arg| match arg {
            Arg::Option { name: this, value } if this == name => Some(value.as_os_str()),
            _ => None,
        })
    }

    /// The value of the last option `name`, if it is UTF-8.
    pub fn option<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.options(name).last().and_then(OsStr::to_str)
    }

    /// The values of all `-C key`, a missing one as an empty one.
    pub fn codegen<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.iter().filter_map(move |arg| match arg {
            Arg::Codegen { key: this, value } if this == key => Some(value.as_deref().unwrap_or("")),
            _ => None,
        })
    }

    /// Whether the switch `word` is there.
    pub fn has(&self, word: &str) -> bool {
        self.0.iter().any(|arg| matches!(arg, Arg::Plain(this) if this == word))
    }

    /// Where output of `kind` goes: outer `None` when there is none, inner `None` when no file is named.
    pub fn emits(&self, kind: &str) -> Option<Option<&Path>> {
        let kinds = self.0.iter().filter_map(|arg| if let Arg::Emit(kinds) = arg { Some(kinds) } else { None });
        kinds.flatten().rev().find(|(this, _)| this == kind).map(|(_, path)| path.as_deref())
    }

    /// Whether the command line says what to emit. If not, it is `link`.
    pub fn says_what_to_emit(&self) -> bool {
        self.0.iter().any(|arg| matches!(arg, Arg::Emit(_)))
    }

    /// The crate types, for `--crate-type a,b` as for `--crate-type a --crate-type b`.
    pub fn crate_types(&self) -> Vec<&str> {
        self.options("--crate-type").filter_map(OsStr::to_str).flat_map(|types| types.split(',')).collect()
    }

    /// Takes out every `-C key` and returns whether there was one.
    pub fn remove_codegen(&mut self, keys: &[&str]) -> bool {
        let before = self.0.len();
        self.0.retain(|arg| !matches!(arg, Arg::Codegen { key, .. } if keys.contains(&key.as_str())));
        self.0.len() < before
    }

    pub fn push_codegen(&mut self, key: &str, value: impl Into<String>) {
        self.0.push(Arg::Codegen { key: key.into(), value: Some(value.into()) });
    }

    pub fn push_option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(Arg::Option { name: name.into(), value: value.into() });
    }
}

/// An option's name, and its value if that is part of the same word. `None` for words that are no options with a value.
fn split_option(word: &OsStr) -> Option<(&'static str, Option<OsString>)> {
    let bytes = word.as_bytes();
    let rest = |at: usize| OsString::from_vec(bytes[at..].to_vec());
    if let Some(name) = LONG.iter().find(|name| bytes == name.as_bytes()) {
        return Some((name, None));
    }
    if let Some(name) = LONG.iter().find(|name| bytes.starts_with(name.as_bytes()) && bytes[name.len()] == b'=') {
        return Some((name, Some(rest(name.len() + 1))));
    }
    let name = SHORT.iter().find(|name| bytes.starts_with(name.as_bytes()))?;
    Some((name, (bytes.len() > 2).then(|| rest(2))))
}

fn option(name: &'static str, value: OsString) -> Arg {
    match (name, value.to_str()) {
        ("-C" | "--codegen", Some(setting)) => match setting.split_once('=') {
            // rustc takes both spellings of its keys.
            Some((key, value)) => Arg::Codegen { key: key.replace('_', "-"), value: Some(value.into()) },
            None => Arg::Codegen { key: setting.replace('_', "-"), value: None },
        },
        ("--emit", Some(kinds)) => Arg::Emit(
            kinds
                .split(',')
                .map(|kind| match kind.split_once('=') {
                    Some((kind, path)) => (kind.into(), Some(path.into())),
                    None => (kind.into(), None),
                })
                .collect(),
        ),
        _ => Arg::Option { name: name.into(), value },
    }
}

fn emit_word(kinds: &[(String, Option<PathBuf>)]) -> OsString {
    let mut word = OsString::new();
    for (kind, path) in kinds {
        if !word.is_empty() {
            word.push(",");
        }
        word.push(kind);
        if let Some(path) = path {
            word.push("=");
            word.push(path);
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Args {
        Args::parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn every_spelling_of_a_codegen_option_is_the_same() {
        for line in
            ["-C opt-level=3", "-Copt-level=3", "--codegen opt-level=3", "--codegen=opt-level=3", "-C opt_level=3"]
        {
            assert_eq!(parse(line).codegen("opt-level").collect::<Vec<_>>(), ["3"], "{line}");
        }
    }

    #[test]
    fn the_words_come_back() {
        let line = "--crate-name x --edition 2024 src/lib.rs --crate-type lib --emit dep-info,metadata,link=a/b -C lto -L dir \
                    --extern y=liby.rlib -O --test";
        assert_eq!(
            parse(line).words(),
            parse(line).words().join(OsStr::new(" ")).to_str().map(parse).map_or(vec![], |a| a.words())
        );
        assert_eq!(parse(line).words().join(OsStr::new(" ")), *line);
    }

    #[test]
    fn values_that_look_like_options_are_values() {
        let args = parse("--crate-name --test -L -C");
        assert_eq!(args.option("--crate-name"), Some("--test"));
        assert!(!args.has("--test"));
    }

    #[test]
    fn what_is_emitted_and_where() {
        let args = parse("--emit=dep-info=d,link --crate-type lib,cdylib --crate-type=bin");
        assert_eq!(args.emits("link"), Some(None));
        assert_eq!(args.emits("dep-info"), Some(Some(Path::new("d"))));
        assert_eq!(args.emits("metadata"), None);
        assert_eq!(args.crate_types(), ["lib", "cdylib", "bin"]);
    }
}
