#include "go_asm.h"
#include "deep.h"

DEEP(·deepCastagnoli, hash∕crc32·castagnoliSSE42)
DEEP(·deepCastagnoliTriple, hash∕crc32·castagnoliSSE42Triple)
DEEP(·deepIEEE, hash∕crc32·ieeeCLMUL)

// What Go's internal/cpu knows of the processor. Only what is asked about is ever set.
GLOBL internal∕cpu·X86(SB), NOPTR, $256

// func setAVX512(has bool)
TEXT ·setAVX512(SB), NOSPLIT, $0-1
	MOVB has+0(FP), AX
	MOVB AX, internal∕cpu·X86+const_offsetX86HasAVX512VPCLMULQDQL(SB)
	RET
