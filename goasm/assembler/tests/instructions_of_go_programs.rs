//! The instructions in Go's own assembly files get the bytes that Go's assembler gives them.
//!
//! The files that Go's assembler is tested with have each form once; these have what programs are made of. What a line
//! means beyond its instruction (frames, pseudo-registers, targets of jumps) is not compared here.

mod go_files;

use std::path::{Path, PathBuf};

use goasm_assembler::encode::takes_target;

/// The files below a directory that are assembly for this machine.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if name != "testdata" {
                files(&path, found);
            }
        } else if name.ends_with("_amd64.s") {
            found.push(path);
        }
    }
}

#[test]
fn instructions_of_the_standard_library() {
    let Some(goroot) = go_files::goroot() else { return };
    let mut found = Vec::new();
    files(&goroot.join("src"), &mut found);
    found.sort();
    let (mut assembled, mut compared, mut same) = (0, 0, 0);
    let mut wrong = Vec::new();
    for path in &found {
        let listed = go_files::assembled_by_go(&goroot, path);
        assembled += usize::from(!listed.is_empty());
        for listed in listed {
            let source = listed.source.replace('\t', " ");
            let mnemonic = source.split(' ').next().unwrap_or("");
            // Lines that emit data or padding, and the two whose bytes depend on where they are or on the frame.
            if takes_target(mnemonic)
                || matches!(mnemonic, "BYTE" | "WORD" | "LONG" | "QUAD" | "PCALIGN" | "RET" | "UNDEF")
            {
                continue;
            }
            let Some(encoded) = go_files::encode_line(&source) else { continue };
            compared += 1;
            match encoded {
                Ok(encoded) if encoded.bytes == listed.bytes => same += 1,
                Ok(encoded) => wrong.push(format!(
                    "{}:{}: {source}: {:02x?}, not {:02x?}",
                    path.display(),
                    listed.line,
                    encoded.bytes,
                    listed.bytes
                )),
                Err(error) => wrong.push(format!("{}:{}: {source}: {error}", path.display(), listed.line)),
            }
        }
    }
    println!(
        "{} files, {assembled} of them taken by Go's assembler alone: {same} of {compared} instructions the same bytes",
        found.len()
    );
    assert!(compared > 0);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
