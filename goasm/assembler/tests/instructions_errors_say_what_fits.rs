//! An instruction that cannot be encoded is an error that names it and says what would do.

use goasm_assembler::encode::{Reach, encode};
use goasm_assembler::machine::{Memory, Operand};
use iced_x86::Register;

fn refusal(mnemonic: &str, suffixes: &[&str], operands: &[Operand]) -> String {
    let suffixes: Vec<String> = suffixes.iter().map(ToString::to_string).collect();
    match encode(mnemonic, &suffixes, operands, Reach::Short) {
        Ok(encoded) => panic!("{mnemonic} is taken: {:02x?}", encoded.bytes),
        Err(error) => error.to_string(),
    }
}

const AX: Operand = Operand::Register(Register::RAX);
const X0: Operand = Operand::Register(Register::XMM0);

#[test]
fn unknown_names_come_with_the_nearest_known_one() {
    assert_eq!(refusal("MOVX", &[], &[AX, AX]), "unknown instruction MOVX; did you mean MOVB?");
    assert_eq!(refusal("PSUBD", &[], &[X0, X0]), "unknown instruction PSUBD; did you mean PSUBL?");
    assert_eq!(refusal("MOVDQU", &[], &[X0, X0]), "unknown instruction MOVDQU; did you mean MOVOU?");
    assert_eq!(refusal("FROBNICATE", &[], &[]), "unknown instruction FROBNICATE");
}

#[test]
fn wrong_operands_come_with_those_that_fit() {
    let what = "it takes $imm, reg/mem | reg, reg/mem | reg/mem, reg | $imm, AX";
    let text = refusal("ADDQ", &[], &[AX, X0]);
    assert!(text.starts_with("ADDQ does not take (AX, X0); it takes "), "{text}");
    for form in what.trim_start_matches("it takes ").split(" | ") {
        assert!(text.contains(form), "{form} in {text}");
    }
    assert_eq!(refusal("CPUID", &[], &[AX]), "CPUID does not take (AX); it takes no operands");
    assert_eq!(refusal("LOCK", &[], &[AX]), "LOCK does not take (AX); it takes no operands");
    assert_eq!(refusal("BSWAPQ", &[], &[]), "BSWAPQ does not take (); it takes reg");
}

#[test]
fn numbers_out_of_range_come_with_the_range() {
    let number = |value| Operand::Immediate(value);
    assert_eq!(refusal("ADDB", &[], &[number(256), AX]), "ADDB: the number 256 does not fit: expected -128 to 255");
    let wide = "ADDQ: the number 4294967295 does not fit: expected -2147483648 to 2147483647";
    assert_eq!(refusal("ADDQ", &[], &[number(0xffff_ffff), AX]), wide);
    let memory = Memory { base: Some(Register::RAX), displacement: 1 << 31, ..Memory::default() };
    let far = "MOVQ: the offset 2147483648 does not fit: expected -2147483648 to 2147483647";
    assert_eq!(refusal("MOVQ", &[], &[Operand::Memory(memory), AX]), far);
}

#[test]
fn suffixes_that_do_not_fit_are_named() {
    assert_eq!(refusal("ADDQ", &["Z"], &[AX, AX]), "ADDQ takes no suffix with such operands");
    let unknown = "VADDPD: suffix .ZZ: the suffixes are Z, BCST, SAE, RN_SAE, RD_SAE, RU_SAE and RZ_SAE";
    assert_eq!(refusal("VADDPD", &["ZZ"], &[X0, X0, X0]), unknown);
    assert_eq!(refusal("VADDPD", &["Z", "BCST"], &[X0, X0, X0]), "VADDPD: suffix .BCST: nothing can follow .Z");
    assert_eq!(refusal("VADDPD", &["Z"], &[X0, X0, X0]), "VADDPD is .Z: a mask register must be specified");
    assert_eq!(refusal("REP", &["Z"], &[]), "REP takes no suffix");
}
