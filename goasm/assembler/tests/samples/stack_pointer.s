// What moves the stack pointer, and names of arguments and locals behind it.

#include "textflag.h"
#include "funcdata.h"

TEXT ·pushes(SB), 0, $24-24
	NO_LOCAL_POINTERS
	PUSHQ AX
	MOVQ  a+0(FP), AX
	MOVQ  AX, x-8(SP)
	MOVQ  AX, 8(SP)
	PUSHQ $5
	PUSHFQ
	MOVQ  b+8(FP), AX
	POPFQ
	POPQ  BX
	PUSHW CX
	PUSHW CX
	PUSHW CX
	PUSHW CX
	MOVQ  c+16(FP), CX
	POPW  CX
	POPW  CX
	POPW  CX
	POPW  CX
	CALL  ·pushes(SB)
	POPQ  AX
	RET

TEXT ·adjusts(SB), NOSPLIT, $0-8
	ADJSP $16
	MOVQ  a+0(FP), AX
	ADJSP $128
	MOVQ  a+0(FP), AX
	ADJSP $-128
	ADJSP $1000
	MOVQ  a+0(FP), AX
	ADJSP $-1000
	ADJSP $-16
	RET

TEXT ·arithmetic(SB), NOSPLIT, $8-8
	SUBQ $32, SP
	MOVQ AX, 8(SP)
	ADDQ $32, SP
	LEAQ -16(SP), SP
	LEAQ 16(SP), SP
	RET

TEXT ·addresses(SB), NOSPLIT, $64-24
	MOVQ $a+0(FP), AX
	LEAQ a+0(FP), AX
	MOVL $b+8(FP), AX
	MOVQ $x-8(SP), AX
	LEAQ x-16(SP), AX
	MOVQ $8(SP), AX
	MOVQ $8(BX)(CX*2), AX
	MOVQ c+16(FP)(CX*8), AX
	MOVQ x-64(SP)(CX*8), AX
	RET
