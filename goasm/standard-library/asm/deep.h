// Drivers: functions by which the tests come to a routine of Go's below frames of their own.

#include "textflag.h"
#include "funcdata.h"
#include "go_tls.h"

// STACK_SIZE(to): the size of the stack that the function runs on.
#define STACK_SIZE(to) \
	get_tls(to); \
	MOVQ g(to), to; \
	MOVQ 8(to), CX; \
	SUBQ 0(to), CX; \
	MOVQ CX, to

// DEEP(driver, routine) is
//
//	func driver(words *[14]uint64, depth uint64) (first, before, after uint64)
//
// It calls itself `depth` times, 128 bytes of stack each, and then the routine. `words` are the routine's arguments as they lie on the
// stack, its results included; they are taken from there and put back. The results are sizes of the stack: in the outermost frame,
// right before the routine is called, and right after that. What grew in between shows how far it was from 2 KB to the routine,
// and whether the routine's own check failed.
#define DEEP(driver, routine) \
TEXT driver(SB), 0, $112-40; \
	NO_LOCAL_POINTERS; \
	STACK_SIZE(AX); \
	MOVQ AX, first+16(FP); \
	MOVQ words+0(FP), SI; \
	MOVQ depth+8(FP), AX; \
	TESTQ AX, AX; \
	JEQ call; \
	DECQ AX; \
	MOVQ SI, 0(SP); \
	MOVQ AX, 8(SP); \
	CALL driver(SB); \
	MOVQ 24(SP), AX; \
	MOVQ AX, before+24(FP); \
	MOVQ 32(SP), AX; \
	MOVQ AX, after+32(FP); \
	RET; \
call: \
	LEAQ 0(SP), DI; \
	MOVQ $14, CX; \
	CLD; \
	REP; \
	MOVSQ; \
	STACK_SIZE(AX); \
	MOVQ AX, before+24(FP); \
	CALL routine(SB); \
	MOVQ words+0(FP), DI; \
	LEAQ 0(SP), SI; \
	MOVQ $14, CX; \
	CLD; \
	REP; \
	MOVSQ; \
	STACK_SIZE(AX); \
	MOVQ AX, after+32(FP); \
	RET
