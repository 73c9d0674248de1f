// The base of a mapped task that runs a Rust function (tests/common/contexts.rs).

#include "textflag.h"
#include "funcdata.h"

// func mapped_main(body unsafe.Pointer) uint: contexts.body(body), the Rust half.
TEXT contexts·mapped_main(SB), 0, $16-16
	NO_LOCAL_POINTERS
	MOVQ body+0(FP), AX
	MOVQ AX, 0(SP)
	CALL contexts·body(SB)
	MOVQ 8(SP), AX
	MOVQ AX, ret+8(FP)
	RET
