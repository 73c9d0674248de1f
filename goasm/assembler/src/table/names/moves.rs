//! Moves and products: what Go names by the widths of both sides.

use iced_x86::Code::*;

use super::{Row, Shape};

const PLAIN: Shape = Shape::PLAIN;

pub(super) const ROWS: &[Row] = &[
    ("MOVB", &[Mov_rm8_r8, Mov_r8_rm8, Mov_r8_imm8, Mov_rm8_imm8], PLAIN),
    ("MOVW", &[Mov_rm16_r16, Mov_r16_rm16, Mov_r16_imm16, Mov_rm16_imm16], PLAIN),
    // Without the prefix of 16-bit operands, which makes no difference to what is in a segment register.
    ("MOVW", &[Mov_r32m16_Sreg, Mov_Sreg_r32m16], PLAIN),
    ("MOVL", &[Mov_rm32_r32, Mov_r32_rm32, Mov_r32_imm32, Mov_rm32_imm32], PLAIN),
    ("MOVL", &[Movd_xmm_rm32, Movd_rm32_xmm, Movd_mm_rm32, Movd_rm32_mm], PLAIN),
    ("MOVL", &[Mov_r64_cr, Mov_cr_r64, Mov_r64_dr, Mov_dr_r64], PLAIN),
    ("MOVQ", &[Mov_rm64_r64, Mov_r64_rm64, Mov_rm64_imm32, Mov_r64_imm64], PLAIN),
    ("MOVQ", &[Mov_r32_imm32], Shape::CLEARS_UPPER),
    ("MOVQ", &[Mov_r64_cr, Mov_cr_r64, Mov_r64_dr, Mov_dr_r64], PLAIN),
    ("MOVQ", &[Movq_xmm_xmmm64, Movq_xmmm64_xmm, Movq_xmm_rm64, Movq_rm64_xmm], PLAIN),
    ("MOVQ", &[Movq_mm_mmm64, Movq_mmm64_mm, Movq_mm_rm64, Movq_rm64_mm, Movdq2q_mm_xmm], PLAIN),
    ("MOVQL", &[Mov_rm32_r32], PLAIN),
    ("MOVQOZX", &[Movq2dq_xmm_mm, Movq_xmm_xmmm64], PLAIN),
    ("MOVBLSX", &[Movsx_r32_rm8], PLAIN),
    ("MOVBLZX", &[Movzx_r32_rm8], PLAIN),
    ("MOVBQSX", &[Movsx_r64_rm8], PLAIN),
    ("MOVBQZX", &[Movzx_r64_rm8], PLAIN),
    ("MOVBWSX", &[Movsx_r16_rm8], PLAIN),
    ("MOVBWZX", &[Movzx_r16_rm8], PLAIN),
    ("MOVLQSX", &[Movsxd_r64_rm32], PLAIN),
    ("MOVLQZX", &[Mov_r32_rm32], PLAIN),
    ("MOVSWW", &[Movsx_r16_rm16], PLAIN),
    ("MOVWLSX", &[Movsx_r32_rm16], PLAIN),
    ("MOVWLZX", &[Movzx_r32_rm16], PLAIN),
    ("MOVWQSX", &[Movsx_r64_rm16], PLAIN),
    ("MOVWQZX", &[Movzx_r64_rm16], PLAIN),
    ("MOVZWW", &[Movzx_r16_rm16], PLAIN),
    ("MOVBEL", &[Movbe_r32_m32, Movbe_m32_r32], PLAIN),
    ("MOVBEQ", &[Movbe_r64_m64, Movbe_m64_r64], PLAIN),
    ("MOVBEW", &[Movbe_r16_m16, Movbe_m16_r16], PLAIN),
    ("MOVNTIL", &[Movnti_m32_r32], PLAIN),
    ("MOVNTIQ", &[Movnti_m64_r64], PLAIN),
    ("IMULB", &[Imul_rm8], PLAIN),
    ("IMULW", &[Imul_r16_rm16, Imul_rm16], PLAIN),
    ("IMULW", &[Imul_r16_rm16_imm8, Imul_r16_rm16_imm16], Shape::TWICE),
    ("IMULL", &[Imul_r32_rm32, Imul_rm32], PLAIN),
    ("IMULL", &[Imul_r32_rm32_imm8, Imul_r32_rm32_imm32], Shape::TWICE),
    ("IMULQ", &[Imul_r64_rm64, Imul_rm64], PLAIN),
    ("IMULQ", &[Imul_r64_rm64_imm8, Imul_r64_rm64_imm32], Shape::TWICE),
    ("IMUL3W", &[Imul_r16_rm16_imm8, Imul_r16_rm16_imm16], PLAIN),
    ("IMUL3L", &[Imul_r32_rm32_imm8, Imul_r32_rm32_imm32], PLAIN),
    ("IMUL3Q", &[Imul_r64_rm64_imm8, Imul_r64_rm64_imm32], PLAIN),
    ("PUSHQ", &[Push_r64, Push_rm64, Pushq_imm8, Pushq_imm32, Pushq_FS, Pushq_GS], PLAIN),
    ("PUSHW", &[Push_r16, Push_rm16, Pushw_imm8, Push_imm16, Pushw_FS, Pushw_GS], PLAIN),
    ("POPQ", &[Pop_r64, Pop_rm64, Popq_FS, Popq_GS], PLAIN),
    ("POPW", &[Pop_r16, Pop_rm16, Popw_FS, Popw_GS], PLAIN),
];
