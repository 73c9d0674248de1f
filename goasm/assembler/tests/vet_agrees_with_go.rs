//! Go's own `vet` and ours find the same lines suspicious, in functions made at random with mistakes in them.
//!
//! The seed is printed and can be given back as MORESTACK_TEST_SEED. What ours does otherwise on purpose (`vet.rs` lists it) is not made here.

mod common;

use common::declared;
use common::go::Go;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::{env, fs, process};

const FUNCTIONS: usize = 400;

/// Types in Rust and in Go. No array has the size of a register, which ours may then move at once.
const TYPES: [(&str, &str); 12] = [
    ("bool", "bool"),
    ("u8", "uint8"),
    ("u16", "uint16"),
    ("i32", "int32"),
    ("i64", "int64"),
    ("f32", "float32"),
    ("f64", "float64"),
    ("&str", "string"),
    ("&[u8]", "[]byte"),
    ("*const u8", "*byte"),
    ("[u16; 3]", "[3]uint16"),
    ("[&str; 2]", "[2]string"),
];

/// Instructions that read or write memory, `@`, with the widths that both know.
const ACCESSES: [&str; 22] = [
    "MOVB @, AX",
    "MOVB AX, @",
    "MOVW @, AX",
    "MOVW AX, @",
    "MOVL @, AX",
    "MOVL AX, @",
    "MOVQ @, AX",
    "MOVQ AX, @",
    "CMPL @, AX",
    "ADDQ @, AX",
    "ANDB $1, @",
    "MOVSD @, X0",
    "MOVSS X0, @",
    "MULSD @, X0",
    "MOVOU @, X0",
    "MOVUPS @, X0",
    "VMOVDQU @, Y0",
    "LEAQ @, AX",
    "MOVQ $@, AX",
    "MOVL $@, AX",
    "SETEQ @",
    "PINSRD $1, @, X0",
];

/// Instructions that name no argument.
const OTHERS: [&str; 7] =
    ["MOVQ AX, BP", "MOVQ BP, AX", "CMPQ AX, CX", "MOVQ @(SP), AX", "LEAQ @(SP), AX", "SUBQ $8, SP", "NOP"];

/// SplitMix64: one number after the other from a seed, the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A function's declarations in both languages, and its assembly.
struct Made {
    rust: String,
    go: String,
    assembly: String,
}

fn make(index: usize, random: &mut Random) -> Made {
    let mut list = |prefix: &str, most: usize| -> Vec<(String, (&str, &str))> {
        (0..random.below(most + 1)).map(|i| (format!("{prefix}{i}"), random.choose(&TYPES))).collect()
    };
    let (params, mut results) = (list("a", 5), list("r", 3));
    // Vet asks only for a result of this name whether it is written.
    if let Some(first) = results.first_mut() {
        first.0 = "ret".to_string();
    }
    let join = |values: &[(String, (&str, &str))], separator: &str, language: fn((&str, &str)) -> String| {
        let values = values.iter().map(|(name, ty)| format!("{name}{separator}{}", language(*ty)));
        values.collect::<Vec<_>>().join(", ")
    };
    let (rust, go) = (|ty: (&str, &str)| ty.0.to_string(), |ty: (&str, &str)| ty.1.to_string());
    let declared = format!("fn f{index}({}) -> ({})", join(&params, ": ", rust), join(&results, ": ", rust));
    let go = format!("func f{index}({}) ({})\n", join(&params, " ", go), join(&results, " ", go));
    let signature = declared::signature(&declared);

    let args = signature.args();
    let frame = random.choose(&[0, 0, 0, 8, 16, 48]);
    let flags = random.choose(&["0", "NOSPLIT", "NOSPLIT", "NOSPLIT|NOFRAME"]);
    let size = match random.below(8) {
        0 => args.next_multiple_of(8).to_string(),
        1 => (args + 1).to_string(),
        2 => "0".to_string(),
        _ => args.to_string(),
    };
    let mut text = match random.one_in(10) {
        true => format!("TEXT ·f{index}(SB), {flags}, ${frame}\n"),
        false => format!("TEXT ·f{index}(SB), {flags}, ${frame}-{size}\n"),
    };

    // Names of everything that is declared, and of parts of it.
    let mut components: Vec<_> = signature.values().map(|value| value.component()).collect();
    let parts: Vec<_> = components.iter().flat_map(|component| component.parts(3)).collect();
    let parts_of_parts: Vec<_> = parts.iter().flat_map(|component| component.parts(3)).collect();
    components.extend(parts.into_iter().chain(parts_of_parts));
    for _ in 0..random.below(8) {
        if components.is_empty() || random.one_in(4) {
            // Without a frame, ours takes SP to reach the results, too.
            if flags.contains("NOFRAME") {
                continue;
            }
            let offset = random.below(12) * 8;
            writeln!(text, "\t{}", random.choose(&OTHERS).replace('@', &offset.to_string())).unwrap();
            continue;
        }
        let component = &components[random.below(components.len())];
        let (mut name, mut offset) = (component.name.clone(), component.offset);
        match random.below(10) {
            0 => name.insert(0, 'z'),
            1 => name.push_str(random.choose(&["_base", "_cap", "_1", "_len"])),
            2 | 3 => offset = (offset + random.choose(&[1, 4, 8, 16])).saturating_sub(random.choose(&[0, 4, 8])),
            _ => {}
        }
        let memory = format!("{name}+{offset}(FP)");
        writeln!(text, "\t{}", random.choose(&ACCESSES).replace('@', &memory)).unwrap();
    }
    for result in signature.results.iter().skip(1) {
        writeln!(text, "\tLEAQ {}+{}(FP), AX", result.name, result.offset).unwrap();
    }
    text.push_str("\tRET\n");
    Made { rust: declared, go, assembly: text }
}

