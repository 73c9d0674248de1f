//! The names of instructions are Go's, all of them and no others.

mod common;

use common::go::Go;
use goasm_assembler::table::mnemonics;
use std::collections::BTreeSet;

/// What Go names, but cannot encode on this machine, or has no encoding for anywhere.
const ONLY_IN_GO: &[&str] = &[
    // Not in 64-bit code.
    "AAA",
    "AAD",
    "AAM",
    "AAS",
    "ARPL",
    "BOUNDL",
    "BOUNDW",
    "DAA",
    "DAS",
    "INTO",
    "JCXZW",
    "LEAVEL",
    "POPAL",
    "POPAW",
    "POPFL",
    "POPL",
    "PUSHAL",
    "PUSHAW",
    "PUSHFL",
    "PUSHL",
    // Without an encoding in Go's tables: names that others with a letter at their end are made from.
    "ENTER",
    "FFREE",
    "VCVTSD2USI",
    "VCVTSS2USI",
    "VCVTTSD2USI",
    "VCVTTSS2USI",
    "VCVTUSI2SD",
    "VCVTUSI2SS",
    "VFPCLASSPD",
    "VFPCLASSPS",
    // No instructions of the machine, or the end of the list.
    "ADJSP",
    "BYTE",
    "WORD",
    "LONG",
    "QUAD",
    "LAST",
];

/// What Go takes for others, or has in another list.
const ONLY_HERE: &[&str] = &[
    "CALL",
    "JMP",
    "RET",
    "JA",
    "JAE",
    "JB",
    "JBE",
    "JC",
    "JE",
    "JG",
    "JHS",
    "JL",
    "JLO",
    "JNA",
    "JNAE",
    "JNB",
    "JNBE",
    "JNC",
    "JNG",
    "JNGE",
    "JNL",
    "JNLE",
    "JNO",
    "JNP",
    "JNS",
    "JNZ",
    "JO",
    "JP",
    "JPE",
    "JPO",
    "JS",
    "JZ",
    "MASKMOVDQU",
    "MOVBELL",
    "MOVBEQQ",
    "MOVBEWW",
    "MOVD",
    "MOVDQ2Q",
    "MOVNTDQ",
    "MOVOA",
    "PADDD",
    "PSLLDQ",
    "PSRLDQ",
];

#[test]
fn names_are_go_s() {
    let Some(go) = Go::find() else { return };
    let path = go.root().join("src/cmd/internal/obj/x86/anames.go");
    let text = std::fs::read_to_string(&path).expect("Go's list of names can be read");
    let (_, list) = text.split_once("Anames = ").expect("a list of names");
    let theirs: BTreeSet<&str> = list.lines().filter_map(|line| line.split('"').nth(1)).collect();
    let here: BTreeSet<&str> = mnemonics().collect();
    println!("{} names in Go, {} here", theirs.len(), here.len());
    let only_in_go: BTreeSet<&str> = theirs.difference(&here).copied().collect();
    let only_here: BTreeSet<&str> = here.difference(&theirs).copied().collect();
    assert_eq!(only_in_go, ONLY_IN_GO.iter().copied().collect());
    assert_eq!(only_here, ONLY_HERE.iter().copied().collect());
}
