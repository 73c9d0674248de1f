//! The example `pipeline` counts what a naive loop counts, names files that it cannot read, and gives up when its time is over.

#[path = "common/server.rs"]
mod server;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run has said.
struct Output {
    code: Option<i32>,
    /// The words with their counts, and the last line.
    words: Vec<(u64, String)>,
    totals: String,
    errors: String,
}

/// Runs the example to its end.
fn run(arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut command = Command::new(server::path_of("pipeline"));
    let child = command.args(arguments).args(files).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().expect("it starts");
    let id = child.id();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    let output = end.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        // SAFETY: a child of ours that nobody has waited for yet.
        unsafe { libc::kill(id as i32, libc::SIGKILL) };
        panic!("pipeline {arguments:?} hangs")
    });
    let output = output.expect("its output");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut lines: Vec<_> = text.lines().collect();
    let totals = lines.pop().unwrap_or_default().to_owned();
    let words = lines.iter().map(|line| {
        let (count, word) = line.trim_start().split_once(' ').expect("a count and a word");
        (count.parse().expect("a number"), word.to_owned())
    });
    Output {
        code: output.status.code(),
        words: words.collect(),
        totals,
        errors: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A directory that is removed when the test is over.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pipeline-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The words of some texts, the most frequent first.
fn naive(texts: &[&str]) -> Vec<(u64, String)> {
    let mut counts = HashMap::new();
    for text in texts {
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *counts.entry(word.to_lowercase()).or_insert(0) += 1;
        }
    }
    let mut words: Vec<_> = counts.into_iter().map(|(word, count)| (count, word)).collect();
    words.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    words
}

/// Texts of several chunks, with long and short words, of several scripts.
fn texts() -> Vec<String> {
    let words = ["one", "Two", "THREE", "vier", "fünf", "ШЕСТЬ", "七", "8", "nine-ten", "\n", "x"];
    let long = "long".repeat(40_000);
    (0..12)
        .map(|text| {
            let mut number = text as u32 + 1;
            let mut words: Vec<_> = (0..text * text * 900)
                .map(|_| {
                    number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    words[(number >> 16) as usize % words.len()]
                })
                .collect();
            words.push(&long);
            words.join([" ", "\n", ", "][text % 3])
        })
        .collect()
}

#[test]
fn counts_are_those_of_a_naive_loop() {
    let directory = Directory::new("counts");
    let texts = texts();
    let files: Vec<_> =
        texts.iter().enumerate().map(|(n, text)| directory.file(&format!("{n}.txt"), text.as_bytes())).collect();
    let expected = naive(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let (bytes, words) = (texts.iter().map(String::len).sum::<usize>(), expected.iter().map(|(n, _)| n).sum::<u64>());
    let totals = format!("{} files, {bytes} bytes, {words} words, {} different", files.len(), expected.len());
    for (workers, top) in [("1", 3), ("2", 0), ("7", 1000)] {
        let output = run(&["--workers", workers, "--top", &top.to_string(), "--timeout", "3600"], &files);
        assert_eq!(output.code, Some(0), "{}", output.errors);
        assert_eq!(output.words, expected[..top.min(expected.len())]);
        assert_eq!(output.totals, totals);
        // Not a terminal: one line, at the end. (The runtime may report before that how busy this machine is.)
        let progress = format!("12 of 12 files, {:.1} MB, {words} words", bytes as f64 / 1e6);
        let drawn: Vec<_> = output.errors.lines().filter(|line| line.contains(" files, ")).collect();
        assert_eq!(drawn, [progress]);
    }
}

#[test]
fn files_that_cannot_be_read_are_named_and_the_others_counted() {
    let directory = Directory::new("failures");
    let files = [directory.0.join("missing"), directory.file("there", b"there it is, \xff there"), directory.0.clone()];
    let output = run(&["--top", "1"], &files);
    assert_eq!(output.code, Some(1));
    assert_eq!((output.words, &*output.totals), (vec![(2, "there".into())], "1 files, 20 bytes, 4 words, 3 different"));
    let named: BTreeSet<_> = output.errors.lines().filter(|line| line.starts_with("pipeline: ")).collect();
    let missing = format!("pipeline: {}: No such file or directory (os error 2)", files[0].display());
    let is_directory = format!("pipeline: {}: Is a directory (os error 21)", files[2].display());
    assert_eq!(named, BTreeSet::from([&*missing, &*is_directory]));
}

#[test]
fn empty_files_have_no_words() {
    let directory = Directory::new("empty");
    let output = run(&[], &[directory.file("a", b""), directory.file("b", b" \n ")]);
    assert_eq!((output.code, output.words.len()), (Some(0), 0));
    assert_eq!(output.totals, "2 files, 3 bytes, 0 words, 0 different");
}

#[test]
fn no_time_is_too_little() {
    let directory = Directory::new("no-time");
    let output = run(&["--timeout", "0"], &[directory.file("a", b"word")]);
    assert_eq!(output.code, Some(1));
    assert!(output.errors.contains("gave up when the time was over"), "{}", output.errors);
    assert!(output.words.is_empty() || output.words == [(1, "word".into())], "{:?}", output.words);
}

#[test]
fn a_file_without_an_end_is_given_up() {
    let directory = Directory::new("endless");
    // Nobody writes into it, so not even opening it ends.
    let pipe = directory.0.join("pipe");
    let name = std::ffi::CString::new(pipe.to_str().expect("text")).expect("no null");
    // SAFETY: a string that ends in a null byte.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let output = run(&["--workers", "1", "--timeout", "2"], &[pipe, directory.file("a", b"word word")]);
    assert_eq!(output.code, Some(1));
    assert_eq!(output.words, [(2, "word".into())], "the other file has been counted by then");
    assert!(output.errors.contains("gave up when the time was over"), "{}", output.errors);
}

#[test]
fn a_file_may_look_like_an_option() {
    let directory = Directory::new("option");
    directory.file("--top", b"word");
    let output = Command::new(server::path_of("pipeline"))
        .args(["--workers", "1", "--", "--top"])
        .current_dir(&directory.0)
        .output()
        .expect("it starts");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("       1 word\n"), "{output:?}");
}
