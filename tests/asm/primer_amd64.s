// The two functions of "A Primer on Go Assembly" (Clément Rey, go-internals, chapter 1), as one writes them in Go's assembly.

#include "textflag.h"
#include "funcdata.h"
#include "go_tls.h"

// func add(a, b int32) (int32, bool)
TEXT ·add(SB), NOSPLIT, $0-13
	MOVL b+4(FP), AX
	MOVL a+0(FP), CX
	ADDL CX, AX
	MOVL AX, ret+8(FP)
	MOVB $1, ret1+12(FP)
	RET

// func main() (int32, bool): add(10, 32), both arguments in one constant.
TEXT ·primer_main(SB), 0, $16-5
	NO_LOCAL_POINTERS
	MOVQ $137438953482, AX
	MOVQ AX, (SP)
	CALL ·add(SB)
	MOVL 8(SP), AX
	MOVL AX, ret+0(FP)
	MOVB 12(SP), AX
	MOVB AX, ret1+4(FP)
	RET

// main again, but its callee looks at main's frame instead of adding. It has the address of the words to fill where add would leave its
// results.
TEXT ·observed_main(SB), 0, $16-8
	NO_LOCAL_POINTERS
	MOVQ $137438953482, AX
	MOVQ AX, (SP)
	MOVQ words+0(FP), AX
	MOVQ AX, 8(SP)
	CALL observe<>(SB)
	RET

// Records SP, BP, the top of the stack, and eight words from its own return address upwards.
TEXT observe<>(SB), NOSPLIT, $0-16
	MOVQ words+8(FP), AX
	MOVQ SP, 0(AX)
	MOVQ BP, 8(AX)
	get_tls(CX)
	MOVQ g(CX), CX
	MOVQ 8(CX), CX
	MOVQ CX, 16(AX)
	XORL DX, DX

next:
	MOVQ 0(SP)(DX*8), CX
	MOVQ CX, 24(AX)(DX*8)
	INCQ DX
	CMPQ DX, $8
	JNE  next
	RET
