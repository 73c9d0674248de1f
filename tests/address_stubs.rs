//! Entry and end of a mapped function are its true addresses, as the symbol table of the program has them; the address of
//! the Rust function that calls it is another.

#[path = "common/tasks.rs"]
mod tasks;

use morestack::stack::table::Table;
use morestack::task::CodeRange;
use object::elf::STT_FUNC;
use object::{Object, ObjectSymbol, SymbolFlags};
use std::collections::HashMap;

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

// In Go's syntax, with a function that no other file knows.
goasm::include! {
    "tests/asm/primer_amd64.s";

    unsafe extern "ABI0" {
        safe fn add(a: i32, b: i32) -> (i32, bool);
        safe fn primer_main() -> (i32, bool);
        fn observed_main(words: *mut [usize; 11]);
    }
}

unsafe extern "C" {
    #[link_name = "deep.count$entry"]
    safe fn known_function() -> usize;
}

/// A symbol of type FUNC.
#[derive(Clone, Copy)]
struct Function {
    address: usize,
    size: usize,
}

/// The functions in this program's symbol table, at the addresses where they are now.
fn functions() -> HashMap<String, Function> {
    let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let file = object::File::parse(&*file).unwrap();
    let mut found = HashMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.is_definition()) {
        if let SymbolFlags::Elf { st_info, .. } = symbol.flags()
            && st_info.0 & 0xf == STT_FUNC.0
            && let Ok(name) = symbol.name()
        {
            let (address, size) = (symbol.address() as usize, symbol.size() as usize);
            found.insert(name.to_owned(), Function { address, size });
        }
    }
    // The program is position independent: all addresses are off by the same.
    let base = (known_function as extern "C" fn() -> usize as usize).wrapping_sub(found["deep.count$entry"].address);
    found.values_mut().for_each(|function| function.address = function.address.wrapping_add(base));
    found
}

fn assert_is(symbol: Function, code: CodeRange, name: &str) {
    assert_eq!((symbol.address, symbol.address + symbol.size), (code.start, code.end), "{name}");
}

#[test]
fn agree_with_the_symbol_table() {
    let functions = functions();
    let declared = [
        ("deep.count", tasks::count::code()),
        ("tasks.add", tasks::add::code()),
        ("tasks.bump", tasks::bump::code()),
        ("tasks.sleep", tasks::sleep::code()),
        ("tasks.rust_twice", tasks::rust_twice::code()),
        ("address_stubs.add", add::code()),
        ("address_stubs.primer_main", primer_main::code()),
        ("address_stubs.observed_main", observed_main::code()),
    ];
    for (name, code) in declared {
        assert_is(functions[name], code, name);
        assert!(code.contains(code.start) && code.contains(code.end - 1) && !code.contains(code.end));
        assert!(!code.contains(code.start - 1));
    }
    assert_eq!(tasks::add::function().code(), tasks::add::code());
}

#[test]
fn so_does_the_function_table() {
    let functions = functions();
    let table = Table::of_program().unwrap();
    for function in table.functions() {
        let code = CodeRange { start: function.entry, end: function.end };
        assert_is(functions[function.name], code, function.name);
        // Each has its stubs, functions too, which are not part of it.
        for stub in ["entry", "end"] {
            let stub = functions[&format!("{}${stub}", function.name)];
            assert!(stub.size > 0 && !code.contains(stub.address), "{}", function.name);
            assert!(table.find_function(stub.address).is_none());
            // SAFETY: an address stub is an extern "C" function without arguments that returns an address.
            let stub: extern "C" fn() -> usize = unsafe { std::mem::transmute(stub.address) };
            assert!([code.start, code.end].contains(&stub()), "{}", function.name);
        }
    }
    let names: Vec<_> = table.functions().iter().map(|function| function.name).collect();
    for name in ["deep.count", "primer.add", "tasks.rust", "runtime.Gosched", "runtime.gopark"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
}

#[test]
fn symbols_have_type_and_size() {
    let functions = functions();
    let runtime = "morestack morestack_noctxt morestack_run morestack_resume morestack_gogo morestack_mcall \
                   morestack_systemstack morestack_enter morestack_call_rust morestack_mapped_start \
                   morestack_closure_start morestack_abandon";
    for name in runtime.split_whitespace() {
        assert!(functions.get(name).is_some_and(|function| function.size > 0), "{name}");
    }
    assert_eq!(functions["deep.count"].address % 16, 0);
}

#[test]
fn a_bridge_is_elsewhere() {
    let table = Table::of_program().unwrap();
    let bridges = [
        tasks::count as fn(u64) -> u64 as usize,
        tasks::rust_twice as fn(u64) -> u64 as usize,
        tasks::add as fn(u64, u64) -> u64 as usize,
        tasks::count::code as fn() -> CodeRange as usize,
    ];
    for bridge in bridges {
        assert!(table.find_function(bridge).is_none(), "a bridge is no mapped function");
    }
    for code in [tasks::count::code(), tasks::rust_twice::code(), tasks::add::code()] {
        assert!(bridges.iter().all(|&bridge| !code.contains(bridge)));
        assert_eq!(table.find_function(code.start).map(|function| function.entry), Some(code.start));
        assert_eq!(table.find_function(code.end - 1).map(|function| function.end), Some(code.end));
    }
}
