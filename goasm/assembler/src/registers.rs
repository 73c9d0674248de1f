//! Go's names of registers.
//!
//! General registers have no width in this language: `AX`, `AL` and `EAX`'s other parts are one register, and the
//! mnemonic says how much of it is meant. Only the second bytes (`AH`, `BH`, `CH`, `DH`) are registers of their own.

use crate::syntax::{Operand, Register, Special};

/// The general registers by number: Go's name, its name of the lowest byte, and the register.
const GENERAL: [(&str, &str, Register); 16] = [
    ("AX", "AL", Register::RAX),
    ("CX", "CL", Register::RCX),
    ("DX", "DL", Register::RDX),
    ("BX", "BL", Register::RBX),
    ("SP", "SPB", Register::RSP),
    ("BP", "BPB", Register::RBP),
    ("SI", "SIB", Register::RSI),
    ("DI", "DIB", Register::RDI),
    ("R8", "R8B", Register::R8),
    ("R9", "R9B", Register::R9),
    ("R10", "R10B", Register::R10),
    ("R11", "R11B", Register::R11),
    ("R12", "R12B", Register::R12),
    ("R13", "R13B", Register::R13),
    ("R14", "R14B", Register::R14),
    ("R15", "R15B", Register::R15),
];

/// A second name: in functions of ABIInternal, where the current goroutine is.
const CURRENT: (&str, Register) = ("g", Register::R14);

/// Registers with names that no rule gives.
const NAMED: [(&str, Register); 10] = [
    ("AH", Register::AH),
    ("CH", Register::CH),
    ("DH", Register::DH),
    ("BH", Register::BH),
    ("CS", Register::CS),
    ("SS", Register::SS),
    ("DS", Register::DS),
    ("ES", Register::ES),
    ("FS", Register::FS),
    ("GS", Register::GS),
];

/// Families of numbered registers: how their names begin, the first one, and how many there are.
const NUMBERED: [(&str, Register, u32); 9] = [
    ("X", Register::XMM0, 32),
    ("Y", Register::YMM0, 32),
    ("Z", Register::ZMM0, 32),
    ("K", Register::K0, 8),
    ("M", Register::MM0, 8),
    ("F", Register::ST0, 8),
    ("CR", Register::CR0, 16),
    ("DR", Register::DR0, 16),
    ("TR", Register::TR0, 8),
];

/// Registers that only special instructions have.
const SPECIAL: [(&str, Special); 6] = [
    ("GDTR", Special::Gdtr),
    ("IDTR", Special::Idtr),
    ("LDTR", Special::Ldtr),
    ("MSW", Special::Msw),
    ("TASK", Special::Task),
    ("TLS", Special::Tls),
];

/// The register that Go calls `name`: an [`Operand::Register`] or an [`Operand::Special`]; `None` if there is none.
///
/// `SP` is the hardware's; whether a source means the virtual one depends on what stands before it.
#[must_use]
pub fn register(name: &str) -> Option<Operand> {
    if let Some((_, _, register)) = GENERAL.iter().find(|(full, byte, _)| *full == name || *byte == name) {
        return Some(Operand::Register(*register));
    }
    if let Some((_, register)) = NAMED.iter().chain([&CURRENT]).find(|(known, _)| *known == name) {
        return Some(Operand::Register(*register));
    }
    if let Some((_, special)) = SPECIAL.iter().find(|(known, _)| *known == name) {
        return Some(Operand::Special(*special));
    }
    let digits = name.find(|c: char| c.is_ascii_digit())?;
    let (family, number) = name.split_at(digits);
    let (_, first, count) = NUMBERED.iter().find(|(prefix, ..)| *prefix == family)?;
    let plain = number == "0" || !number.starts_with('0');
    let number = number.parse::<u32>().ok().filter(|number| plain && number < count)?;
    Some(Operand::Register(*first + number))
}

/// Go's name of a register: `AX` for every part of it but `AH`. Empty for what this language has no register for.
#[must_use]
pub fn name(register: Register) -> String {
    if let Some((name, _)) = NAMED.iter().find(|(_, named)| *named == register) {
        return (*name).to_string();
    }
    if register.is_gpr() {
        let full = register.full_register();
        return GENERAL.iter().find(|(.., known)| *known == full).map_or_else(String::new, |(name, ..)| (*name).into());
    }
    for (family, first, count) in NUMBERED {
        if let Some(number) = (register as u32).checked_sub(first as u32).filter(|number| *number < count) {
            return format!("{family}{number}");
        }
    }
    String::new()
}

/// Go's name of a special register.
#[must_use]
pub fn special_name(special: Special) -> &'static str {
    SPECIAL.iter().find(|(_, known)| *known == special).map_or("", |(name, _)| name)
}
