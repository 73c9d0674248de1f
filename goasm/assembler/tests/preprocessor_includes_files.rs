//! `#include`: beside the file, in the directories of the options, or known by itself.

use std::fs;
use std::path::{Path, PathBuf};

use goasm_assembler::parse::{Options, parse_file};

mod common;

use common::{errors, errors_with_options, instructions, words};

/// A directory of this test's own, with files.
fn directory(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("preprocessor_includes_files").join(test);
    let _ = fs::remove_dir_all(&dir);
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// What is wrong with a file, without the directory that it is in.
fn wrong(dir: &Path, name: &str, options: &Options) -> Vec<String> {
    let errors = parse_file(&dir.join(name), options).unwrap_err();
    errors.iter().map(|error| error.to_string().replace(&format!("{}/", dir.display()), "")).collect()
}

#[test]
fn a_header_is_beside_the_file_that_includes_it_or_in_a_directory() {
    let dir = directory(
        "beside",
        &[
            (
                "main.s",
                "#include \"sub/first.h\"\n#include \"other.h\"\nTEXT f(SB), 4, $0-0\nADDQ $A, AX\nADDQ $B, AX\nADDQ $C, AX\n",
            ),
            ("sub/first.h", "#define A 1\n#include \"second.h\""),
            ("sub/second.h", "#define B 2"),
            ("more/other.h", "#define C 3"),
        ],
    );
    let options = Options { include_dirs: vec![dir.join("more")], ..Options::default() };
    let parsed = parse_file(&dir.join("main.s"), &options).unwrap();
    assert_eq!(words(&parsed.statements), ["ADDQ $1 RAX", "ADDQ $2 RAX", "ADDQ $3 RAX"]);
    let files = ["main.s", "sub/first.h", "sub/second.h", "more/other.h"].map(|name| dir.join(name));
    assert_eq!(parsed.files, files, "what must be watched for changes");
}

#[test]
fn flags_and_maps_are_known_by_themselves() {
    let text = "#include \"textflag.h\"\n#include \"funcdata.h\"\n#include \"go_tls.h\"\n\
        ADDQ $(NOSPLIT|NOFRAME|RODATA|NOPTR|WRAPPER|NEEDCTXT|DUPOK|TOPFRAME), AX\nADDQ $PCDATA_StackMapIndex, AX\nget_tls(CX)\nMOVQ g(CX), BX";
    let lines = instructions(text);
    assert_eq!(lines[..2], ["ADDQ $2686 RAX", "ADDQ $1 RAX"]);
    assert_eq!(lines[2], "MOVQ Special(Tls) RCX");
    assert!(lines[3].contains("base: Some(Register(RCX)), index: Some((Tls, 1))"), "{lines:?}");
}

#[test]
fn a_file_of_such_a_name_comes_first() {
    let dir = directory(
        "own",
        &[("main.s", "#include \"textflag.h\"\nTEXT f(SB), OWN, $0-0\n"), ("textflag.h", "#define OWN 4\n")],
    );
    assert!(parse_file(&dir.join("main.s"), &Options::default()).is_ok());
}

#[test]
fn a_missing_header_is_an_error_that_says_where_it_was_searched() {
    let dir = directory("missing", &[("main.s", "\n#include \"none.h\"\nTEXT f(SB), NONE, $0\n")]);
    let options = Options { include_dirs: vec![dir.join("a"), dir.join("b")], ..Options::default() };
    let expected = "main.s:2:10: there is no file \"none.h\" to include\n    it was searched in ";
    let errors = wrong(&dir, "main.s", &options);
    assert_eq!(errors.len(), 1, "what follows is only a consequence: {errors:?}");
    assert!(errors[0].starts_with(expected) && errors[0].ends_with(", a, b"), "{errors:?}");
    let here = "test.s:1:10: there is no file \"none.h\" to include\n    \
        no directory is searched: text that is in no file has none beside it";
    assert_eq!(common::errors("#include \"none.h\"\n"), [here]);
}

#[test]
fn a_missing_go_asm_h_is_explained() {
    let error = &errors("#include \"go_asm.h\"\n")[0];
    assert!(error.contains("Go's compiler makes it from the Go source of a package"), "{error}");
    assert!(error.contains("-D NAME=VALUE"), "{error}");
}

#[test]
fn files_that_include_each_other_are_an_error() {
    let dir = directory(
        "circle",
        &[
            ("a.h", "#include \"b.h\"\n"),
            ("b.h", "\n#include \"a.h\"\n#include \"a.h\"\n"),
            ("main.s", "#include \"a.h\""),
        ],
    );
    let errors = wrong(&dir, "main.s", &Options::default());
    assert_eq!(
        errors,
        ["b.h:2:10: more than 32 files include each other\n    the last ones are a.h -> b.h -> a.h -> b.h"]
    );
}

#[test]
fn a_file_that_guards_itself_may_be_included_twice() {
    let guarded = "#ifndef GUARD\n#define GUARD\n#include \"a.h\"\n#define N 1\n#endif\n";
    let dir = directory(
        "guard",
        &[("a.h", guarded), ("main.s", "#include \"a.h\"\n#include \"a.h\"\nTEXT f(SB), 4, $0-0\nADDQ $N, AX\n")],
    );
    let parsed = parse_file(&dir.join("main.s"), &Options::default()).unwrap();
    assert_eq!(words(&parsed.statements), ["ADDQ $1 RAX"]);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let dir = directory("unreadable", &[("main.s", "#include \"dir.h\"\n"), ("dir.h/x", "")]);
    fs::write(dir.join("latin.s"), b"// caf\xe9\n").unwrap();
    assert!(
        wrong(&dir, "main.s", &Options::default())[0].starts_with("main.s:1:10: there is no file \"dir.h\" to include")
    );
    assert_eq!(
        wrong(&dir, "latin.s", &Options::default()),
        ["latin.s:1:7: this is not UTF-8, which sources are written in"]
    );
    assert!(wrong(&dir, "absent.s", &Options::default())[0].starts_with("absent.s: this source cannot be read: "));
    let device = parse_file(Path::new("/dev/zero"), &Options::default()).unwrap_err();
    assert_eq!(device[0].to_string(), "/dev/zero: this is no file, so it is not read");
}

#[test]
fn what_is_no_name_of_a_file_is_an_error() {
    assert_eq!(
        errors_with_options("#include <x.h>\n#include\n#include \"x.h\" y\n", &Options::default()),
        [
            "test.s:1:11: expected the end of the line after the name, found `x`",
            "test.s:2:2: expected the name of a file in quotes after `#include`",
            "test.s:3:16: expected the end of the line after the name, found `y`",
        ]
    );
}

#[test]
fn an_error_in_a_header_is_placed_in_it() {
    let dir = directory("position", &[("main.s", "#include \"bad.h\"\n"), ("bad.h", "\n\n  #define\n")]);
    assert_eq!(wrong(&dir, "main.s", &Options::default()), ["bad.h:3:4: expected the name of a macro after `#define`"]);
}

#[test]
fn a_line_may_say_whose_line_it_is() {
    assert_eq!(
        errors("#line 70 \"real.gen\"\nTEXT f(SB), 4, $0-0\n\tMOVQ )\n#line 0 \"x\"\n#line x\n"),
        [
            "real.gen:71:7: expected a register, a number, a name or memory, found `)`",
            "real.gen:72:7: expected the number of a line, 1 or more, after `#line`, found `0`",
            "real.gen:73:2: expected `#line NUMBER \"FILE\"`",
        ]
    );
}
