# Functions of all three prologue forms, called with the stack pointer exactly at the guard and just above it.
#
# The test sets STACK_GUARD (guard - lo) and SEGMENT, the size of the segment on which these calls happen:
#
#     hi
#     STACK_TOP | top words                      |
#             8 | return address of OUTER        |
#             8 | saved BP of OUTER              |
#             8 | return address into OUTER      |
#             8 | saved BP of PAD                |
#           PAD | locals of PAD                  |
#             8 | return address into PAD        | <- SP at the entry of the leaf
#       LOWERED |                                | <- what its check compares: SP, or SP - (need - STACK_SMALL)
#         above |                                | <- guard
#   STACK_GUARD |                                |
#     lo

FILE "tests/asm/check_boundary.s"

# A function large enough for the segment to have SEGMENT bytes afterwards.
TEXT boundary.grow, 0, SEGMENT/2+STACK_SMALL, 0
    NO_LOCAL_POINTERS
    RET
END boundary.grow

# OUTER name, pad: on a fresh task, gets a segment of SEGMENT bytes and calls `pad` from a known depth.
.macro OUTER name, pad
TEXT \name, 0, 0, 0
    CALL boundary.grow
    CALL \pad
    RET
END \name
.endm

# PAD name, leaf, above: calls `leaf` so that its check compares a word `above` bytes above the guard.
.macro PAD name, leaf, above
TEXT \name, 0, SEGMENT-STACK_GUARD-STACK_TOP-40-LOWERED-(\above), 0
    NO_LOCAL_POINTERS
    CALL \leaf
    RET
END \name
.endm

# BOUNDARY form, need: a leaf that takes `need` bytes, and its callers.
.macro BOUNDARY form, need
.if (\need) > STACK_SMALL
.set LOWERED, (\need)-STACK_SMALL
.else
.set LOWERED, 0
.endif

TEXT boundary.leaf\form, 0, (\need)-8, 0
    NO_LOCAL_POINTERS
    movq $1, 0(%rsp)
    movq $1, (\need)-16(%rsp)
    RET
END boundary.leaf\form

PAD boundary.pad_at\form, boundary.leaf\form, 0
PAD boundary.pad_above\form, boundary.leaf\form, 8
OUTER boundary.at\form, boundary.pad_at\form
OUTER boundary.above\form, boundary.pad_above\form

# func (distance int) (moved bool): calls the leaf with a guard `distance` bytes above what its check compares. A move
# makes the guard true again; without one that is done by hand.
TEXT boundary.faked\form, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    GET_G %rcx
    movq G_stackguard1(%rcx), %rax
    movq %rax, 0(%rsp)
    movq G_hi(%rcx), %rax
    movq %rax, 8(%rsp)
    leaq -8-LOWERED(%rsp), %rax
    addq FP+0(%rsp), %rax
    movq %rax, G_stackguard0(%rcx)
    movq %rax, G_stackguard1(%rcx)
    CALL boundary.leaf\form
    GET_G %rcx
    xorl %edx, %edx
    movq G_hi(%rcx), %rax
    cmpq 8(%rsp), %rax
    setne %dl
    jne 1f
    movq 0(%rsp), %rax
    movq %rax, G_stackguard0(%rcx)
    movq %rax, G_stackguard1(%rcx)
1:  movq %rdx, FP+8(%rsp)
    RET
END boundary.faked\form

# func (poison uint) (moved bool, stackguard0, stackguard1 uint): calls the leaf with a poisoned stackguard0.
TEXT boundary.poisoned\form, 0, 16, 32
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    GET_G %rcx
    movq G_hi(%rcx), %rax
    movq %rax, 8(%rsp)
    movq FP+0(%rsp), %rax
    movq %rax, G_stackguard0(%rcx)
    CALL boundary.leaf\form
    GET_G %rcx
    xorl %edx, %edx
    movq G_hi(%rcx), %rax
    cmpq 8(%rsp), %rax
    setne %dl
    movq %rdx, FP+8(%rsp)
    movq G_stackguard0(%rcx), %rax
    movq %rax, FP+16(%rsp)
    movq G_stackguard1(%rcx), %rax
    movq %rax, FP+24(%rsp)
    RET
END boundary.poisoned\form
.endm

# The smallest and largest of each form; a frame is a multiple of 8.
BOUNDARY _small_16, 16
BOUNDARY _small_128, STACK_SMALL
BOUNDARY _medium_136, STACK_SMALL+8
BOUNDARY _medium_4088, STACK_BIG-8
BOUNDARY _large_4096, STACK_BIG
BOUNDARY _large_5000, 5000