/// Lines about which Go's vet says something.
fn lines_of_go(go: &Go, declarations: &str, assembly: &str) -> BTreeSet<u32> {
    let dir = env::temp_dir().join(format!("goasm-vet-{}", process::id()));
    fs::create_dir_all(&dir).expect("a directory for temporary files");
    fs::write(dir.join("go.mod"), "module made\ngo 1.21\n").expect("a file");
    fs::write(dir.join("made.go"), declarations).expect("a file");
    fs::write(dir.join("made_amd64.s"), assembly).expect("a file");
    let mut vet = go.command();
    vet.env("GOPROXY", "off").env("GOFLAGS", "-mod=mod").current_dir(&dir);
    let output = vet.args(["vet", "-asmdecl", "-framepointer", "."]).output().expect("go vet runs");
    fs::remove_dir_all(&dir).expect("the directory was ours");
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let rest = line.split_once("made_amd64.s:").unwrap_or_else(|| panic!("go vet says: {text}")).1;
        lines.insert(rest.split(':').next().and_then(|line| line.parse().ok()).expect("a line number"));
    }
    lines
}

#[test]
fn the_same_lines_are_suspicious() {
    let Some(go) = Go::find() else {
        return;
    };
    let seed = common::random::seed();
    let mut random = Random(seed);
    let functions: Vec<Made> = (0..FUNCTIONS).map(|index| make(index, &mut random)).collect();

    let declarations = format!("package made\n{}", functions.iter().map(|made| made.go.as_str()).collect::<String>());
    let assembly: String = functions.iter().map(|made| made.assembly.as_str()).collect();
    let assembly = format!("#include \"textflag.h\"\n{assembly}");
    let of_go = lines_of_go(&go, &declarations, &assembly);

    let rust: Vec<&str> = functions.iter().map(|made| made.rust.as_str()).collect();
    let body = assembly.split_once('\n').expect("the line of the include").1;
    let ours = declared::vet(body, &rust);
    let our_lines: BTreeSet<u32> = ours.iter().map(|diagnostic| diagnostic.position.line).collect();

    println!("{} lines, {} suspicious", assembly.lines().count(), of_go.len());
    assert!(of_go.len() > FUNCTIONS / 2, "there are mistakes to find");
    let mut differences = String::new();
    for line in of_go.symmetric_difference(&our_lines) {
        let who = if of_go.contains(line) { "only Go" } else { "only ours" };
        let text = assembly.lines().nth(*line as usize - 1).expect("a line of the text");
        let said = ours.iter().find(|diagnostic| diagnostic.position.line == *line);
        writeln!(differences, "{who}: {line}: {text}  {}", said.map_or("", |said| &said.message)).unwrap();
    }
    assert_eq!(differences, "", "MORESTACK_TEST_SEED={seed}");
}
