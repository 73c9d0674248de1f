//! Signatures from short texts, and what `vet` says of a source that they declare.

use goasm_assembler::diagnostic::{Diagnostic, Position};
use goasm_assembler::signature::{Declared, Signature, Type};
use goasm_assembler::syntax::Abi;
use goasm_assembler::{parse, vet};

/// `fn add(a: i32, p: &[u8]) -> (sum: i64, _: bool)` as a signature, of ABI0 or with `ABIInternal` before it. Its types are those of the language of the macros, less generics.
pub fn signature(text: &str) -> Signature {
    let (abi, text) = match text.strip_prefix("ABIInternal ") {
        Some(text) => (Abi::Internal, text),
        None => (Abi::Abi0, text),
    };
    let rest = text.strip_prefix("fn ").expect("fn");
    let (name, rest) = rest.split_once('(').expect("a list of arguments");
    let (params, results) = rest.split_once(')').expect("the end of the list");
    let results =
        results.strip_prefix(" -> (").map_or("", |list| list.strip_suffix(')').expect("the end of the results"));
    let signature = Signature::new(format!(".{name}"), &declaration(), list(params), list(results)).unwrap();
    Signature { abi, ..signature }
}

/// Where the signatures say they are declared.
pub fn declaration() -> Position {
    Position { file: "lib.rs".into(), line: 1, column: 1 }
}

fn list(text: &str) -> Vec<Declared> {
    let value = |value: &str| {
        let (name, spelling) = value.split_once(": ").expect("name: type");
        let name = (name != "_").then(|| name.to_string());
        Declared { name, spelling: spelling.to_string(), ty: ty(spelling) }
    };
    text.split(", ").filter(|value| !value.is_empty()).map(value).collect()
}

fn ty(text: &str) -> Type {
    let array = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).and_then(|text| text.rsplit_once("; "));
    match text {
        "bool" | "u8" => Type::Scalar(1),
        "u16" => Type::Scalar(2),
        "i32" | "u32" => Type::Scalar(4),
        "i64" | "u64" | "usize" => Type::Scalar(8),
        "f32" => Type::Float(4),
        "f64" => Type::Float(8),
        "&str" => Type::String,
        _ if text.starts_with("&[") => Type::Slice,
        _ if text.starts_with('*') => Type::Pointer,
        _ => {
            let (element, len) = array.expect("a type that is known here");
            Type::Array(Box::new(ty(element)), len.parse().unwrap())
        }
    }
}

/// What `vet` says, if the source has one function with this declaration.
pub fn vet(source: &str, declarations: &[&str]) -> Vec<Diagnostic> {
    let source = format!("#include \"textflag.h\"\n{source}");
    let parsed = parse::parse_text("x.s", &source, &parse::Options::default()).expect("a source that can be parsed");
    let signatures: Vec<Signature> = declarations.iter().map(|text| signature(text)).collect();
    vet::check(&parsed.statements, &signatures)
}

/// The same as text, without the line of the `#include`: "line:column: message".
pub fn said(source: &str, declarations: &[&str]) -> Vec<String> {
    let line = |diagnostic: Diagnostic| {
        let position = diagnostic.position;
        match &*position.file {
            "x.s" => format!("{}:{}: {}", position.line - 1, position.column, diagnostic.message),
            _ => format!("{position}: {}", diagnostic.message),
        }
    };
    vet(source, declarations).into_iter().map(line).collect()
}
