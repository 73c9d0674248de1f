//! What Go calls instructions, as far as it is not Intel's name in capitals.
//!
//! Names of one group go by one rule: `SIZED` end in the letter of their operands' width, `BY_LENGTH` in that of a
//! vector's length, `CONDITIONS` have words of their own for flags. The rest is listed: moves and what else is named by
//! what it does rather than by a rule (`moves`), the x87 (`x87`), and so on.

mod control;
mod moves;
mod vectors;
mod x87;

use iced_x86::{Code, CpuidFeature, Mnemonic as M};

use super::form::Shape;
use super::want::Vector;
use crate::syntax::Special;

/// A name, the encodings it has in the order in which they are tried, and how its operands are written.
pub(super) type Row = (&'static str, &'static [Code], Shape);

/// All rows of the lists.
pub(super) fn explicit() -> impl Iterator<Item = Row> {
    [moves::ROWS, vectors::ROWS, control::ROWS, x87::ROWS].into_iter().flatten().copied()
}

/// Go's beginning of the name, Intel's mnemonic, and the operand (in Intel's order) whose width ends the name.
pub(super) const SIZED: &[(&str, M, usize)] = &[
    ("ADC", M::Adc, 0),
    ("ADCX", M::Adcx, 0),
    ("ADD", M::Add, 0),
    ("ADOX", M::Adox, 0),
    ("AND", M::And, 0),
    ("ANDN", M::Andn, 0),
    ("BEXTR", M::Bextr, 0),
    ("BLSI", M::Blsi, 0),
    ("BLSMSK", M::Blsmsk, 0),
    ("BLSR", M::Blsr, 0),
    ("BSF", M::Bsf, 0),
    ("BSR", M::Bsr, 0),
    ("BSWAP", M::Bswap, 0),
    ("BT", M::Bt, 0),
    ("BTC", M::Btc, 0),
    ("BTR", M::Btr, 0),
    ("BTS", M::Bts, 0),
    ("BZHI", M::Bzhi, 0),
    ("CMP", M::Cmp, 0),
    ("CMPXCHG", M::Cmpxchg, 0),
    ("CRC32", M::Crc32, 1),
    ("CVTSD2S", M::Cvtsd2si, 0),
    ("CVTSS2S", M::Cvtss2si, 0),
    ("CVTTSD2S", M::Cvttsd2si, 0),
    ("CVTTSS2S", M::Cvttss2si, 0),
    ("DEC", M::Dec, 0),
    ("DIV", M::Div, 0),
    ("IDIV", M::Idiv, 0),
    ("INC", M::Inc, 0),
    ("LAR", M::Lar, 0),
    ("LEA", M::Lea, 0),
    ("LFS", M::Lfs, 0),
    ("LGS", M::Lgs, 0),
    ("LSL", M::Lsl, 0),
    ("LSS", M::Lss, 0),
    ("LZCNT", M::Lzcnt, 0),
    ("MUL", M::Mul, 0),
    ("MULX", M::Mulx, 0),
    ("NEG", M::Neg, 0),
    ("NOP", M::Nop, 0),
    ("NOT", M::Not, 0),
    ("OR", M::Or, 0),
    ("PDEP", M::Pdep, 0),
    ("PEXT", M::Pext, 0),
    ("POPCNT", M::Popcnt, 0),
    ("RCL", M::Rcl, 0),
    ("RCR", M::Rcr, 0),
    ("RDFSBASE", M::Rdfsbase, 0),
    ("RDGSBASE", M::Rdgsbase, 0),
    ("RDRAND", M::Rdrand, 0),
    ("RDSEED", M::Rdseed, 0),
    ("ROL", M::Rol, 0),
    ("ROR", M::Ror, 0),
    ("RORX", M::Rorx, 0),
    ("SAR", M::Sar, 0),
    ("SARX", M::Sarx, 0),
    ("SBB", M::Sbb, 0),
    ("SHL", M::Shl, 0),
    ("SHL", M::Shld, 0),
    ("SHLX", M::Shlx, 0),
    ("SHR", M::Shr, 0),
    ("SHR", M::Shrd, 0),
    ("SHRX", M::Shrx, 0),
    ("SLDT", M::Sldt, 0),
    ("SMSW", M::Smsw, 0),
    ("STR", M::Str, 0),
    ("SUB", M::Sub, 0),
    ("TEST", M::Test, 0),
    ("TZCNT", M::Tzcnt, 0),
    ("VCVTSD2USI", M::Vcvtsd2usi, 0),
    ("VCVTSI2SD", M::Vcvtsi2sd, 2),
    ("VCVTSI2SS", M::Vcvtsi2ss, 2),
    ("VCVTSS2USI", M::Vcvtss2usi, 0),
    ("VCVTTSD2USI", M::Vcvttsd2usi, 0),
    ("VCVTTSS2USI", M::Vcvttss2usi, 0),
    ("VCVTUSI2SD", M::Vcvtusi2sd, 2),
    ("VCVTUSI2SS", M::Vcvtusi2ss, 2),
    ("WRFSBASE", M::Wrfsbase, 0),
    ("WRGSBASE", M::Wrgsbase, 0),
    ("XADD", M::Xadd, 0),
    ("XCHG", M::Xchg, 0),
    ("XOR", M::Xor, 0),
];

