//! What a call of the compiler is.

use super::args::{Arg, Args};
use crate::session::TARGET;
use std::path::PathBuf;

/// A call of the compiler.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// cargo's question for the compiler's version.
    Version,
    /// Nothing to do with the split build: build scripts, procedural macros, what build scripts try out.
    NotOurs,
    /// For the split build, but without code that runs: `cargo check`, questions for the configuration.
    Plain,
    /// A crate of the split build.
    Split(Crate),
}

/// What has to be known of a crate.
#[derive(Debug, PartialEq, Eq)]
pub struct Crate {
    /// For messages.
    pub title: String,
    /// How its files begin: its name and `-C extra-filename`.
    pub name: String,
    /// Where its files go.
    pub directory: PathBuf,
    /// A library for other crates of the split build is among what is made.
    pub is_library: bool,
    pub is_executable: bool,
    /// Somebody other than we wants the bitcode.
    pub bitcode_is_asked_for: bool,
    pub messages_are_json: bool,
}

impl Kind {
    pub fn of(args: &Args) -> Self {
        // As cargo asks it. Build scripts ask in other ways, too, and read the answer word by word.
        if args.has("-vV") && std::env::var_os("OUT_DIR").is_none() {
            return Self::Version;
        }
        let types = args.crate_types();
        // cargo names the target for crates of the program and not for those that run on the host.
        if args.option("--target") != Some(TARGET) {
            return Self::NotOurs;
        }
        // cargo asks about all crate types at once, and tells build scripts the configuration.
        if args.options("--print").next().is_some() {
            return Self::Plain;
        }
        if types.contains(&"proc-macro") {
            return Self::NotOurs;
        }
        // Build scripts feed what they try out through standard input, or do not name it.
        let Some(name) = args.option("--crate-name").filter(|_| !args.has("-")) else { return Self::NotOurs };
        let links = args.emits("link").is_some() || !args.says_what_to_emit();
        if !links {
            return Self::Plain;
        }
        let is_test = args.has("--test");
        let is_executable = is_test || types.contains(&"bin") || types.is_empty();
        Self::Split(Crate {
            title: if is_test { format!("{name} (test)") } else { name.into() },
            name: format!("{name}{}", args.codegen("extra-filename").next_back().unwrap_or("")),
            directory: args.option("--out-dir").unwrap_or(".").into(),
            is_library: !is_executable && types.iter().any(|kind| matches!(*kind, "lib" | "rlib")),
            is_executable,
            bitcode_is_asked_for: args.emits("llvm-bc").is_some(),
            messages_are_json: args.option("--error-format") == Some("json"),
        })
    }
}

impl Crate {
    /// Whether the crate is neither a program nor a library for Rust: then it is for somebody who knows nothing of checks.
    pub fn is_for_others(&self) -> bool {
        !self.is_library && !self.is_executable
    }
}

/// Takes crate types that are for others out of a command line. Returns the first of them.
pub fn remove_types_for_others(args: &mut Args) -> Option<String> {
    const FOR_OTHERS: [&str; 3] = ["cdylib", "dylib", "staticlib"];
    let mut removed = None;
    for arg in &mut args.0 {
        let Arg::Option { name, value } = arg else { continue };
        if name != "--crate-type" {
            continue;
        }
        let Some(types) = value.to_str().map(String::from) else { continue };
        let (gone, kept): (Vec<_>, Vec<_>) = types.split(',').partition(|kind| FOR_OTHERS.contains(kind));
        removed = removed.or_else(|| gone.first().map(|kind| kind.to_string()));
        *value = kept.join(",").into();
    }
    args.0.retain(|arg| !matches!(arg, Arg::Option { name, value } if name == "--crate-type" && value.is_empty()));
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn kind(line: &str) -> Kind {
        Kind::of(&parse(line))
    }

    fn parse(line: &str) -> Args {
        Args::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn what_runs_on_the_host_is_not_ours() {
        assert_eq!(
            kind("--crate-name build_script_build build.rs --crate-type bin --emit=dep-info,link"),
            Kind::NotOurs
        );
        assert_eq!(
            kind("--crate-name m --crate-type proc-macro --emit=link --target x86_64-unknown-linux-gnu"),
            Kind::NotOurs
        );
        assert_eq!(
            kind("--crate-name probe --crate-type=lib --emit=llvm-ir --target x86_64-unknown-linux-gnu -"),
            Kind::NotOurs
        );
    }

    #[test]
    fn what_makes_no_code_is_plain() {
        assert_eq!(
            kind("--crate-name x --crate-type lib --emit=dep-info,metadata --target=x86_64-unknown-linux-gnu l.rs"),
            Kind::Plain
        );
        assert_eq!(
            kind("- --crate-name ___ --print=cfg --crate-type bin --target x86_64-unknown-linux-gnu"),
            Kind::Plain
        );
    }

    #[test]
    fn a_library_and_its_test_are_different() {
        let line = "--crate-name x l.rs --crate-type lib --emit=metadata,link --target x86_64-unknown-linux-gnu -C extra-filename=-1";
        let Kind::Split(library) = kind(line) else { panic!("not split") };
        assert!(library.is_library && !library.is_executable && library.name == "x-1");
        let Kind::Split(test) = kind(&format!("{line} --test")) else { panic!("not split") };
        assert!(!test.is_library && test.is_executable);
    }

    #[test]
    fn types_for_others_are_removed() {
        let mut args = parse("--crate-type cdylib,rlib --crate-type staticlib");
        assert_eq!(remove_types_for_others(&mut args).as_deref(), Some("cdylib"));
        assert_eq!(args.crate_types(), ["rlib"]);
    }
}
