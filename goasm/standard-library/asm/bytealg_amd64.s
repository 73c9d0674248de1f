#include "go_asm.h"
#include "deep.h"

DEEP(·deepCount, internal∕bytealg·Count)
DEEP(·deepCountString, internal∕bytealg·CountString)
DEEP(·deepIndex, internal∕bytealg·Index)
DEEP(·deepIndexString, internal∕bytealg·IndexString)
DEEP(·deepIndexByte, internal∕bytealg·IndexByte)
DEEP(·deepIndexByteString, internal∕bytealg·IndexByteString)

DEEP(·deepCompare, internal∕bytealg·Compare)
DEEP(·deepCompareString, runtime·cmpstring)
DEEP(·deepEqual, runtime·memequal)
DEEP(·deepEqualClosure, ·equalClosure)

// func equalClosure(a, b *byte, size uintptr) bool: as Go's compiler calls it, by ABIInternal and a closure in DX that holds the size.
// The routine neither looks at g in R14 nor counts on zero in X15.
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
