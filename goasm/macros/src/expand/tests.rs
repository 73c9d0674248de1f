//! What the macros write, without a compiler: the assembler works, the Rust is read as text.

use super::{asm, include};
use crate::assembly::Surroundings;
use goasm_assembler::diagnostic::Position;
use std::fs;
use std::path::PathBuf;

/// A crate in a directory of its own, which goes with it.
struct Crate(PathBuf);

impl Crate {
    fn new(name: &str, source: &str) -> Crate {
        let root = std::env::temp_dir().join(format!("goasm-expand-{name}-{}", std::process::id()));
        fs::create_dir_all(root.join("src/include")).unwrap();
        fs::write(root.join("src/x.s"), source).unwrap();
        Crate(root)
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            crate_name: Some("demo".to_string()),
            root: self.0.clone(),
            // Elsewhere, so that paths are whole: the test's process does not run in the crate.
            working_dir: PathBuf::from("/nowhere"),
            has_wrappers: true,
            place: |_| Position { file: "src/lib.rs".into(), line: 3, column: 9 },
            variable: |name| (name == "HERE").then(|| "src".to_string()),
        }
    }

    /// The expansion, with paths as if the compiler ran in the crate.
    fn include(&self, input: &str) -> String {
        let expansion = include(input.parse().unwrap(), &self.surroundings()).to_string();
        expansion.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Crate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The texts of all `compile_error!`s.
fn errors(expansion: &str) -> Vec<String> {
    let file: syn::File = syn::parse_str(expansion).unwrap();
    let error = |item: syn::Item| match item {
        syn::Item::Macro(item) if item.mac.path.segments.last().unwrap().ident == "compile_error" => {
            Some(item.mac.parse_body::<syn::LitStr>().unwrap().value())
        }
        _ => None,
    };
    file.items.into_iter().filter_map(error).collect()
}

const ADD: &str = "TEXT ·add(SB), 4, $0-13\n\tMOVL a+0(FP), AX\n\tMOVL AX, sum+8(FP)\n\tMOVB AX, carry+12(FP)\n\tRET\n";

#[test]
fn symbols_begin_with_the_crate_or_the_package() {
    let demo = Crate::new("symbols", ADD);
    let block = "unsafe extern \"ABI0\" { pub safe fn add(a: i32, b: i32) -> (sum: i32, carry: bool); }";
    assert!(demo.include(&format!("\"src/x.s\"; {block}")).contains("\"demo.add\""));
    assert!(demo.include(&format!("\"src/x.s\", package(\"math/big\"); {block}")).contains("\"math/big.add\""));
}

#[test]
fn every_file_that_is_read_is_watched() {
    let demo = Crate::new("watched", &format!("#include \"own.h\"\n{ADD}"));
    fs::write(demo.0.join("src/include/own.h"), "#define OWN\n").unwrap();
    let expansion = demo.include("\"src/x.s\", include_dir(\"src/include\");");
    for file in ["/src/x.s", "/src/include/own.h"] {
        let watched =
            format!("include_bytes ! (:: core :: concat ! (:: core :: env ! (\"CARGO_MANIFEST_DIR\") , \"{file}\"))");
        assert!(expansion.contains(&watched), "{file} in {expansion}");
    }
}

#[test]
fn paths_may_begin_with_a_variable() {
    let demo = Crate::new("variables", &format!("#include \"own.h\"\n{ADD}"));
    fs::write(demo.0.join("src/include/own.h"), "#define OWN\n").unwrap();
    let expansion = demo.include("\"$HERE/x.s\", include_dir(\"$HERE/include\");");
    assert!(expansion.contains("\"/src/x.s\"") && expansion.contains("\"/src/include/own.h\""), "{expansion}");
    assert!(expansion.contains("option_env ! (\"HERE\")"), "{expansion}");
    for input in ["\"$THERE/x.s\";", "\"src/x.s\", include_dir(\"$THERE\");"] {
        let found = errors(&demo.include(input));
        let expected = "the environment variable THERE, with which this path begins, is not set (cargo sets OUT_DIR for crates that \
                        have a build script)";
        assert_eq!(found, [expected], "{input}");
    }
}

#[test]
fn every_mistake_is_an_error_at_its_line() {
    let source = "TEXT ·add(SB), 4, $0-13\n\tMOVL b+8(FP), AX\n\tMOVQ a+0(FP), AX\n\tMOVL AX, sum+8(FP)\n\tMOVB AX, carry+12(FP)\n\tRET\n";
    let demo = Crate::new("mistakes", source);
    let expansion = demo
        .include("\"src/x.s\"; unsafe extern \"ABI0\" { safe fn add(a: i32, b: i32) -> (sum: i32, carry: bool); safe fn sub(); }");
    let expected = [
        "src/x.s:2:7: `b+8(FP)` is 8 bytes into the arguments, but b: i32 is at b+4(FP)\n\n    \tMOVL b+8(FP), AX\n    \t     ^\n",
        "src/x.s:3:7: MOVQ moves 8 bytes, but a: i32 has 4\n\n    \tMOVQ a+0(FP), AX\n    \t     ^\n",
        "no TEXT defines `·sub(SB)`, which `fn sub()` declares\nnote: Static functions, `name<>(SB)`, cannot be declared.",
    ];
    assert_eq!(errors(&expansion), expected);
    // So that callers are not told that it is missing.
    assert!(expansion.contains("fn add (a : i32 , b : i32) -> (i32 , bool)"), "{expansion}");
}

#[test]
fn what_the_assembler_refuses_is_an_error_too() {
    for (name, source, expected) in [
        ("unknown", "TEXT ·f(SB), 4, $0\n\tMOVZ AX, BX\n\tRET\n", "src/x.s:2:2: "),
        ("parse", "TEXT ·f(SB), 4, $0\n\tMOVQ (AX, BX\n\tRET\n", "src/x.s:2:"),
        ("chain", "TEXT ·f(SB), 4, $4000\n\tCALL ·f(SB)\n\tRET\n", "src/x.s:"),
    ] {
        let demo = Crate::new(name, source);
        let found = errors(&demo.include("\"src/x.s\";"));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{name}: {found:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let demo = Crate::new("missing", "");
    let found = errors(&demo.include("\"src/y.s\";"));
    assert!(found.len() == 1 && found[0].contains("src/y.s"), "{found:?}");
}

#[test]
fn a_text_has_the_lines_and_columns_of_its_place() {
    let demo = Crate::new("inline", "");
    let text = "r#\"TEXT ·f(SB), 4, $0-8\n    MOVL x+0(FP), AX\n    RET\n\"#; unsafe extern \"ABI0\" { fn f(x: u64); }";
    let expansion = asm(text.parse().unwrap(), &demo.surroundings()).to_string();
    assert_eq!(errors(&expansion), ["src/lib.rs:4:10: MOVL moves 4 bytes, but x: u64 has 8"]);
    let text = "r#\"TEXT ·f(SB), 4, $0-16\n    RET\n\"#; unsafe extern \"ABI0\" { fn f(x: u64); }";
    let expansion = asm(text.parse().unwrap(), &demo.surroundings()).to_string();
    // Behind `r#"`, which begins at column 9.
    assert!(errors(&expansion)[0].starts_with("src/lib.rs:3:12: TEXT ·f gives 16 bytes"), "{expansion}");
}

#[test]
fn more_values_than_a_call_can_take_are_refused() {
    let demo = Crate::new("many", "");
    let many = (0..41).map(|i| format!("a{i}: u8")).collect::<Vec<_>>().join(", ");
    let expansion = demo.include(&format!("\"src/x.s\"; unsafe extern \"ABI0\" {{ fn f({many}); }}"));
    assert_eq!(errors(&expansion), ["more than 40 arguments or results: pass a reference to a struct"]);
}

#[test]
fn without_a_crate_name_a_package_has_to_be_given() {
    let demo = Crate::new("nameless", "TEXT ·f(SB), 4, $0\n\tRET\n");
    let surroundings = || Surroundings { crate_name: None, ..demo.surroundings() };
    let found = errors(&include("\"src/x.s\";".parse().unwrap(), &surroundings()).to_string());
    assert!(found[0].contains("package("), "{found:?}");
    assert_eq!(errors(&include("\"src/x.s\", package(\"p\");".parse().unwrap(), &surroundings()).to_string()), [""; 0]);
}

#[test]
fn attributes_and_lifetimes_stay() {
    let demo = Crate::new("attributes", "TEXT ·f(SB), 4, $0-48\n\tMOVQ AX, ret+24(FP)\n\tRET\n");
    let expansion = demo.include(
        "\"src/x.s\"; unsafe extern \"ABI0\" { /** Doc. */ #[must_use] #[cfg(unix)] pub(crate) fn f<'a>(p: &'a [u8]) -> &'a [u8]; }",
    );
    assert!(expansion.contains("pub (crate) unsafe fn f < 'a > (p : & 'a [u8]) -> & 'a [u8]"), "{expansion}");
    for attribute in ["Doc.", "# [must_use]", "# [cfg (unix)] :: goasm :: morestack :: __mapped_module"] {
        assert!(expansion.contains(attribute), "{attribute} in {expansion}");
    }
}

const CONVENTIONS: &str = "TEXT ·f<ABIInternal>(SB), 4, $0-16\n\tINCQ AX\n\tRET\n\
    TEXT ·g(SB), 4, $8-16\n\tCALL ·f(SB)\n\tMOVQ AX, ret+8(FP)\n\tRET\n";

const CONVENTIONS_DECLARED: &str = "\"src/x.s\"; \
    unsafe extern \"ABIInternal\" { safe fn f(x: u64) -> u64; } \
    unsafe extern \"ABI0\" { safe fn g(x: u64) -> u64; } \
    unsafe extern \"Rust\" { fn h(x: u64) -> u64; }";

#[test]
fn functions_have_namesakes_of_the_other_convention() {
    let source =
        CONVENTIONS.replace("$8-16", "$8-16\n\tFUNCDATA $1, no_pointers_stackmap(SB)").replace("4, $8", "0, $8");
    let demo = Crate::new("namesakes", &source);
    let expansion = demo.include(CONVENTIONS_DECLARED);
    assert_eq!(errors(&expansion), [""; 0]);
    for symbol in ["demo.f", "demo.f<ABIInternal>", "demo.g", "demo.g<ABIInternal>", "demo.h<ABIInternal>"] {
        assert!(expansion.contains(&format!("FUNCTION_END \\\"{symbol}\\\"")), "{symbol}: {expansion}");
    }
    assert!(!expansion.contains("FUNCTION_END \\\"demo.h\\\""), "that is in Rust");
    assert!(expansion.contains("\"demo.f<ABIInternal>\" , unsafe , \"demo.f\""), "{expansion}");
    assert!(!expansion.contains("fn h"), "{expansion}");
}

#[test]
fn without_wrappers_their_names_are_refused_with_the_reason() {
    let demo = Crate::new("no-namesakes", CONVENTIONS);
    let surroundings = Surroundings { has_wrappers: false, ..demo.surroundings() };
    let expansion = include(CONVENTIONS_DECLARED.parse().unwrap(), &surroundings).to_string();
    let [error, ..] = &errors(&expansion)[..] else { panic!("{expansion}") };
    assert!(error.contains("src/x.s:5:7: `fn f(x: u64) -> (ret: u64)` is ABIInternal, and without"), "{error}");
    assert!(error.ends_with("note: The feature `wrappers` of goasm makes them; it is off."), "{error}");

    // With the function's own name there is nothing to be said against it, and Rust calls it by a name that is nobody's.
    fs::write(demo.0.join("src/x.s"), CONVENTIONS.replace("CALL ·f(SB)", "LEAQ ·f<ABIInternal>(SB), AX")).unwrap();
    let expansion = include(CONVENTIONS_DECLARED.parse().unwrap(), &surroundings).to_string();
    assert!(expansion.contains("\"demo.f<ABIInternal>\" , unsafe , \"demo.f$bridge\""), "{expansion}");
    assert!(!expansion.contains("FUNCTION_END \\\"demo.f\\\"") && !expansion.contains("demo.g<ABIInternal>"));
}
