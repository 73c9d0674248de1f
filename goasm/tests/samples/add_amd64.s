// The example of goasm's documentation.

#include "textflag.h"

// func add(a, b int32) (sum int32, carry bool)
TEXT ·add(SB), NOSPLIT, $0-13
	MOVL a+0(FP), AX
	ADDL b+4(FP), AX
	SETOS carry+12(FP)
	MOVL AX, sum+8(FP)
	RET
