//! Names of registers. (A stand-in until the tables are merged.)

use iced_x86::Register;

use crate::syntax::{Operand, Special};

/// The register of that name; general ones without their width.
pub fn register(name: &str) -> Option<Operand> {
    const GENERAL: [&str; 8] = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"];
    const BYTES: [&str; 8] = ["AL", "CL", "DL", "BL", "SPB", "BPB", "SIB", "DIB"];
    let of = |base: Register, number: usize| Some(Operand::Register(base + number as u32));
    let find = |names: &[&str]| names.iter().position(|known| *known == name);
    if let Some(number) = find(&GENERAL).or_else(|| find(&BYTES)) {
        return of(Register::RAX, number);
    }
    match name {
        "AH" => return of(Register::AH, 0),
        "CH" => return of(Register::CH, 0),
        "DH" => return of(Register::DH, 0),
        "BH" => return of(Register::BH, 0),
        "g" => return of(Register::R14, 0),
        "CS" => return of(Register::CS, 0),
        "SS" => return of(Register::SS, 0),
        "DS" => return of(Register::DS, 0),
        "ES" => return of(Register::ES, 0),
        "FS" => return of(Register::FS, 0),
        "GS" => return of(Register::GS, 0),
        "GDTR" => return Some(Operand::Special(Special::Gdtr)),
        "IDTR" => return Some(Operand::Special(Special::Idtr)),
        "LDTR" => return Some(Operand::Special(Special::Ldtr)),
        "MSW" => return Some(Operand::Special(Special::Msw)),
        "TASK" => return Some(Operand::Special(Special::Task)),
        "TLS" => return Some(Operand::Special(Special::Tls)),
        _ => {}
    }
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let (kind, digits) = (&name[..name.len() - digits.len()], digits.strip_suffix('B').unwrap_or(digits));
    let number: usize = digits.parse().ok().filter(|number: &usize| number.to_string() == digits)?;
    let (base, count) = match kind {
        "R" => (Register::RAX, 16),
        "X" => (Register::XMM0, 32),
        "Y" => (Register::YMM0, 32),
        "Z" => (Register::ZMM0, 32),
        "K" => (Register::K0, 8),
        "M" => (Register::MM0, 8),
        "F" => (Register::ST0, 8),
        "CR" => (Register::CR0, 16),
        "DR" => (Register::DR0, 8),
        "TR" => (Register::TR0, 8),
        _ => return None,
    };
    let valid = number < count && (kind != "R" || number >= 8) && (kind == "R" || !name.ends_with('B'));
    if valid { of(base, number) } else { None }
}
