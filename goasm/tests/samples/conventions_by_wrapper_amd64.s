// Calls between the two calling conventions through a wrapper, which has the callee's name in the caller's convention. The callees are
// those of conventions_amd64.s, in a package of their own: who declares a function says where its wrapper is made.

#include "funcdata.h"
#include "textflag.h"

// func stack_callee(x uint64) (own, caller uintptr, next uint64)
TEXT ·stack_callee(SB), NOSPLIT|NOFRAME, $0-32
	LEAQ ·stack_callee(SB), AX
	MOVQ AX, own+8(FP)
	MOVQ 0(SP), AX
	MOVQ AX, caller+16(FP)
	MOVQ x+0(FP), AX
	INCQ AX
	MOVQ AX, next+24(FP)
	RET

// func registers_callee(x uint64) (own, caller uintptr, next uint64)
TEXT ·registers_callee<ABIInternal>(SB), NOSPLIT|NOFRAME, $0-32
	LEAQ 1(AX), CX
	LEAQ ·registers_callee<ABIInternal>(SB), AX
	MOVQ 0(SP), BX
	RET

// Case 4.
TEXT ·registers_call_stack<ABIInternal>(SB), 0, $16-40
	NO_LOCAL_POINTERS
	LEAQ ·stack_callee<ABIInternal>(SB), R12
	MOVQ R12, address-8(SP)
	CALL R12
	MOVQ CX, DI
	MOVQ address-8(SP), CX
	RET

// Case 6.
TEXT ·stack_calls_registers(SB), 0, $32-56
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ·registers_callee(SB)
	MOVQ 8(SP), AX
	MOVQ AX, own+8(FP)
	MOVQ 16(SP), AX
	MOVQ AX, caller+16(FP)
	MOVQ 24(SP), AX
	MOVQ AX, 0(SP)
	LEAQ ·registers_callee(SB), AX
	MOVQ AX, address+24(FP)
	CALL AX
	MOVQ 8(SP), AX
	MOVQ AX, own2+32(FP)
	MOVQ 16(SP), AX
	MOVQ AX, caller2+40(FP)
	MOVQ 24(SP), AX
	MOVQ AX, next+48(FP)
	RET
