#include "deep.h"

DEEP(·deepBlock, crypto∕md5·block)