/// Go's beginning of the name, Intel's mnemonic, and which of them has the name without a letter too. The letter is that
/// of the vector that is read, because the one that is written does not tell.
pub(super) const BY_LENGTH: &[(&str, M, Option<Vector>)] = &[
    ("VCVTPD2DQ", M::Vcvtpd2dq, Some(Vector::Z)),
    ("VCVTPD2PS", M::Vcvtpd2ps, Some(Vector::Z)),
    ("VCVTPD2UDQ", M::Vcvtpd2udq, Some(Vector::Z)),
    ("VCVTQQ2PS", M::Vcvtqq2ps, Some(Vector::Z)),
    ("VCVTTPD2DQ", M::Vcvttpd2dq, Some(Vector::Z)),
    ("VCVTTPD2UDQ", M::Vcvttpd2udq, Some(Vector::Z)),
    ("VCVTUQQ2PS", M::Vcvtuqq2ps, Some(Vector::Z)),
    ("VFPCLASSPD", M::Vfpclasspd, None),
    ("VFPCLASSPS", M::Vfpclassps, None),
];

/// Intel's word for a condition, Go's, and the others that Go takes after `J`.
pub(super) const CONDITIONS: &[(&str, &str, &[&str])] = &[
    ("O", "OS", &["O"]),
    ("NO", "OC", &["NO"]),
    ("B", "CS", &["B", "C", "LO", "NAE"]),
    ("AE", "CC", &["AE", "HS", "NB", "NC"]),
    ("E", "EQ", &["E", "Z"]),
    ("NE", "NE", &["NZ"]),
    ("BE", "LS", &["BE", "NA"]),
    ("A", "HI", &["A", "NBE"]),
    ("S", "MI", &["S"]),
    ("NS", "PL", &["NS"]),
    ("P", "PS", &["P", "PE"]),
    ("NP", "PC", &["NP", "PO"]),
    ("L", "LT", &["L", "NGE"]),
    ("GE", "GE", &["NL"]),
    ("LE", "LE", &["NG"]),
    ("G", "GT", &["G", "NLE"]),
];

/// Second names, and the first.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("MASKMOVDQU", "MASKMOVOU"),
    ("MOVBELL", "MOVBEL"),
    ("MOVBEQQ", "MOVBEQ"),
    ("MOVBEWW", "MOVBEW"),
    ("MOVD", "MOVQ"),
    ("MOVDQ2Q", "MOVQ"),
    ("MOVNTDQ", "MOVNTO"),
    ("MOVOA", "MOVO"),
    ("PADDD", "PADDL"),
    ("PSHUFD", "PSHUFL"),
    ("PSLLDQ", "PSLLO"),
    ("PSRLDQ", "PSRLO"),
    ("SALB", "SHLB"),
    ("SALL", "SHLL"),
    ("SALQ", "SHLQ"),
    ("SALW", "SHLW"),
];

/// Special registers, with the names of what loads and what stores them: Go writes all of it as moves.
pub(super) const SPECIAL_MOVES: &[(&[&str], Special, &str, &str)] = &[
    (&["MOVL", "MOVQ"], Special::Gdtr, "LGDT", "SGDT"),
    (&["MOVL", "MOVQ"], Special::Idtr, "LIDT", "SIDT"),
    (&["MOVW"], Special::Ldtr, "LLDT", "SLDTL"),
    (&["MOVW"], Special::Msw, "LMSW", "SMSWL"),
    (&["MOVW"], Special::Task, "LTR", "STRL"),
];

