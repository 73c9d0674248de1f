//! Without Go there are no files of Go's to run.

#![cfg(not(go))]

#[test]
fn go_is_not_installed() {
    println!("SKIPPED: Go is not installed. `.ci/install-go` does that, or set GOASM_GOROOT.");
}
