//! What is a declaration, what is none, and what each of those is told.

use super::Input;
use goasm_assembler::signature::Type;
use syn::LitStr;

fn parse(declaration: &str) -> syn::Result<Input> {
    syn::parse_str(&format!("\"x.s\"; unsafe extern \"ABI0\" {{ {declaration} }}"))
}

/// Names and types of arguments and results of the only declaration.
fn values(declaration: &str) -> [Vec<(Option<String>, Type)>; 2] {
    let input = parse(declaration).unwrap();
    let [declaration] = input.declarations.as_slice() else { panic!("one declaration") };
    [&declaration.params, &declaration.results]
        .map(|values| values.iter().map(|value| (value.symbol(), value.shape.layout())).collect())
}

fn refused(input: &str) -> String {
    syn::parse_str::<Input>(input).err().expect("it is refused").to_string()
}

fn named(name: &str, ty: Type) -> (Option<String>, Type) {
    (Some(name.to_string()), ty)
}

#[test]
fn types_are_those_that_go_lays_out() {
    let array = |ty, len| Type::Array(Box::new(ty), len);
    for (spelling, expected) in [
        ("bool", Type::Scalar(1)),
        ("i16", Type::Scalar(2)),
        ("f32", Type::Float(4)),
        ("usize", Type::Scalar(8)),
        ("*const std::ffi::c_void", Type::Pointer),
        ("*mut (u8, Foo<'a>)", Type::Pointer),
        ("&'a mut [u32; 4]", Type::Pointer),
        ("&&str", Type::Pointer),
        ("&'a [Foo]", Type::Slice),
        ("&mut [u8]", Type::Slice),
        ("&'static str", Type::String),
        ("(&str)", Type::String),
        ("[u8; 16]", array(Type::Scalar(1), 16)),
        ("[[&[u8]; 2]; 0x3]", array(array(Type::Slice, 2), 3)),
    ] {
        assert_eq!(values(&format!("fn f<'a>(x: {spelling});"))[0], [named("x", expected)], "{spelling}");
    }
}

#[test]
fn other_types_are_refused() {
    let anything_else = "ABI0 passes integers of up to 64 bits, f32, f64, bool, thin pointers and references, &[T], &mut [T], &str, and \
                         arrays of these; pass a reference to anything else";
    for (spelling, expected) in [
        ("String", anything_else),
        ("u128", anything_else),
        ("char", anything_else),
        ("(u8, u8)", anything_else),
        ("&mut str", anything_else),
        ("&dyn Fn()", anything_else),
        ("[String; 2]", anything_else),
        ("fn()", anything_else),
        ("*const [u8]", "Go's pointers are one word: take a reference, `&[T]` or `&str`"),
        ("*const dyn Fn()", "Go's pointers are one word: take a reference, `&[T]` or `&str`"),
        ("[u8; N]", "the layout has to be known here: write the length as a number"),
    ] {
        assert_eq!(parse(&format!("fn f(x: {spelling});")).err().expect(spelling).to_string(), expected, "{spelling}");
    }
}

#[test]
fn results_have_names_or_none() {
    let (byte, word) = (Type::Scalar(1), Type::Scalar(8));
    assert_eq!(values("fn f();")[1], []);
    assert_eq!(values("fn f() -> ();")[1], []);
    assert_eq!(values("fn f() -> u64;")[1], [(None, word.clone())]);
    assert_eq!(values("fn f() -> (u64);")[1], [(None, word.clone())]);
    assert_eq!(values("fn f() -> (u64, bool,);")[1], [(None, word.clone()), (None, byte.clone())]);
    assert_eq!(values("fn f() -> (n: u64);")[1], [named("n", word.clone())]);
    assert_eq!(values("fn f() -> (n: u64, ok: bool);")[1], [named("n", word.clone()), named("ok", byte)]);
    assert_eq!(values("fn f(_: u64, r#type: u64);")[0], [(None, word.clone()), named("type", word)]);
    assert_eq!(
        parse("fn f() -> (u64,);").err().unwrap().to_string(),
        "a tuple of one is no result of Go: leave out the comma"
    );
    assert!(parse("fn f() -> (n: u64, bool);").is_err());
}

#[test]
fn safety_is_as_in_rust() {
    for (declaration, expected) in [("fn f();", false), ("unsafe fn f();", false), ("pub(crate) safe fn f();", true)] {
        assert_eq!(parse(declaration).unwrap().declarations[0].is_safe, expected, "{declaration}");
    }
    assert_eq!(parse("const fn f();").err().unwrap().to_string(), "expected `fn`, `safe fn` or `unsafe fn`");
}

#[test]
fn symbols_are_those_of_the_crate_unless_they_say_another() {
    for (declaration, expected) in [
        ("fn add();", ".add"),
        ("fn r#match();", ".match"),
        ("fn sqrt() = \"archSqrt\";", ".archSqrt"),
        ("fn add() = \"math∕big·addVV\";", "math/big.addVV"),
        ("fn add() = \"runtime.add\";", "runtime.add"),
    ] {
        assert_eq!(parse(declaration).unwrap().declarations[0].symbol(), expected);
    }
}

#[test]
fn options_stand_behind_the_path() {
    let input: Input =
        syn::parse_str("\"x.s\", define(\"A\"), define(\"B\", \"2\"), include_dir(\"h\"), package(\"crypto/md5\"),;")
            .unwrap();
    assert_eq!(input.source.value(), "x.s");
    assert_eq!(input.options.defines, [("A".to_string(), "1".to_string()), ("B".to_string(), "2".to_string())]);
    assert_eq!(input.options.include_dirs.iter().map(LitStr::value).collect::<Vec<_>>(), ["h"]);
    assert_eq!(input.options.package.unwrap().value(), "crypto/md5");
    let expected =
        "an option is define(\"NAME\"), define(\"NAME\", \"value\"), include_dir(\"path\") or package(\"path\")";
    for option in ["define()", "include(\"x\")", "package(\"a\", \"b\")"] {
        assert_eq!(refused(&format!("\"x.s\", {option};")), expected, "{option}");
    }
    assert_eq!(refused("\"x.s\", package(\"a\"), package(\"b\");"), "the package is given twice");
}

#[test]
fn a_block_vouches_and_names_its_convention() {
    let vouches = "a block of declarations is `unsafe extern \"ABI0\" { .. }`: `unsafe` vouches that the assembly does what they say";
    assert_eq!(refused("\"x.s\"; extern \"ABI0\" {}"), vouches);
    assert_eq!(refused("\"x.s\"; fn f();"), vouches);
    let convention =
        "the calling convention is \"ABI0\" or \"ABIInternal\"; or \"Rust\" for functions of mapped_export!";
    assert_eq!(refused("\"x.s\"; unsafe extern \"C\" {}"), convention);
    assert_eq!(parse("fn f<T>(x: &T);").err().unwrap().to_string(), "assembly has no type parameters, only lifetimes");
    let input: Input =
        syn::parse_str("\"x.s\"; unsafe extern \"ABI0\" { fn f(); } unsafe extern \"ABI0\" { fn g(); }").unwrap();
    assert_eq!(input.declarations.len(), 2);
    let of_rust = "it is in Rust already: what stands here says only with which arguments assembly calls it";
    assert_eq!(refused("\"x.s\"; unsafe extern \"Rust\" { pub fn f(); }"), of_rust);
    assert_eq!(refused("\"x.s\"; unsafe extern \"Rust\" { safe fn f(); }"), of_rust);
}
