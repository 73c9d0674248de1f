#include "deep.h"

DEEP(·deepSeal, vendor∕golang·org∕x∕crypto∕chacha20poly1305·chacha20Poly1305Seal)
DEEP(·deepOpen, vendor∕golang·org∕x∕crypto∕chacha20poly1305·chacha20Poly1305Open)
