// Variables, constants, and instructions that refer to them.

#include "textflag.h"
#include "go_tls.h"

#define MAGIC (1<<5 | 0x0f)
#define TWICE(x) ((x)+(x))

DATA ·table<>+0(SB)/8, $0x0706050403020100
DATA ·table<>+8(SB)/4, $TWICE(MAGIC)
DATA ·table<>+12(SB)/2, $-1
DATA ·table<>+14(SB)/1, $'a'
GLOBL ·table<>(SB), RODATA|NOPTR, $16

DATA ·text<>+0(SB)/8, $"eight\x01\002z"
GLOBL ·text<>(SB), RODATA, $8

DATA ·functions+0(SB)/8, $·use(SB)
DATA ·functions+8(SB)/8, $·table<>+8(SB)
GLOBL ·functions(SB), RODATA, $16

DATA ·floats+0(SB)/8, $1.5
DATA ·floats+8(SB)/4, $-0.25
GLOBL ·floats(SB), NOPTR, $16

GLOBL ·zero(SB), NOPTR, $64

TEXT ·use(SB), NOSPLIT, $0-8
	MOVQ ·table<>(SB), AX
	MOVQ ·table<>+8(SB), AX
	LEAQ ·table<>+8(SB), AX
	MOVQ $·table<>+8(SB), AX
	MOVQ AX, ·zero+16(SB)
	CMPB ·zero+3(SB), $1
	CMPQ ·zero+8(SB), $100000
	TESTB $7, ·zero+3(SB)
	MOVQ $7, ·zero+8(SB)
	PADDB ·table<>(SB), X1
	PSHUFD $27, ·table<>(SB), X1
	VPADDB ·table<>(SB), X1, X2
	MOVSD $1.5, X0
	MOVSD $(-1.5), X0
	MOVSD $0.0, X0
	MOVSS $1.5, X3
	MOVSS $0.0, X3
	ADDSD $0.0, X0
	MULSS $0.5, X0
	MOVQ $0, AX
	MOVQ $1, AX
	MOVQ $-1, AX
	MOVQ $0x7fffffff, AX
	MOVQ $0x80000000, AX
	MOVQ $0xffffffff, AX
	MOVQ $0x100000000, AX
	MOVQ $0xffffffff80000000, AX
	MOVQ $0xffffffff7fffffff, AX
	MOVL $-1, AX
	MOVW $7, AX
	MOVB $7, AX
	BYTE $0x90
	WORD $0x9090
	LONG $0x90909090
	QUAD $0x9090909090909090
	RET

TEXT ·currentG(SB), NOSPLIT, $0-16
	get_tls(CX)
	MOVQ g(CX), AX
	MOVQ (TLS), BX
	MOVQ 8(AX), DX
	MOVQ AX, ret+0(FP)
	RET
