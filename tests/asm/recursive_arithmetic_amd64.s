// Arithmetic by recursion alone: Peano's, after the idea of Go's test/peano.go, and Ackermann's function.

#include "textflag.h"
#include "funcdata.h"

// func add(x, y uint) uint: add(x, 0) = x, add(x, y+1) = add(x, y) + 1
TEXT peano·add(SB), 0, $24-24
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ y+8(FP), CX
	TESTQ CX, CX
	JEQ  done
	DECQ CX
	MOVQ AX, 0(SP)
	MOVQ CX, 8(SP)
	CALL peano·add(SB)
	MOVQ 16(SP), AX
	INCQ AX

done:
	MOVQ AX, ret+16(FP)
	RET

// func mul(x, y uint) uint: mul(x, 0) = 0, mul(x, y+1) = add(mul(x, y), x)
TEXT peano·mul(SB), 0, $24-24
	NO_LOCAL_POINTERS
	XORL AX, AX
	MOVQ y+8(FP), CX
	TESTQ CX, CX
	JEQ  done
	DECQ CX
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	MOVQ CX, 8(SP)
	CALL peano·mul(SB)
	MOVQ 16(SP), AX
	MOVQ AX, 0(SP)
	MOVQ x+0(FP), AX
	MOVQ AX, 8(SP)
	CALL peano·add(SB)
	MOVQ 16(SP), AX

done:
	MOVQ AX, ret+16(FP)
	RET

// func factorial(n uint) uint: factorial(0) = 1, factorial(n+1) = mul(factorial(n), n+1)
TEXT peano·factorial(SB), 0, $24-16
	NO_LOCAL_POINTERS
	MOVL $1, AX
	MOVQ n+0(FP), CX
	TESTQ CX, CX
	JEQ  done
	DECQ CX
	MOVQ CX, 0(SP)
	CALL peano·factorial(SB)
	MOVQ 8(SP), AX
	MOVQ AX, 0(SP)
	MOVQ n+0(FP), AX
	MOVQ AX, 8(SP)
	CALL peano·mul(SB)
	MOVQ 16(SP), AX

done:
	MOVQ AX, ret+8(FP)
	RET

// func ackermann(m, n uint) uint
TEXT ·ackermann(SB), 0, $24-24
	NO_LOCAL_POINTERS
	MOVQ m+0(FP), AX
	MOVQ n+8(FP), CX
	TESTQ AX, AX
	JEQ  successor
	TESTQ CX, CX
	JEQ  one
	DECQ CX                    // ackermann(m-1, ackermann(m, n-1))
	MOVQ AX, 0(SP)
	MOVQ CX, 8(SP)
	CALL ·ackermann(SB)
	MOVQ 16(SP), CX
	MOVQ m+0(FP), AX
	JMP  outer

one:
	MOVL $1, CX                // ackermann(m-1, 1)

outer:
	DECQ AX
	MOVQ AX, 0(SP)
	MOVQ CX, 8(SP)
	CALL ·ackermann(SB)
	MOVQ 16(SP), CX
	MOVQ CX, ret+16(FP)
	RET

successor:
	INCQ CX
	MOVQ CX, ret+16(FP)
	RET
