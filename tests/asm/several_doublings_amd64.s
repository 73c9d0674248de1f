// Functions whose frames are many times the size of a fresh segment.

#include "textflag.h"
#include "funcdata.h"

// func name(arg uint, entered *uint) uint: counts its entries, fills its whole frame, returns the sum of what it finds there plus arg.
#define FRAME(name, bytes) \
TEXT name(SB), 0, $bytes-24; \
	NO_LOCAL_POINTERS; \
	MOVQ entered+8(FP), AX; \
	INCQ (AX); \
	XORL CX, CX; \
fill: \
	MOVQ CX, (SP)(CX*8); \
	INCQ CX; \
	CMPQ CX, $(bytes/8); \
	JNE fill; \
	MOVQ arg+0(FP), AX; \
	XORL CX, CX; \
add: \
	ADDQ (SP)(CX*8), AX; \
	INCQ CX; \
	CMPQ CX, $(bytes/8); \
	JNE add; \
	MOVQ AX, ret+16(FP); \
	RET

FRAME(doublings·frame_3k, 3000)
FRAME(doublings·frame_40k, 40000)
FRAME(doublings·frame_300k, 300000)
FRAME(doublings·frame_5m, 5000000)
