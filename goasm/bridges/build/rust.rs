//! The same in Rust: declarations, the functions that assembly calls, and what the tests have to know of each signature.

use crate::Case;
use std::fmt::Write as _;

pub fn source(cases: &[Case]) -> String {
    let mut text = "goasm::include! {\n    \"$OUT_DIR/bridges_amd64.s\", package(\"bridges\");\n".to_owned();
    let mut blocks =
        [("ABI0", String::from("        safe fn grow();\n")), ("ABIInternal", String::new()), ("Rust", String::new())];
    for (number, case) in cases.iter().enumerate() {
        let params = list(case.params.iter().enumerate().map(|(i, kind)| format!("a{i}: {}", kind.declared())));
        let results =
            list(case.results.iter().enumerate().map(|(i, it)| format!("r{i}: {}", case.params[*it].declared())));
        let result = if results.is_empty() { String::new() } else { format!(" -> ({results})") };
        for (block, names) in blocks.iter_mut().zip([["s", "sr", "sx"].as_slice(), &["r", "rs", "rx"], &["x"]]) {
            for name in names {
                let _ = writeln!(block.1, "        fn {name}{number}({params}){result};");
            }
        }
    }
    for (convention, functions) in blocks {
        let _ = write!(text, "\n    unsafe extern \"{convention}\" {{\n{functions}    }}\n");
    }
    text.push_str("}\n");
    for (number, case) in cases.iter().enumerate() {
        one(&mut text, number, case);
    }
    let names = list((0..cases.len()).map(|number| format!("case{number}")));
    let _ = write!(text, "\npub const CASES: [fn(&mut SmallRng); {}] = [{names}];\n", cases.len());
    text
}

fn one(text: &mut String, number: usize, case: &Case) {
    let args = tuple_of_any(case.params.iter().map(|kind| kind.words()));
    let results = result(case.results.iter().map(|it| case.params[*it].words()));
    let chosen = result(case.results.iter().map(|it| format!("a{it}")));
    let chosen_of_args = result(case.results.iter().map(|it| format!("a.{it}")));
    let params = list(case.params.iter().enumerate().map(|(i, kind)| format!("a{i}: {}", kind.words())));
    let arrow = if case.results.is_empty() { String::new() } else { format!(" -> {results}") };
    let same = match case.results.len() {
        0 => "true".to_owned(),
        1 => "x.same(y)".to_owned(),
        n => (0..n).map(|i| format!("x.{i}.same(&y.{i})")).collect::<Vec<_>>().join(" && "),
    };
    let sample = tuple_of_any(case.params.iter().map(|_| "Sample::sample(rng)".to_owned()));
    let functions =
        ["s", "r", "sr", "rs", "sx", "rx"].map(|name| format!("(\"{name}{number}\", {name}{number}::function())"));
    let functions = functions.join(", ");
    let _ = write!(
        text,
        r#"
morestack::mapped_export! {{
    #[unsafe(export_name = "bridges.x{number}")]
    fn x{number}({params}){arrow} {{
        grow();
        {chosen}
    }}
}}

fn case{number}(rng: &mut SmallRng) {{
    // SAFETY: the build script has written them with this signature.
    let functions: [(&str, MappedFn<{args}, {results}>); 6] = unsafe {{ [{functions}] }};
    check(&functions, {sample}, |a| {chosen_of_args}, |x, y| {same});
}}
"#
    );
}

fn list(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(", ")
}

fn tuple_of_any(values: impl Iterator<Item = String>) -> String {
    format!("({})", values.map(|value| value + ",").collect::<String>())
}

/// Nothing, the one, or a tuple of several.
fn result(values: impl ExactSizeIterator<Item = String>) -> String {
    let is_single = values.len() == 1;
    let values = list(values);
    if is_single { values } else { format!("({values})") }
}
