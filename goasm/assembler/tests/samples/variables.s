/* Variables, numbers and expressions;
   this comment has two lines. */

#define RODATA 8
#define NOPTR 16
#define SIZE (4*8)

DATA table<>+0(SB)/8, $0x0123456789abcdef
DATA table<>+8(SB)/4, $(1<<31|0xff)
DATA table<>+12(SB)/2, $'a'
DATA table<>+14(SB)/1, $~0
DATA table<>+15(SB)/1, $0b1010_1010
DATA table<>+16(SB)/8, $-1.5e-3
DATA table<>+24(SB)/4, $(3.25)
DATA table<>+28(SB)/4, $-(10/3%2)
GLOBL table<>(SB), RODATA|NOPTR, $SIZE

DATA ·text+0(SB)/16, $"tab\t\"quote\" \x00"
GLOBL ·text(SB), NOPTR, $16

DATA ·address+0(SB)/8, $table<>+8(SB)
GLOBL ·address(SB), $8

TEXT ·load(SB), 4, $0-16
	LEAQ	table<>(SB), AX
	MOVQ	table<>+8(SB), BX
	MOVL	(2*SIZE - 060)(AX)(BX*4), CX
	MOVQ	-(4+4)(AX), DX
	MOVSD	$1.25, X0
	MOVQ	$0x8000000000000000, R8
	MOVB	AL, (R8)
	VPGATHERQQ	Y1, (AX)(Y2*8), Y3
	VADDPD.BCST.Z	(AX), Z1, K1, Z2
	V4FMADDPS	(AX), [Z0-Z3], K1, Z7
	MOVQ	CR0, AX
	RET
