#include "deep.h"

DEEP(·deepBlockAVX2, crypto∕internal∕fips140∕sha256·blockAVX2)
DEEP(·deepBlockSHANI, crypto∕internal∕fips140∕sha256·blockSHANI)
