// What moves the stack pointer and what BP is used for, in Go's syntax: for traces at each instruction.

#include "textflag.h"
#include "funcdata.h"

// func go_outer(x uint) uint: x + 4, through everything below; the first frame fits no fresh segment.
TEXT ·go_outer(SB), 0, $3016-16
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ·go_pushes(SB)
	MOVQ 8(SP), AX
	MOVQ AX, 0(SP)
	CALL ·go_lends_bp(SB)
	MOVQ 8(SP), AX
	MOVQ AX, 0(SP)
	CALL ·go_jumps(SB)
	MOVQ 8(SP), AX
	MOVQ AX, ret+8(FP)
	RET

// func go_pushes(x uint) uint: x + 1; calls while words are pushed below its frame.
TEXT ·go_pushes(SB), 0, $16-16
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	PUSHQ AX
	PUSHQ $5
	ADJSP $16
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ·go_leaf(SB)
	MOVQ 8(SP), AX
	ADJSP $-16
	POPQ DX
	POPQ CX
	MOVQ AX, ret+8(FP)
	RET

// func go_lends_bp(x uint) uint: x + 1, with BP as a register like others.
TEXT ·go_lends_bp(SB), NOSPLIT, $24-16
	MOVQ x+0(FP), BP
	INCQ BP
	PUSHQ BP
	SUBQ $8, SP
	MOVQ BP, 0(SP)
	ADDQ $8, SP
	POPQ BP
	MOVQ BP, ret+8(FP)
	JMP  out
	RET

out:
	RET

// func go_jumps(x uint) uint: x + 2: takes its frame down and goes on as another function, which has none.
TEXT ·go_jumps(SB), NOSPLIT, $8-16
	INCQ x+0(FP)
	RET  ·go_goes_on(SB)

TEXT ·go_goes_on(SB), NOSPLIT|NOFRAME, $0-16
	NOP
	JMP  ·go_leaf(SB)

// func go_leaf(x uint) uint: x + 1
TEXT ·go_leaf(SB), 0, $0-16
	MOVQ x+0(FP), AX
	INCQ AX
	MOVQ AX, ret+8(FP)
	RET
