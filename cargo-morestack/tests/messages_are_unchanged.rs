//! The compiler's messages are those of an ordinary build, their count included.

mod common;
use common::{Project, stderr};

#[test]
fn warnings_and_their_number() {
    let project = Project::program("fn main() { let unused = 1; let another = 2; }");
    let output = project.run(&["build"]);
    let messages = stderr(&output);
    assert!(
        messages.contains("unused variable: `unused`") && messages.contains("unused variable: `another`"),
        "{messages}"
    );
    assert!(messages.contains("generated 2 warnings"), "{messages}");
    assert!(!messages.contains("retpoline"), "{messages}");
}

#[test]
fn none() {
    let messages = stderr(&Project::program("fn main() {}").run(&["build"]));
    assert!(!messages.contains("warning"), "{messages}");
}

#[test]
fn errors() {
    let messages = Project::program("fn main() { let x: u32 = \"\"; }").fail(&["build"]);
    assert!(messages.contains("error[E0308]") && messages.contains("due to 1 previous error"), "{messages}");
    assert!(!messages.contains("retpoline") && !messages.contains("warnings emitted"), "{messages}");
}

#[test]
fn as_json() {
    let output = Project::program("fn main() { let unused = 1; }").run(&["build", "--message-format=json"]);
    let text = common::stdout(&output);
    assert!(text.contains("unused_variables") && text.contains("\"build-finished\",\"success\":true"), "{text}");
    assert!(!text.contains("retpoline"), "{text}");
}

#[test]
fn of_the_linker() {
    let main =
        "unsafe extern \"C\" { fn there_is_no_such_function(); } fn main() { unsafe { there_is_no_such_function() } }";
    let messages = Project::program(main).fail(&["build"]);
    assert!(messages.contains("there_is_no_such_function"), "{messages}");
}
