//! Any operand that is written down is read back, and any expression has the value that it has by hand.
//!
//! `PROPTEST_RNG_SEED` repeats a run.

use goasm_assembler::syntax::{Abi, Base, Index, Memory, Operand, Register, Symbol};
use proptest::prelude::*;

mod common;

use common::operand_of;

const GENERAL: [(&str, Register); 16] = [
    ("AX", Register::RAX),
    ("BX", Register::RBX),
    ("CX", Register::RCX),
    ("DX", Register::RDX),
    ("SI", Register::RSI),
    ("DI", Register::RDI),
    ("BP", Register::RBP),
    ("SP", Register::RSP),
    ("R8", Register::R8),
    ("R9", Register::R9),
    ("R10", Register::R10),
    ("R11", Register::R11),
    ("R12", Register::R12),
    ("R13", Register::R13),
    ("R14", Register::R14),
    ("R15", Register::R15),
];

/// A general register: its name and itself.
fn general() -> impl Strategy<Value = (String, Register)> {
    (0..GENERAL.len()).prop_map(|number| (GENERAL[number].0.to_owned(), GENERAL[number].1))
}

/// A vector register.
fn vector() -> impl Strategy<Value = (String, Register)> {
    let base = prop_oneof![Just(("X", Register::XMM0)), Just(("Y", Register::YMM0)), Just(("Z", Register::ZMM0))];
    (base, 0_u32..32).prop_map(|((kind, base), number)| (format!("{kind}{number}"), base + number))
}

/// An index: its text and itself.
fn index() -> impl Strategy<Value = (String, Option<(Index, u8)>)> {
    let register = prop_oneof![general().prop_filter("no SP", |(_, register)| *register != Register::RSP), vector()];
    let some = (register, 0_u8..4).prop_map(|((name, register), power)| {
        let scale = 1 << power;
        (format!("({name}*{scale})"), Some((Index::Register(register), scale)))
    });
    prop_oneof![Just((String::new(), None)), some]
}

/// A symbol.
fn symbol() -> impl Strategy<Value = (String, Symbol)> {
    let kind = prop_oneof![
        Just(("", false, None)),
        Just(("<>", true, None)),
        Just(("<ABI0>", false, Some(Abi::Abi0))),
        Just(("<ABIInternal>", false, Some(Abi::Internal)))
    ];
    ("[a-z_]{1,3}[·∕]?[a-zé0-9_]{0,3}", kind).prop_filter("no register", |(name, _)| name != "g").prop_map(
        |(name, (suffix, is_static, abi))| {
            let plain = name.replace('·', ".").replace('∕', "/");
            (format!("{name}{suffix}"), Symbol { name: plain, is_static, abi })
        },
    )
}

/// Memory that has a name or none.
fn memory() -> impl Strategy<Value = (String, Memory)> {
    let offset = prop_oneof![Just(0), -64_i64..64, any::<i32>().prop_map(i64::from), any::<i64>()];
    let named = (symbol(), offset.clone(), 0_usize..3, index()).prop_map(
        |((name, symbol), offset, base, (index_text, index))| {
            let (base_text, base) = [("SB", Base::Sb), ("FP", Base::Fp), ("SP", Base::VirtualSp)][base];
            let text = format!("{name}{offset:+}({base_text}){index_text}");
            (text, Memory { symbol: Some(symbol), offset, base: Some(base), index })
        },
    );
    let located = (general(), offset, index()).prop_map(|((name, register), offset, (index_text, index))| {
        let text = format!("{offset}({name}){index_text}");
        (text, Memory { symbol: None, offset, base: Some(Base::Register(register)), index })
    });
    prop_oneof![named, located]
}

/// An operand of an instruction that is no jump.
fn operand() -> impl Strategy<Value = (String, Operand)> {
    let float = any::<f64>().prop_filter("a number", |value| value.is_finite());
    prop_oneof![
        general().prop_map(|(name, register)| (name, Operand::Register(register))),
        vector().prop_map(|(name, register)| (name, Operand::Register(register))),
        (general(), general()).prop_map(|((a, first), (b, second))| (format!("{a}:{b}"), Operand::Pair(first, second))),
        any::<i64>().prop_map(|value| (format!("${value}"), Operand::Immediate(value))),
        any::<u64>().prop_map(|value| (format!("${value:#x}"), Operand::Immediate(value as i64))),
        // The `e` makes a whole number one with an exponent.
        float.prop_map(|value| (format!("${value:e}"), Operand::Float(value))),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| {
            let text: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            (format!("$\"{text}\""), Operand::String(bytes))
        }),
        memory().prop_map(|(text, memory)| (text, Operand::Memory(memory))),
        memory().prop_map(|(text, memory)| (format!("${text}"), Operand::Address(memory))),
    ]
}

/// An expression and its value.
fn expression() -> impl Strategy<Value = (String, u64)> {
    let number = prop_oneof![
        any::<u64>().prop_map(|value| (value.to_string(), value)),
        (0_u64..70).prop_map(|value| (format!("{value:#b}"), value)),
        proptest::char::range(' ', '~')
            .prop_filter("no quotes", |c| !matches!(c, '\'' | '\\'))
            .prop_map(|c| (format!("'{c}'"), u64::from(c))),
    ];
    number.prop_recursive(6, 40, 2, |inner| {
        let unary = (inner.clone(), 0..3).prop_map(|((text, value), sign)| match sign {
            0 => (format!("-({text})"), value.wrapping_neg()),
            1 => (format!("~({text})"), !value),
            _ => (format!("+ ({text})"), value),
        });
        let binary = (inner.clone(), inner, 0..9).prop_filter_map("no value", |((a, left), (b, right), operator)| {
            let positive = left as i64 >= 0;
            let (sign, value) = match operator {
                0 => ("+", left.wrapping_add(right)),
                1 => ("-", left.wrapping_sub(right)),
                2 => ("*", left.wrapping_mul(right)),
                3 => ("&", left & right),
                4 => ("|", left | right),
                5 => ("^", left ^ right),
                6 if positive && right != 0 => ("/", left / right),
                7 if positive && right != 0 => ("%", left % right),
                _ if positive && right < 64 => (">>", left >> right),
                _ if right < 64 => ("<<", left << right),
                _ => return None,
            };
            Some((format!("({a}) {sign} ({b})"), value))
        });
        prop_oneof![unary, binary]
    })
}

proptest! {
    #![proptest_config(common::random::config(2_000))]

    #[test]
    fn operands((text, expected) in operand()) {
        prop_assert_eq!(operand_of("PUSHQ", &text), expected, "{}", text);
    }

    #[test]
    fn expressions((text, value) in expression()) {
        prop_assert_eq!(operand_of("PUSHQ", &format!("${text}")), Operand::Immediate(value as i64), "{}", text);
    }
}
