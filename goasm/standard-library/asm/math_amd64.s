#include "deep.h"

DEEP(·deepFloor, math·archFloor)
DEEP(·deepCeil, math·archCeil)
DEEP(·deepTrunc, math·archTrunc)
DEEP(·deepExp, math·archExp)
DEEP(·deepHypot, math·archHypot)
DEEP(·deepSqrt, ·sqrt)

// Go's own sqrt is no assembly any more: its compiler knows it.

// func sqrt(x float64) float64
TEXT ·sqrt(SB), NOSPLIT, $0-16
	SQRTSD x+0(FP), X0
	MOVSD X0, ret+8(FP)
	RET

// Whether the processor has FMA, which a Go file of the package finds out.
GLOBL math·useFMA(SB), NOPTR, $1

// func setFMA(has bool)
TEXT ·setFMA(SB), NOSPLIT, $0-1
	MOVB has+0(FP), AX
	MOVB AX, math·useFMA(SB)
	RET
