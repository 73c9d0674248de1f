// Calls between the two calling conventions that need no wrapper. A callee gives its own address, the one that it returns to, and its
// argument plus one; a caller calls it directly and through its address, and gives what both calls gave and that address.

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

// Cases 1 and 2. 0(SP) is the callee's spill space.
TEXT ·registers_call_registers<ABIInternal>(SB), 0, $48-56
	NO_LOCAL_POINTERS
	CALL ·registers_callee<ABIInternal>(SB)
	MOVQ AX, own-8(SP)
	MOVQ BX, caller-16(SP)
	LEAQ ·registers_callee<ABIInternal>(SB), R12
	MOVQ R12, address-24(SP)
	MOVQ CX, AX
	CALL R12
	MOVQ AX, DI
	MOVQ BX, SI
	MOVQ CX, R8
	MOVQ own-8(SP), AX
	MOVQ caller-16(SP), BX
	MOVQ address-24(SP), CX
	RET

// Case 3. An ABI0 call keeps neither R14 nor X15.
TEXT ·registers_call_stack<ABIInternal>(SB), 0, $32-32
	NO_LOCAL_POINTERS
	MOVQ AX, 0(SP)
	CALL ·stack_callee(SB)
	MOVQ 8(SP), AX
	MOVQ 16(SP), BX
	MOVQ 24(SP), CX
	MOVQ (TLS), R14
	XORPS X15, X15
	RET

// Case 5.
TEXT ·stack_calls_stack(SB), 0, $32-56
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ·stack_callee(SB)
	MOVQ 8(SP), AX
	MOVQ AX, own+8(FP)
	MOVQ 16(SP), AX
	MOVQ AX, caller+16(FP)
	MOVQ 24(SP), AX
	MOVQ AX, 0(SP)
	LEAQ ·stack_callee(SB), AX
	MOVQ AX, address+24(FP)
	CALL AX
	MOVQ 8(SP), AX
	MOVQ AX, own2+32(FP)
	MOVQ 16(SP), AX
	MOVQ AX, caller2+40(FP)
	MOVQ 24(SP), AX
	MOVQ AX, next+48(FP)
	RET
