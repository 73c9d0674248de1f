#include "deep.h"

DEEP(·deepAdd, math∕big·addVV)
DEEP(·deepSub, math∕big·subVV)
DEEP(·deepLsh, math∕big·lshVU)
DEEP(·deepRsh, math∕big·rshVU)
DEEP(·deepMulAdd, math∕big·mulAddVWW)
DEEP(·deepAddMul, math∕big·addMulVVWW)

// Whether the processor has ADX and BMI2, which a Go file of the package finds out.
GLOBL math∕big·hasADX(SB), NOPTR, $1

// func setADX(has bool)
TEXT ·setADX(SB), NOSPLIT, $0-1
	MOVB has+0(FP), AX
	MOVB AX, math∕big·hasADX(SB)
	RET
