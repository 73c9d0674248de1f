#include "go_asm.h"
#include "deep.h"

DEEP(·deepCount, internal∕bytealg·Count)
DEEP(·deepCountString, internal∕bytealg·CountString)
DEEP(·deepIndex, internal∕bytealg·Index)
DEEP(·deepIndexString, internal∕bytealg·IndexString)
DEEP(·deepIndexByte, internal∕bytealg·IndexByte)
DEEP(·deepIndexByteString, internal∕bytealg·IndexByteString)

DEEP(·deepCompare, ·compare)
DEEP(·deepCompareString, ·compareString)
DEEP(·deepEqual, ·equal)
DEEP(·deepEqualClosure, ·equalClosure)

// ABIInternal: arguments in AX, BX, CX, DI, SI, R8, a closure in DX, the result in AX. None of the routines looks at g in R14 or counts on
// zero in X15.

// func compare(a, b []byte) int
TEXT ·compare(SB), 0, $0-56
	MOVQ a_base+0(FP), AX
	MOVQ a_len+8(FP), BX
	MOVQ a_cap+16(FP), CX
	MOVQ b_base+24(FP), DI
	MOVQ b_len+32(FP), SI
	MOVQ b_cap+40(FP), R8
	CALL internal∕bytealg·Compare<ABIInternal>(SB)
	MOVQ AX, ret+48(FP)
	RET

// func compareString(a, b string) int
TEXT ·compareString(SB), 0, $0-40
	MOVQ a_base+0(FP), AX
	MOVQ a_len+8(FP), BX
	MOVQ b_base+16(FP), CX
	MOVQ b_len+24(FP), DI
	CALL runtime·cmpstring<ABIInternal>(SB)
	MOVQ AX, ret+32(FP)
	RET

// func equal(a, b *byte, size uintptr) bool
TEXT ·equal(SB), 0, $0-25
	MOVQ a+0(FP), AX
	MOVQ b+8(FP), BX
	MOVQ size+16(FP), CX
	CALL runtime·memequal<ABIInternal>(SB)
	MOVB AX, ret+24(FP)
	RET

// func equalClosure(a, b *byte, size uintptr) bool: as Go's compiler calls it, by a closure that holds the size.
TEXT ·equalClosure(SB), 0, $16-25
	NO_LOCAL_POINTERS
	MOVQ a+0(FP), AX
	MOVQ b+8(FP), BX
	MOVQ size+16(FP), CX
	LEAQ closure-16(SP), DX
	MOVQ CX, 8(DX)
	CALL runtime·memequal_varlen<ABIInternal>(SB)
	MOVB AX, ret+24(FP)
	RET

// What Go's internal/cpu knows of the processor. Only what is asked about is ever set.
GLOBL internal∕cpu·X86(SB), NOPTR, $256

// func setPOPCNT(has bool)
TEXT ·setPOPCNT(SB), NOSPLIT, $0-1
	MOVB has+0(FP), AX
	MOVB AX, internal∕cpu·X86+const_offsetX86HasPOPCNT(SB)
	RET

// func setSSE42(has bool)
TEXT ·setSSE42(SB), NOSPLIT, $0-1
	MOVB has+0(FP), AX
	MOVB AX, internal∕cpu·X86+const_offsetX86HasSSE42(SB)
	RET

// func setAVX2(has bool)
TEXT ·setAVX2(SB), NOSPLIT, $0-1
	MOVB has+0(FP), AX
	MOVB AX, internal∕cpu·X86+const_offsetX86HasAVX2(SB)
	RET
