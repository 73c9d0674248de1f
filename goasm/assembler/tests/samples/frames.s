// Frames of every kind: what is inserted before and behind the statements.

#include "textflag.h"
#include "funcdata.h"

TEXT ·leaf(SB), 0, $0-16
	MOVQ a+0(FP), AX
	MOVQ AX, ret+8(FP)
	RET

TEXT ·leafWithLocals(SB), 0, $64-16
	MOVQ a+0(FP), AX
	MOVQ AX, x-8(SP)
	MOVQ x-8(SP), BX
	MOVQ 8(SP), CX
	LEAQ y-64(SP), DX
	MOVQ BX, ret+8(FP)
	RET

TEXT ·calls(SB), 0, $0-0
	CALL ·leaf(SB)
	RET

TEXT ·frame112(SB), 0, $112-8
	LEAQ x-112(SP), AX
	RET

TEXT ·frame120(SB), 0, $120-8
	LEAQ x-120(SP), AX
	RET

TEXT ·frame128(SB), 0, $128-8
	LEAQ x-128(SP), AX
	RET

TEXT ·frame248(SB), 0, $248-8
	NO_LOCAL_POINTERS
	CALL ·leaf(SB)
	RET

TEXT ·frame4080(SB), 0, $4080-8
	NO_LOCAL_POINTERS
	CALL ·leaf(SB)
	RET

TEXT ·frame4088(SB), 0, $4088-8
	NO_LOCAL_POINTERS
	CALL ·leaf(SB)
	RET

TEXT ·frame4096(SB), 0, $4096-8
	NO_LOCAL_POINTERS
	CALL ·leaf(SB)
	RET

TEXT ·frame100000(SB), 0, $100000-8
	NO_LOCAL_POINTERS
	CALL ·leaf(SB)
	RET

TEXT ·nosplit(SB), NOSPLIT, $24-8
	CALL ·leaf(SB)
	RET

TEXT ·noframe(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ a+0(FP), AX
	JMP ·leaf(SB)

TEXT ·noframeChecks(SB), NOFRAME, $0-8
	CALL ·leaf(SB)
	RET

TEXT ·noframeWithLocals(SB), NOFRAME, $16-8
	MOVQ a+0(FP), AX
	MOVQ AX, x-8(SP)
	RET

TEXT ·context(SB), NEEDCTXT, $40-8
	MOVQ 8(DX), AX
	CALL AX
	RET

TEXT ·wrapper(SB), WRAPPER, $40-8
	CALL ·leaf(SB)
	RET

TEXT ·top(SB), NOSPLIT|TOPFRAME, $8-0
	CALL ·leaf(SB)
	RET

TEXT ·withoutSize(SB), NOSPLIT, $8
	CALL ·leaf(SB)
	RET

// Two ways out; what follows the first return has the frame in place.
TEXT ·twoReturns(SB), 0, $32-16
	NO_LOCAL_POINTERS
	MOVQ a+0(FP), AX
	TESTQ AX, AX
	JNE  other
	CALL ·leaf(SB)
	RET

other:
	MOVQ AX, x-8(SP)
	MOVQ a+0(FP), BX
	RET ·leaf(SB)

TEXT ·notAtTheEnd(SB), 0, $8-0
	JMP  down

up:
	RET

down:
	CALL ·leaf(SB)
	JMP  up
