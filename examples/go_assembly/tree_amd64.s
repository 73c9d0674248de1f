// Go's own style of function: named arguments, a declared frame, and no word about the stack.

#include "textflag.h"
#include "funcdata.h"

// func sum(tree *node) (total uint64, nodes uint64): adds the values below a node of a binary tree. Each call takes 56 bytes of
// stack, so that a deep tree needs a deep stack; the assembler puts the check in front.
TEXT ·sum(SB), 0, $40-24
	NO_LOCAL_POINTERS
	MOVQ tree+0(FP), AX
	TESTQ AX, AX
	JEQ  empty

	MOVQ 8(AX), BX             // left
	MOVQ BX, 0(SP)
	CALL ·sum(SB)
	MOVQ 8(SP), BX
	MOVQ 16(SP), CX
	MOVQ BX, total-8(SP)       // locals: the stack may move while the right side is added
	MOVQ CX, nodes-16(SP)

	MOVQ tree+0(FP), AX
	MOVQ 16(AX), BX            // right
	MOVQ BX, 0(SP)
	CALL ·sum(SB)
	MOVQ 8(SP), BX
	MOVQ 16(SP), CX
	ADDQ total-8(SP), BX
	ADDQ nodes-16(SP), CX

	MOVQ tree+0(FP), AX
	ADDQ 0(AX), BX             // value
	INCQ CX
	MOVQ BX, total+8(FP)
	MOVQ CX, nodes+16(FP)
	RET

empty:
	MOVQ $0, total+8(FP)
	MOVQ $0, nodes+16(FP)
	RET
