# A deliberate mistake: a function whose map lacks one of its pointers, and the same without the mistake.

FILE "tests/asm/missing_map_slot.s"

# Moves the stack under `move`, like every function that checks.
TEXT missing.callee, 0, 8, 0
    NO_LOCAL_POINTERS
    RET
END missing.callee

# OWNER name, bits: func (x uint) uint. x, by way of a local and two pointers, of which the map has those in `bits`.
#   8(SP) x    16(SP) a pointer to x    24(SP) a pointer to that pointer
.macro OWNER name, bits
TEXT \name, 0, 32, 16
    NO_ARG_POINTERS
    STACKMAP_LOCALS 1, 2, \bits
    movq FP+0(%rsp), %rax
    movq %rax, 8(%rsp)
    leaq 8(%rsp), %rax
    movq %rax, 16(%rsp)
    leaq 16(%rsp), %rax
    movq %rax, 24(%rsp)
    CALL missing.callee
    movq 24(%rsp), %rax
    movq (%rax), %rax
    movq (%rax), %rax
    movq %rax, FP+8(%rsp)
    RET
END \name
.endm

OWNER missing.none, 3
OWNER missing.first, 2
OWNER missing.second, 1
