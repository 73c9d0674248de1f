# Chains of NOSPLIT functions that use the slack below the guard to its last byte, called at the edge of the guard.
#
# The test sets STACK_GUARD (guard - lo), STACK_NOSPLIT and SEGMENT, the size of the segment on which these calls happen:
#
#     hi
#       STACK_TOP | top words                     |
#              16 | results of `outer`            |
#               8 | return address of `outer`     |
#               8 | saved BP of `outer`           |
#               8 | its local                     |
#               8 | return address into `outer`   |
#               8 | saved BP of `pad`             |
#             PAD | locals of `pad`               |
#               8 | return address into `pad`     | <- SP at the entry of `edge`: guard + 8, the lowest that passes
#     STACK_SMALL | frame of `edge`               |
#   STACK_NOSPLIT | the chain                     | <- lo + 8
#     lo

FILE "tests/asm/nosplit_chains.s"

TEXT nosplit.grow, 0, SEGMENT/2+STACK_SMALL, 0
    NO_LOCAL_POINTERS
    RET
END nosplit.grow

# LINK name, callee, frame: a NOSPLIT function that fills its locals, calls on, and looks whether they are the same.
.macro LINK name, callee, frame
TEXT \name, NOSPLIT, \frame, 0
    NO_LOCAL_POINTERS
    xorl %eax, %eax
1:  leaq (\frame)(%rax), %rcx
    movq %rcx, (%rsp,%rax,8)
    incq %rax
    cmpq $(\frame)/8, %rax
    jne 1b
    CALL \callee
    xorl %eax, %eax
2:  leaq (\frame)(%rax), %rcx
    cmpq %rcx, (%rsp,%rax,8)
    jne 3f
    incq %rax
    cmpq $(\frame)/8, %rax
    jne 2b
    RET
3:  ud2                             # a local has changed
END \name
.endm

# The chain of functions that do not check: 3 * (200 + 8 + 8) + 152 = 800 bytes with the return addresses.
.set LAST, STACK_NOSPLIT-3*216-16
LINK nosplit.first, nosplit.second, 200
LINK nosplit.second, nosplit.third, 200
LINK nosplit.third, nosplit.last, 200

# Fills its locals to the last byte, and tells nosplit_lowest how far down they reach.
TEXT nosplit.last, NOSPLIT, LAST, 0
    NO_LOCAL_POINTERS
    xorl %eax, %eax
1:  movb $-1, (%rsp,%rax)
    incq %rax
    cmpq $LAST, %rax
    jne 1b
    GET_G %rcx
    movq %rsp, %rax
    subq (%rcx), %rax
    movq %rax, nosplit_lowest(%rip)
    RET
END nosplit.last

# A chain whose last function checks. It fails there, so what it takes is morestack's return address and its own:
# 3 * (200 + 8 + 8) + 120 + 8 + 8 + 8 + 8 = 800.
.set BEFORE, STACK_NOSPLIT-3*216-16-16
LINK nosplit.first_of_four, nosplit.second_of_four, 200
LINK nosplit.second_of_four, nosplit.third_of_four, 200
LINK nosplit.third_of_four, nosplit.fourth, 200
LINK nosplit.fourth, nosplit.checked, BEFORE

# Moves the chain above it.
TEXT nosplit.checked, 0, 16, 0
    NO_LOCAL_POINTERS
    movq $1, 0(%rsp)
    RET
END nosplit.checked

# CHAIN suffix, first: func () (lowest, moved uint). Calls the chain at the edge of the guard.
.macro CHAIN suffix, first
TEXT nosplit.edge\suffix, 0, STACK_SMALL-8, 0
    NO_LOCAL_POINTERS
    CALL \first
    RET
END nosplit.edge\suffix

TEXT nosplit.pad\suffix, 0, SEGMENT-STACK_GUARD-STACK_TOP-16-48-8, 0
    NO_LOCAL_POINTERS
    CALL nosplit.edge\suffix
    RET
END nosplit.pad\suffix

TEXT nosplit.outer\suffix, 0, 8, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    CALL nosplit.grow
    GET_G %rcx
    movq G_hi(%rcx), %rax
    movq %rax, 0(%rsp)
    CALL nosplit.pad\suffix
    movq nosplit_lowest(%rip), %rax
    movq %rax, FP+0(%rsp)
    GET_G %rcx
    xorl %edx, %edx
    movq G_hi(%rcx), %rax
    cmpq 0(%rsp), %rax
    setne %dl
    movq %rdx, FP+8(%rsp)
    RET
END nosplit.outer\suffix
.endm

CHAIN _unchecked, nosplit.first
CHAIN _checked, nosplit.first_of_four

    .pushsection .bss.nosplit_lowest, "aw", @nobits
    .p2align 3
nosplit_lowest:
    .zero 8
    .popsection
