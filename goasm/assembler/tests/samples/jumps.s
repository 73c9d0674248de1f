// Labels, distances, other functions, registers, memory.

#include "textflag.h"

TEXT ·near(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), CX

again:
	DECQ CX
	JNE  again
	JEQ  end
	JMP  2(PC)
	NOP
	INCQ CX
	JMP  -2(PC)
	JCS  end
	JCC  end
	JHI  end
	JLS  end
	JLT  end
	JGE  end
	JGT  end
	JLE  end
	JMI  end
	JPL  end
	JOS  end
	JOC  end
	JPS  end
	JPC  end
	LOOP again
	JCXZQ end

end:
	RET

#define FILL16 MOVQ $0x123456789abcdef, AX; MOVQ $0x123456789abcdef, BX; MOVQ $0x123456789abcdef, CX
#define FILL128 FILL16; FILL16; FILL16; FILL16; FILL16

// Some reach, some do not, and some do until others have become longer.
TEXT ·far(SB), NOSPLIT, $0-8
	JMP  one
	JNE  two
	JEQ  three
	FILL16
	FILL16
	FILL16

one:
	JMP  three
	FILL16

two:
	FILL128
	JLT  one
	JMP  two
	FILL128

three:
	DECQ CX
	JMP  one
	RET

TEXT ·elsewhere(SB), NOSPLIT, $0-8
	CALL ·near(SB)
	CALL other∕package·function(SB)
	CALL AX
	CALL (AX)
	CALL *AX
	CALL *(AX)
	CALL 8(AX)(CX*8)
	CALL *·pointer(SB)
	CALL ·hidden<>(SB)
	JMP  ·far(SB)
	JMP  R11
	JMP  (R11)
	JMP  8(R11)
	RET

TEXT ·hidden<>(SB), NOSPLIT, $0-0
	PCALIGN $16
	NOP
	PCALIGN $32
	UNDEF
	RET
