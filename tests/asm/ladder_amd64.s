// Mapped functions that call Rust, which calls them again: for traces over many crossings.

#include "textflag.h"
#include "funcdata.h"

// func even(x uint) uint: rust_even(x)
TEXT ladder·even(SB), 0, $16-16
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ladder·rust_even(SB)
	MOVQ 8(SP), AX
	MOVQ AX, ret+8(FP)
	RET

// func odd(x uint) uint: rust_odd(x), by way of a function between
TEXT ladder·odd(SB), 0, $32-16
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ladder·between(SB)
	MOVQ 8(SP), AX
	MOVQ AX, ret+8(FP)
	RET

TEXT ladder·between(SB), 0, $200-16
	FUNCDATA $FUNCDATA_ArgsPointerMaps, no_pointers_stackmap(SB)
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ AX, 0(SP)
	CALL ladder·rust_odd(SB)
	MOVQ 8(SP), AX
	MOVQ AX, ret+8(FP)
	RET

// func large(x uint) uint: x, and needs more stack than anything before it
TEXT ladder·large(SB), 0, $60000-16
	NO_LOCAL_POINTERS
	MOVQ x+0(FP), AX
	MOVQ AX, ret+8(FP)
	RET
