#include "deep.h"

DEEP(·deepBlockAVX2, crypto∕sha1·blockAVX2)
DEEP(·deepBlockSHANI, crypto∕sha1·blockSHANI)
