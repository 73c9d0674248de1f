//! Puts the tables together, once.

use std::collections::{HashMap, HashSet};

use iced_x86::{Code, CpuidFeature, Mnemonic};

use super::form::{Form, Shape};
use super::want::{Vector, Want};
use super::{exceptions, names};

/// All names with their forms.
pub(super) fn table() -> HashMap<String, Vec<Form>> {
    let mut table = Table::default();
    for (name, codes, shape) in names::explicit() {
        table.claim(codes);
        table.add(name, codes, &shape);
    }
    let codes: Vec<Code> = Code::values().filter(|code| is_usable(*code)).collect();
    let by_mnemonic = group(&codes);
    table.add_sized(&by_mnemonic);
    table.add_by_length(&by_mnemonic);
    for (intel, go, aliases) in names::CONDITIONS {
        table.add_condition(&codes, intel, go, aliases);
    }
    table.add_rest(&codes);
    for (alias, name) in names::ALIASES {
        if let Some(forms) = table.forms.get(*name).cloned() {
            table.forms.insert((*alias).to_string(), forms);
        }
    }
    table.forms.retain(|name, forms| !forms.is_empty() && !names::NOT_IN_GO.contains(&name.as_str()));
    for forms in table.forms.values_mut() {
        // The sort is stable: what iced-x86 lists first stays first.
        forms.sort_by_key(Form::class);
    }
    table.forms
}

/// The table while it is made.
#[derive(Default)]
struct Table {
    forms: HashMap<String, Vec<Form>>,
    /// What has a name already and gets no other.
    claimed: HashSet<Code>,
}

impl Table {
    fn claim(&mut self, codes: &[Code]) {
        self.claimed.extend(codes);
    }

    fn add(&mut self, name: &str, codes: &[Code], shape: &Shape) {
        let forms = codes.iter().filter_map(|code| Form::new(*code, shape));
        match self.forms.get_mut(name) {
            Some(known) => known.extend(forms),
            None => drop(self.forms.insert(name.to_string(), forms.collect())),
        }
    }

    /// What ends in the letter of a width.
    fn add_sized(&mut self, by_mnemonic: &HashMap<Mnemonic, Vec<Code>>) {
        for (stem, mnemonic, operand) in names::SIZED {
            let shapes = exceptions::shapes(*mnemonic);
            for code in by_mnemonic.get(mnemonic).into_iter().flatten() {
                let Some(letter) = width_letter(*code, *operand) else { continue };
                self.claim(&[*code]);
                for shape in shapes {
                    self.add(&format!("{stem}{letter}"), &[*code], shape);
                }
            }
        }
    }

    /// What ends in the letter of a vector.
    fn add_by_length(&mut self, by_mnemonic: &HashMap<Mnemonic, Vec<Code>>) {
        for (stem, mnemonic, unsuffixed) in names::BY_LENGTH {
            for code in by_mnemonic.get(mnemonic).into_iter().flatten() {
                let Some(vector) = source_length(*code) else { continue };
                self.claim(&[*code]);
                if *unsuffixed == Some(vector) {
                    self.add(stem, &[*code], &Shape::PLAIN);
                } else {
                    self.add(&format!("{stem}{}", vector.letter()), &[*code], &Shape::PLAIN);
                }
            }
        }
    }

    /// What has no name yet: Intel's in capitals.
    fn add_rest(&mut self, codes: &[Code]) {
        for code in codes.iter().filter(|code| !self.claimed.contains(code)).copied().collect::<Vec<_>>() {
            let mnemonic = code.mnemonic();
            let name = format!("{mnemonic:?}").to_uppercase();
            for shape in exceptions::shapes(mnemonic) {
                self.add(&name, &[code], shape);
            }
        }
    }

    /// Jumps, moves and settings on the condition that Intel calls `intel`.
    fn add_condition(&mut self, codes: &[Code], intel: &str, go: &str, aliases: &[&str]) {
        for code in codes {
            let name = format!("{:?}", code.mnemonic()).to_uppercase();
            let Some((kind, condition)) =
                ["CMOV", "SET", "J"].iter().find_map(|kind| Some((kind, name.strip_prefix(kind)?)))
            else {
                continue;
            };
            if condition != intel {
                continue;
            }
            self.claim(&[*code]);
            match *kind {
                "CMOV" => {
                    if let Some(letter) = width_letter(*code, 0) {
                        self.add(&format!("CMOV{letter}{go}"), &[*code], &Shape::PLAIN);
                    }
                }
                "SET" => self.add(&format!("SET{go}"), &[*code], &Shape::PLAIN),
                _ => {
                    self.add(&format!("J{go}"), &[*code], &Shape::PLAIN);
                    for alias in aliases {
                        self.add(&format!("J{alias}"), &[*code], &Shape::PLAIN);
                    }
                }
            }
        }
    }
}

/// The codes of each mnemonic.
fn group(codes: &[Code]) -> HashMap<Mnemonic, Vec<Code>> {
    let mut groups: HashMap<Mnemonic, Vec<Code>> = HashMap::new();
    for code in codes {
        groups.entry(code.mnemonic()).or_default().push(*code);
    }
    groups
}

/// Whether Go's assembler knows it on amd64.
fn is_usable(code: Code) -> bool {
    let info = code.op_code();
    let features = code.cpuid_features();
    info.is_instruction()
        && info.mode64()
        // A prefix that makes addresses 32 bits wide has no name in Go.
        && info.address_size() != 32
        && !features.is_empty()
        && features.iter().all(|feature| is_known(*feature))
        && !exceptions::UNKNOWN.contains(&code)
}

/// Whether Go's assembler has the instructions of this extension.
fn is_known(feature: CpuidFeature) -> bool {
    names::FEATURES.contains(&feature)
}

/// The letter for the width of an operand.
fn width_letter(code: Code, operand: usize) -> Option<char> {
    let kind = code.op_code().op_kinds().get(operand)?;
    Some(Want::from_kind(*kind)?.width()?.letter())
}

/// How long the last vector among the operands is: what is converted, not what it is converted to.
fn source_length(code: Code) -> Option<Vector> {
    code.op_code().op_kinds().iter().rev().find_map(|kind| Want::from_kind(*kind)?.vector())
}
