//! Settings of profiles that matter to code generation.

mod common;
use common::{Project, is_checked, run_program};

const MAIN: &str = r#"
#[inline(never)] fn work(n: u32) -> String { format!("{n}") }
fn main() { println!("{}", std::panic::catch_unwind(|| work(7)).unwrap()) }
"#;

fn with(settings: &str) -> Project {
    Project::program(MAIN).manifest(&format!("[profile.special]\ninherits = \"release\"\n{settings}"))
}

#[test]
fn work() {
    for settings in [
        "codegen-units = 1",
        "codegen-units = 3",
        "opt-level = \"z\"",
        "opt-level = 1",
        "panic = \"abort\"",
        "debug = true",
        "incremental = true",
        "debug = true\nsplit-debuginfo = \"packed\"",
        "overflow-checks = true",
    ] {
        let project = with(settings);
        assert_eq!(project.succeed(&["run", "--profile", "special"]), "7\n", "{settings}");
        assert!(is_checked(&project.made("special", "sample"), "work"), "{settings}");
    }
}

#[test]
fn stripping_comes_last() {
    for (strip, symbols) in [("symbols", false), ("debuginfo", true)] {
        let project = with(&format!("strip = \"{strip}\""));
        project.succeed(&["build", "--profile", "special"]);
        let binary = project.made("special", "sample");
        assert_eq!(run_program(&binary), "7\n");
        let data = std::fs::read(&binary).expect("a binary");
        let file = object::File::parse(&*data).expect("an ELF file");
        use object::{Object as _, ObjectSection as _};
        assert_eq!(file.symbols().next().is_some(), symbols, "{strip}");
        assert!(!file.sections().any(|section| section.name().is_ok_and(|name| name.starts_with(".debug"))), "{strip}");
    }
}
