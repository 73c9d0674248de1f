// Pointers into the stack that maps name: in locals, in arguments, in results; and the same name in two files.

#include "textflag.h"
#include "funcdata.h"

// Of descend's five locals: p and q, in this order below the saved BP. One state.
DATA locals<>+0(SB)/4, $1
DATA locals<>+4(SB)/4, $2
DATA locals<>+8(SB)/1, $3
GLOBL locals<>(SB), RODATA, $9

// func descend(n uint) uint: n + (n-1) + ... + 1. Each frame keeps n, and reads it through a pointer to a pointer.
TEXT ·descend(SB), 0, $56-16
	FUNCDATA $FUNCDATA_LocalsPointerMaps, locals<>(SB)
	MOVQ n+0(FP), AX
	MOVQ AX, n-24(SP)
	LEAQ n-24(SP), BX
	MOVQ BX, p-16(SP)
	LEAQ p-16(SP), BX
	MOVQ BX, q-8(SP)
	TESTQ AX, AX
	JEQ  done
	DECQ AX
	MOVQ AX, 0(SP)
	CALL ·descend(SB)
	LEAQ p-16(SP), BX
	CMPQ BX, q-8(SP)
	JNE  wrong
	LEAQ n-24(SP), BX
	CMPQ BX, p-16(SP)
	JNE  wrong
	MOVQ q-8(SP), BX
	MOVQ (BX), BX
	MOVQ (BX), AX
	ADDQ 8(SP), AX

done:
	MOVQ AX, ret+8(FP)
	RET

wrong:
	UNDEF

// func through(n uint) uint: n + 1, by way of a function that is given the address of a local and returns it, and grows in between.
TEXT ·through(SB), 0, $40-16
	NO_LOCAL_POINTERS
	MOVQ n+0(FP), AX
	MOVQ AX, n-8(SP)
	LEAQ n-8(SP), BX
	MOVQ BX, 0(SP)
	CALL ·increments(SB)
	LEAQ n-8(SP), BX
	CMPQ BX, 8(SP)
	JNE  wrong
	MOVQ n-8(SP), AX
	MOVQ AX, ret+8(FP)
	RET

wrong:
	UNDEF

// func increments(p *uint) *uint: p, whose value is one more. Its result is a pointer only from where it says so.
TEXT ·increments(SB), 0, $8-16
	NO_LOCAL_POINTERS
	CALL ·large(SB)
	MOVQ p+0(FP), BX
	INCQ (BX)
	MOVQ BX, ret+8(FP)
	GO_RESULTS_INITIALIZED
	CALL ·larger(SB)
	RET

TEXT ·large(SB), 0, $20000-0
	RET

TEXT ·larger(SB), 0, $100000-0
	RET

TEXT helper<>(SB), NOSPLIT, $0-8
	MOVQ $1, ret+0(FP)
	RET

// func first() uint
TEXT ·first(SB), 0, $8-8
	NO_LOCAL_POINTERS
	CALL helper<>(SB)
	MOVQ 0(SP), AX
	MOVQ AX, ret+0(FP)
	RET
