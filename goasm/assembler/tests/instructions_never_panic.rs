//! Whatever the name, the operands and the suffixes: the answer is an instruction that decodes again, or an error.

mod common;

use goasm_assembler::encode::{Reach, encode};
use goasm_assembler::machine::{Memory, Operand};
use goasm_assembler::registers;
use goasm_assembler::syntax::Special;
use goasm_assembler::table::mnemonics;
use iced_x86::{Code, Decoder, DecoderOptions, Register};
use proptest::prelude::*;

fn any_register() -> impl Strategy<Value = Register> {
    let registers: Vec<Register> = Register::values().collect();
    prop::sample::select(registers)
}

/// A general register more often than any other: most of an address has to be one.
fn likely_register() -> impl Strategy<Value = Register> {
    let general: Vec<Register> = Register::values().filter(|register| register.is_gpr64()).collect();
    prop_oneof![4 => prop::sample::select(general), 1 => any_register()]
}

fn any_number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), any::<i32>().prop_map(i64::from), any::<u8>().prop_map(i64::from), Just(0), Just(1)]
}

fn any_memory() -> impl Strategy<Value = Memory> {
    let base = prop::option::of(likely_register());
    let index = prop::option::of((likely_register(), prop_oneof![Just(1), Just(2), Just(4), Just(8), any::<u8>()]));
    (base, index, any_number(), any::<[bool; 4]>()).prop_map(|(base, index, displacement, [a, b, c, d])| Memory {
        base,
        index,
        displacement,
        is_symbol: a && b,
        is_thread_local: c && d,
    })
}

fn any_operand() -> impl Strategy<Value = Operand> {
    let special = prop::sample::select(vec![
        Special::Gdtr,
        Special::Idtr,
        Special::Ldtr,
        Special::Msw,
        Special::Task,
        Special::Tls,
    ]);
    prop_oneof![
        4 => likely_register().prop_map(Operand::Register),
        4 => any_register().prop_map(Operand::Register),
        2 => any_number().prop_map(Operand::Immediate),
        4 => any_memory().prop_map(Operand::Memory),
        1 => special.prop_map(Operand::Special),
        1 => (any_register(), any_register()).prop_map(|(first, second)| Operand::Pair(first, second)),
        1 => (any_register(), any_register()).prop_map(|(first, last)| Operand::Range(first, last)),
        1 => Just(Operand::Target),
    ]
}

fn any_suffixes() -> impl Strategy<Value = Vec<String>> {
    let suffix = prop::sample::select(vec!["Z", "BCST", "SAE", "RN_SAE", "RZ_SAE", "?"]).prop_map(String::from);
    prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(suffix, 0..3)]
}

proptest! {
    // Enough that each name comes up several times.
    #![proptest_config(common::random::config(20_000))]

    #[test]
    fn an_instruction_or_an_error(
        mnemonic in prop::sample::select(mnemonics().collect::<Vec<_>>()),
        operands in prop::collection::vec(any_operand(), 0..6),
        suffixes in any_suffixes(),
        near in any::<bool>(),
    ) {
        let reach = if near { Reach::Near } else { Reach::Short };
        match encode(mnemonic, &suffixes, &operands, reach) {
            Ok(encoded) => {
                prop_assert!(!encoded.bytes.is_empty() && encoded.bytes.len() <= 15);
                if let Some(fixup) = encoded.fixup {
                    prop_assert_eq!(fixup.at + fixup.end, encoded.bytes.len());
                    prop_assert!(fixup.size == 1 || fixup.size == 4);
                }
                if encoded.instruction.code() != Code::DeclareByte {
                    let mut decoder = Decoder::new(64, &encoded.bytes, DecoderOptions::NONE);
                    let decoded = decoder.decode();
                    prop_assert_eq!(decoded.len(), encoded.bytes.len());
                    prop_assert_eq!(decoded.mnemonic(), encoded.instruction.mnemonic());
                }
            }
            Err(error) => prop_assert!(error.to_string().contains(mnemonic)),
        }
    }

}

proptest! {
    // Each of them looks through all names for a near one.
    #![proptest_config(common::random::config(300))]

    #[test]
    fn any_name_is_an_instruction_or_an_error_that_names_it(mnemonic in "\\PC{0,12}") {
        if let Err(error) = encode(&mnemonic, &[], &[], Reach::Short) {
            prop_assert!(error.to_string().contains(&mnemonic));
        }
    }

    #[test]
    fn any_name_is_a_register_with_that_name_or_none(name in "[A-Z]{1,2}[0-9]{0,3}B?") {
        if let Some(goasm_assembler::syntax::Operand::Register(register)) = registers::register(&name) {
            // A byte's name is not the name that listings have.
            let again = registers::name(register);
            prop_assert_eq!(registers::register(&again), registers::register(&name));
        }
    }
}
