# Mutual recursion through functions of all three prologue forms.

FILE "tests/asm/prologue_forms.s"

# FORM name, next, frame: func (n uint) uint. n + next(n-1), or 0 at the end; n is kept at both ends of the locals.
.macro FORM name, next, frame
TEXT \name, 0, \frame, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    movq %rax, 16(%rsp)
    movq %rax, (\frame)-8(%rsp)
    decq %rax
    movq %rax, 0(%rsp)
    CALL \next
    movq FP+0(%rsp), %rax
    cmpq %rax, 16(%rsp)
    jne 2f
    cmpq %rax, (\frame)-8(%rsp)
    jne 2f
    addq 8(%rsp), %rax
1:  movq %rax, FP+8(%rsp)
    RET
2:  ud2                             # a local has changed
END \name
.endm

# Each form with its smallest and largest frame, a multiple of 8 to which the saved BP comes.
FORM forms.small_32, forms.medium_136, 24
FORM forms.medium_136, forms.large_4096, STACK_SMALL
FORM forms.large_4096, forms.small_128, STACK_BIG-8
FORM forms.small_128, forms.medium_4088, STACK_SMALL-8
FORM forms.medium_4088, forms.large_20000, STACK_BIG-16
FORM forms.large_20000, forms.small_32, 19992
