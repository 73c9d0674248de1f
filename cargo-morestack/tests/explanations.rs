//! `cargo morestack explain` says how a function was compiled.

mod common;
use common::Project;

const MAIN: &str = r#"
#[inline(never)] fn plain_work(n: u64) -> u64 { if n == 0 { 0 } else { plain_work(n - 1) ^ n } }
#[inline(never)] fn over_aligned() -> usize {
    #[repr(align(4096))] struct Page([u8; 4096]);
    let mut page = Page([1; 4096]);
    std::hint::black_box(&mut page);
    page.0.len()
}
fn main() { println!("{} {}", plain_work(5), over_aligned()) }
"#;

#[test]
fn of_functions() {
    let project = Project::program(MAIN);
    let messages = project.fail(&["explain", "plain_work"]);
    assert!(messages.contains("build first"), "{messages}");
    project.succeed(&["build", "--release"]);
    let text = project.succeed(&["explain", "plain_work"]);
    assert!(text.contains("release/deps/sample-") && text.contains("sample::plain_work"), "{text}");
    let text = project.succeed(&["explain", "over_aligned", "--bin", "sample", "--release"]);
    assert!(text.contains("was left unchecked"), "{text}");
    let messages = project.fail(&["explain", "there_is_none"]);
    assert!(messages.contains("there_is_none"), "{messages}");
    let messages = project.fail(&["explain", "plain_work", "--profile", "dev"]);
    assert!(messages.contains("build first"), "{messages}");
}
