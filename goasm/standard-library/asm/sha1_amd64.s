#include "deep.h"

DEEP(·deepBlockAVX2, crypto∕sha1·blockAVX2)
DEEP(·deepBlockSHANI, crypto∕sha1·blockSHANI)

// func blockInFrame(dig *[5]uint32, p []byte) (before, after uint64)
//
// The state is a local while it is hashed, as it is in many a Go function: a pointer into the stack that moves when the check of
// blockAVX2 fails. The results are the sizes of the stack.
TEXT ·blockInFrame(SB), 0, $56-48
	NO_LOCAL_POINTERS
	MOVQ dig+0(FP), SI
	MOVOU (SI), X0
	MOVL 16(SI), AX
	MOVOU X0, state-24(SP)
	MOVL AX, state-8(SP)

	LEAQ state-24(SP), AX
	MOVQ AX, 0(SP)
	MOVQ p_base+8(FP), AX
	MOVQ AX, 8(SP)
	MOVQ p_len+16(FP), AX
	MOVQ AX, 16(SP)
	MOVQ p_cap+24(FP), AX
	MOVQ AX, 24(SP)
	STACK_SIZE(AX)
	MOVQ AX, before+32(FP)
	CALL crypto∕sha1·blockAVX2(SB)
	STACK_SIZE(AX)
	MOVQ AX, after+40(FP)

	MOVQ dig+0(FP), DI
	MOVOU state-24(SP), X0
	MOVL state-8(SP), AX
	MOVOU X0, (DI)
	MOVL AX, 16(DI)
	RET
