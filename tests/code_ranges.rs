//! The ranges of all mapped functions, as their address stubs and the function table have them, are those in the program's symbol table;
//! and each function that has stubs is in the function table.

#[path = "common/all_mapped.rs"]
mod all_mapped;
#[path = "common/mapped.rs"]
mod mapped;

use mapped::table;
use morestack::code::{self, CodeRange};
use object::elf::STT_FUNC;
use object::{Object, ObjectSymbol, SymbolFlags};
use std::collections::HashMap;

/// The functions in this program's symbol table, at the addresses where they are now.
fn symbols() -> HashMap<String, CodeRange> {
    let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let file = object::File::parse(&*file).unwrap();
    let functions = file.symbols().filter(|symbol| {
        let SymbolFlags::Elf { st_info, .. } = symbol.flags() else { return false };
        symbol.is_definition() && st_info.0 & 0xf == STT_FUNC.0
    });
    let mut found: HashMap<_, _> = functions
        .filter_map(|symbol| {
            let start = symbol.address() as usize;
            Some((symbol.name().ok()?.to_owned(), CodeRange { start, end: start + symbol.size() as usize }))
        })
        .collect();
    // The program is position independent: all addresses are off by the same.
    let known = &table().functions()[0];
    let base = known.entry.wrapping_sub(found[known.name].start);
    for code in found.values_mut() {
        (code.start, code.end) = (code.start.wrapping_add(base), code.end.wrapping_add(base));
    }
    found
}

/// What the stub that is at this address returns.
fn stub(code: &CodeRange) -> usize {
    // SAFETY: an address stub is an extern "C" function without arguments that returns an address.
    let stub: extern "C" fn() -> usize = unsafe { std::mem::transmute(code.start) };
    stub()
}

#[test]
fn of_stubs_table_and_symbols_are_the_same() {
    let symbols = symbols();
    assert!(table().functions().len() > 100, "the assembly of the tests is there");
    for f in table().functions() {
        let code = CodeRange { start: f.entry, end: f.end };
        assert_eq!(symbols[f.name], code, "{}", f.name);
        assert_eq!(stub(&symbols[&format!("{}$entry", f.name)]), code.start, "{}", f.name);
        assert_eq!(stub(&symbols[&format!("{}$end", f.name)]), code.end, "{}", f.name);
    }
}

#[test]
fn of_all_functions_with_stubs_are_there() {
    let symbols = symbols();
    let mut others = Vec::new();
    for name in symbols.keys().filter_map(|name| name.strip_suffix("$entry")) {
        let code = symbols[name];
        assert_eq!(stub(&symbols[&format!("{name}$entry")]), code.start, "{name}");
        assert_eq!(stub(&symbols[&format!("{name}$end")]), code.end, "{name}");
        if !table().functions().iter().any(|f| f.name == name) {
            others.push(name);
        }
    }
    // Where signal handlers return to is never called, and so is no mapped function; but it is copied.
    assert!(others.iter().all(|&name| name == "morestack_sigreturn"), "{others:?}");
}

#[test]
fn of_functions_without_calls_can_be_copied() {
    let mut copied = 0;
    for f in table().functions() {
        match code::copy(CodeRange { start: f.entry, end: f.end }) {
            Ok(copy) => {
                // SAFETY: code of this program.
                let original = unsafe { std::slice::from_raw_parts(f.entry as *const u8, f.end - f.entry) };
                assert_eq!(copy.bytes(), original, "{}", f.name);
                assert!(f.is_nosplit(), "{}: a check leads to morestack", f.name);
                copied += 1;
            }
            Err(error) => assert!(error.to_string().contains("depends on where it is"), "{}: {error}", f.name),
        }
    }
    println!("{copied} of {} functions do not depend on where they are", table().functions().len());
    assert!(copied > 0);
}
