// What the preprocessor does.

#ifdef GOARCH_amd64
#define POINTER 8
#else
#define POINTER 4
#endif

#ifndef UNKNOWN
#ifdef GOOS_linux
#define WHERE(x) x
#endif
#endif

#define LOAD(from, to) MOVQ from, to
#define ROUND(a, b, n) \
	LOAD(a, R8) \
	ADDQ $(n*POINTER), R8 \
	XORQ R8, b // the last line

#define FOUR(m, a, b) m(a, b, 1); m(b, a, 2); m(a, b, 3); m(b, a, (3+1))
#define NOTHING
#define EMPTY() NOTHING
#define END RET

TEXT ·rounds(SB), 4, $0-0
	NOTHING
	FOUR(ROUND, AX, BX)
	WHERE(LOAD((SI)(DI*1), CX))
	EMPTY()
#undef POINTER
#define POINTER 16
	ROUND(CX, DX, 1)
again:
	DECQ CX
	JNE again
	END