/// Names of bytes that Go takes for instructions.
pub(super) const RAW: &[(&str, &[u8])] = &[
    ("LOCK", &[0xf0]),
    ("REP", &[0xf3]),
    ("REPN", &[0xf2]),
    // With a prefix for 64 bits, which the machine does not need.
    ("SYSENTER64", &[0x48, 0x0f, 0x34]),
    // Go gives the instruction no operands, so it has no byte for them.
    ("UD1", &[0x0f, 0xb9]),
    ("XACQUIRE", &[0xf2]),
    ("XRELEASE", &[0xf3]),
];

/// The extensions whose instructions Go has. The newer encodings of AVX-VNNI and AVX-IFMA must not be among them: they
/// are shorter than those of AVX-512 under the same names, and run on other machines.
pub(super) const FEATURES: &[CpuidFeature] = &[
    CpuidFeature::ADX,
    CpuidFeature::AES,
    CpuidFeature::AVX,
    CpuidFeature::AVX2,
    CpuidFeature::AVX512BW,
    CpuidFeature::AVX512CD,
    CpuidFeature::AVX512DQ,
    CpuidFeature::AVX512ER,
    CpuidFeature::AVX512F,
    CpuidFeature::AVX512PF,
    CpuidFeature::AVX512VL,
    CpuidFeature::AVX512_4FMAPS,
    CpuidFeature::AVX512_4VNNIW,
    CpuidFeature::AVX512_BITALG,
    CpuidFeature::AVX512_IFMA,
    CpuidFeature::AVX512_VBMI,
    CpuidFeature::AVX512_VBMI2,
    CpuidFeature::AVX512_VNNI,
    CpuidFeature::AVX512_VPOPCNTDQ,
    CpuidFeature::BMI1,
    CpuidFeature::BMI2,
    CpuidFeature::CET_IBT,
    CpuidFeature::CLDEMOTE,
    CpuidFeature::CLFLUSHOPT,
    CpuidFeature::CLFSH,
    CpuidFeature::CLWB,
    CpuidFeature::CMOV,
    CpuidFeature::CMPXCHG16B,
    CpuidFeature::CPUID,
    CpuidFeature::CX8,
    CpuidFeature::F16C,
    CpuidFeature::FMA,
    CpuidFeature::FPU,
    CpuidFeature::FPU287,
    CpuidFeature::FPU387,
    CpuidFeature::FSGSBASE,
    CpuidFeature::FXSR,
    CpuidFeature::GFNI,
    CpuidFeature::HLE_or_RTM,
    CpuidFeature::INTEL8086,
    CpuidFeature::INTEL186,
    CpuidFeature::INTEL286,
    CpuidFeature::INTEL386,
    CpuidFeature::INTEL486,
    CpuidFeature::INVPCID,
    CpuidFeature::LZCNT,
    CpuidFeature::MMX,
    CpuidFeature::MONITOR,
    CpuidFeature::MOVBE,
    CpuidFeature::MSR,
    CpuidFeature::MULTIBYTENOP,
    CpuidFeature::PAUSE,
    CpuidFeature::PCLMULQDQ,
    CpuidFeature::PKU,
    CpuidFeature::POPCNT,
    CpuidFeature::RDPID,
    CpuidFeature::RDPMC,
    CpuidFeature::RDRAND,
    CpuidFeature::RDSEED,
    CpuidFeature::RDTSCP,
    CpuidFeature::RTM,
    CpuidFeature::SEP,
    CpuidFeature::SHA,
    CpuidFeature::SMAP,
    CpuidFeature::SSE,
    CpuidFeature::SSE2,
    CpuidFeature::SSE3,
    CpuidFeature::SSE4_1,
    CpuidFeature::SSE4_2,
    CpuidFeature::SSSE3,
    CpuidFeature::SYSCALL,
    CpuidFeature::TSC,
    CpuidFeature::VAES,
    CpuidFeature::VPCLMULQDQ,
    CpuidFeature::WAITPKG,
    CpuidFeature::X64,
    CpuidFeature::XSAVE,
    CpuidFeature::XSAVEC,
    CpuidFeature::XSAVEOPT,
    CpuidFeature::XSAVES,
];
