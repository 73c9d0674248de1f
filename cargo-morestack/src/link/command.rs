//! The real linker's command line.

use crate::error::{Error, Result};
use crate::session::Session;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// What of the runtime is in every program, used or not: the compiler's checks and the verifier refer to it.
const RUNTIME_ROOTS: [&str; 5] =
    ["__morestack", "__x86_indirect_thunk_r11", "morestack_foreign", "morestack_foreign_registers", "morestack_stubs"];
/// Functions of libc and of the unwinder whose calls lead to the runtime. Compiled code calls them directly, past the thunk.
const WRAPPED: [&str; 7] = ["_Unwind_Resume", "memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen"];

/// Whether a linker is a compiler's driver, to which the linker's own options are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Driver,
    Bare,
}

impl Dialect {
    pub fn of(linker: &Path) -> Self {
        let name = linker.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let is_bare = ["ld", "lld", "rust-lld", "mold", "wild", "gold"].contains(&name)
            || name.starts_with("ld.")
            || name.ends_with("-ld");
        if is_bare { Self::Bare } else { Self::Driver }
    }

    /// What rustc would have concluded from the linker's name.
    pub fn flavor(self, linker: &Path) -> Option<&'static str> {
        let is_lld = linker.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains("lld"));
        match self {
            Self::Driver => None,
            Self::Bare => Some(if is_lld { "ld.lld" } else { "ld" }),
        }
    }

    /// Arguments by which the runtime gets in and is called.
    pub fn runtime_arguments(self) -> Vec<OsString> {
        let wraps = WRAPPED.iter().map(|name| self.option(&format!("--wrap={name}")));
        let roots = RUNTIME_ROOTS.iter().map(|name| self.option(&format!("--undefined={name}")));
        let wrap_roots = WRAPPED.iter().map(|name| self.option(&format!("--undefined=__wrap_{name}")));
        wraps.chain(roots).chain(wrap_roots).collect()
    }

    /// Libraries that need one another in any order.
    pub fn group(self, libraries: &[PathBuf]) -> Vec<OsString> {
        let libraries = libraries.iter().map(OsString::from);
        [self.option("--start-group")].into_iter().chain(libraries).chain([self.option("--end-group")]).collect()
    }

    fn option(self, option: &str) -> OsString {
        match self {
            Self::Driver => format!("-Wl,{option}").into(),
            Self::Bare => option.into(),
        }
    }
}

/// Reads the files that stand for arguments (`@file`), which rustc writes when there are too many.
///
/// # Errors
/// When such a file cannot be read.
pub fn expand(words: Vec<OsString>) -> Result<Vec<OsString>> {
    let mut expanded = Vec::with_capacity(words.len());
    for word in words {
        match word.as_bytes().strip_prefix(b"@") {
            Some(path) => {
                let path = Path::new(OsStr::from_bytes(path));
                let text = fs::read(path).map_err(Error::file("read", path))?;
                expanded.extend(text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(unescape));
            }
            None => expanded.push(word),
        }
    }
    Ok(expanded)
}

/// One argument from a response file. A backslash stands before characters that would end it.
fn unescape(line: &[u8]) -> OsString {
    let mut bytes = line.iter();
    let mut word = Vec::with_capacity(line.len());
    while let Some(byte) = bytes.next() {
        word.push(if *byte == b'\\' { *bytes.next().unwrap_or(byte) } else { *byte });
    }
    OsString::from_vec(word)
}

fn escape(word: &OsStr) -> Vec<u8> {
    let special = |byte: &u8| matches!(byte, b'\\' | b' ' | b'\t' | b'"' | b'\'');
    word.as_bytes().iter().flat_map(|byte| special(byte).then_some(b'\\').into_iter().chain([*byte])).collect()
}

/// Puts libraries before std's, which a linker that reads archives once has to read later.
pub fn insert_before_std(words: &mut Vec<OsString>, session: &Session, libraries: Vec<OsString>) {
    let is_std = |word: &OsString| {
        let path = Path::new(word);
        path.extension() == Some(OsStr::new("rlib"))
            && (path.starts_with(session.toolchain.libraries())
                || session.checked_std.as_ref().is_some_and(|std| path.starts_with(std)))
    };
    let at = words.iter().position(is_std).unwrap_or(words.len());
    words.splice(at..at, libraries);
}

/// A command line that the system takes.
pub struct Shortened {
    words: Vec<OsString>,
    output: PathBuf,
}

impl Shortened {
    pub fn iter(&self) -> impl Iterator<Item = &OsString> {
        self.words.iter()
    }

    /// What is linked.
    pub fn output(&self) -> PathBuf {
        self.output.clone()
    }
}

/// The system refuses longer command lines (2 MB with the environment, by default); rustc's are then in a file, too.
const LONGEST: usize = 1 << 17;

/// Puts a long command line into a file in `scratch`.
///
/// # Errors
/// When that cannot be written.
pub fn shortened(words: Vec<OsString>, scratch: &Path) -> Result<Shortened> {
    let output = words.iter().skip_while(|word| *word != "-o").nth(1).map_or_else(|| "a.out".into(), PathBuf::from);
    if words.iter().map(|word| word.len() + 1).sum::<usize>() < LONGEST {
        return Ok(Shortened { words, output });
    }
    let path = scratch.join("arguments");
    let lines: Vec<_> = words.iter().map(|word| escape(word)).collect();
    fs::write(&path, lines.join(&b'\n')).map_err(Error::file("write", &path))?;
    let mut word = OsString::from("@");
    word.push(&path);
    Ok(Shortened { words: vec![word], output })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_a_file() {
        let scratch = tempfile::tempdir().expect("a directory");
        let words: Vec<OsString> = (0..20_000).map(|i| format!("a b\\c{i}").into()).collect();
        let short = shortened(words.clone(), scratch.path()).expect("written");
        assert_eq!(expand(short.iter().cloned().collect()).expect("read"), words);
    }

    #[test]
    fn linkers_are_told_apart_by_name() {
        for driver in ["cc", "/usr/bin/clang-19", "x86_64-linux-gnu-gcc"] {
            assert_eq!(Dialect::of(Path::new(driver)), Dialect::Driver, "{driver}");
        }
        for bare in ["ld", "/usr/bin/ld.lld", "mold", "x86_64-linux-gnu-ld"] {
            assert_eq!(Dialect::of(Path::new(bare)), Dialect::Bare, "{bare}");
        }
    }
}
