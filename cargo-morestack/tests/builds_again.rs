//! What is built again, and when.

mod common;
use common::Project;
use std::collections::BTreeSet;
use std::fs;

fn units(project: &Project) -> BTreeSet<String> {
    let entries = fs::read_dir(project.path("target/morestack/units")).expect("a cache");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn modules(changed: u32) -> String {
    let mut text = String::new();
    for i in 0..10 {
        let value = if i == 3 { changed } else { i };
        text +=
            &format!("mod m{i} {{ #[inline(never)] pub fn f(x: u32) -> String {{ format!(\"{{x}} {value}\") }} }}\n");
    }
    text + "fn main() { for f in [m0::f, m1::f, m2::f, m3::f, m4::f, m5::f, m6::f, m7::f, m8::f, m9::f] { print!(\"{} \", f(1)) } }"
}

#[test]
fn only_changed_units_are_generated_in_incremental_builds() {
    let project = Project::program(&modules(100));
    assert!(project.succeed(&["run"]).contains("1 100 "));
    let before = units(&project);
    project.write("src/main.rs", &modules(200));
    assert!(project.succeed(&["run"]).contains("1 200 "));
    let new = units(&project).difference(&before).count();
    assert!((1..before.len() / 2).contains(&new), "{new} new units, {} before", before.len());
}

#[test]
fn nothing_is_built_when_nothing_has_changed() {
    let project = Project::program("fn main() {}");
    project.succeed(&["build"]);
    let messages = common::stderr(&project.run(&["build"]));
    assert!(!messages.contains("Compiling"), "{messages}");
}

#[test]
fn another_version_of_the_tool_builds_everything_again() {
    let project = Project::program("fn main() {}");
    project.succeed(&["build"]);
    let copy = project.path("cargo-morestack");
    let mut contents = fs::read(env!("CARGO_BIN_EXE_cargo-morestack")).expect("the tool");
    // Behind its end an ELF file may have anything.
    contents.push(0);
    fs::write(&copy, contents).expect("copied");
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("set");
    let given = project.command(&["build"]);
    let mut command = std::process::Command::new(copy);
    command.arg("build").current_dir(project.path(""));
    for (name, value) in given.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = common::finish(command);
    let messages = common::stderr(&output);
    assert!(output.status.success() && messages.contains("Compiling sample"), "{messages}");
}

#[test]
fn a_build_that_was_killed_is_repaired() {
    let project = Project::program(&modules(100)).manifest("[profile.dev]\nincremental = false");
    let mut child = {
        use std::os::unix::process::CommandExt as _;
        project.command(&["build"]).process_group(0).spawn().expect("started")
    };
    // Somewhere in the middle: rustc has left bitcode, or the second pass its first objects.
    common::wait_until(|| {
        let deps = fs::read_dir(project.made("debug", "deps"));
        deps.is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(".rcgu.bc"))
        }) || project.made("debug", "sample").exists()
    });
    let group = format!("-{}", child.id());
    let _ = std::process::Command::new("kill").args(["-9", "--", &group]).status();
    let _ = child.wait();
    assert!(project.succeed(&["run"]).contains("1 100 "));
    let left = fs::read_dir(project.made("debug", "deps")).expect("a directory").flatten();
    let left: Vec<_> =
        left.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().ends_with(".bc")).collect();
    assert!(left.is_empty(), "{left:?}");
}
