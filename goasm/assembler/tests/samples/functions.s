// What functions are made of: frames, arguments, labels, jumps, calls, maps.

//go:build amd64

#include "textflag.h"
#include "funcdata.h"
#include "go_tls.h"

// func sum(list []int64) int64
TEXT ·sum(SB), NOSPLIT, $0-32
	MOVQ	list_base+0(FP), SI
	MOVQ	list_len+8(FP), CX
	XORQ	AX, AX
	TESTQ	CX, CX
	JZ	done
next:
	ADDQ	(SI), AX
	ADDQ	$8, SI
	DECQ	CX
	JNZ	next
done:	MOVQ	AX, ret+24(FP)
	RET

// Calls, with room for what it passes, and a local.
TEXT ""·twice(SB), 0, $24-16
	NO_LOCAL_POINTERS
	GO_ARGS
	MOVQ	n+0(FP), AX
	MOVQ	AX, kept-8(SP)
	MOVQ	AX, 0(SP); CALL ·once(SB)
	GO_RESULTS_INITIALIZED
	MOVQ	8(SP), AX
	ADDQ	kept-8(SP), AX
	MOVQ	AX, ret+8(FP)
	RET

TEXT ·once(SB), WRAPPER|NEEDCTXT, $0-16
	MOVQ	n+0(FP), AX
	CMPQ	AX, $10
	JLT	2(PC)
	JMP	-2(PC)
	MOVQ	AX, ret+8(FP)
	RET

TEXT local<>(SB), NOSPLIT|NOFRAME, $0
	PCALIGN	$16
	get_tls(CX)
	MOVQ	g(CX), AX
	LEAQ	·once(SB), DX
	MOVQ	$·once(SB), BX
	CALL	DX
	CALL	*BX
	CALL	8(BX)
	PCDATA	$PCDATA_UnsafePoint, $-2
	BYTE	$0x0f; BYTE $0x0b
	LONG	$0x90909090
	UNDEF

TEXT internal∕cpu·leaf<ABIInternal>(SB), NOSPLIT, $8-0
	PUSHQ	BP
	ADJSP	$8
	SHLQ	$3, DX:AX
	SHRQ	CX, AX:DX
	POPQ	BP
	JMP	local<>(SB)
