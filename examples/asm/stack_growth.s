# A recursion that does nothing but go deep and come back, in frames of 64 bytes. Twice, from the same text:
#
#     demo.descend     mapped: its first three instructions compare the stack pointer with the task's guard. When it fails,
#                      morestack moves the stack to one of double size and the function starts again.
#     demo_unchecked   the same without the check, for a stack that is large enough from the start.
#
#     frame:  | n, result (the caller's)  |
#             | return address            |
#             | saved BP                  |
#             | 32 bytes that hold nothing|
#             | n - 1, its result         |  <- SP

FILE "examples/asm/stack_growth.s"

# Goes on with n - 1 by the given call, unless n is 0. Returns n.
.macro DESCEND call, name
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    \call \name
    movq 8(%rsp), %rax
    incq %rax
1:  movq %rax, FP+8(%rsp)
.endm

# Frame of 48 bytes, 16 bytes of argument and result. No word of either points into the stack, and that has to be said.
TEXT demo.descend, 0, 48, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    DESCEND CALL, demo.descend
    RET
END demo.descend

# The same frame by hand.
    .text
    .p2align 4
    .type demo_unchecked, @function
demo_unchecked:
    .set FP, 48 + 16
    pushq %rbp
    movq %rsp, %rbp
    subq $48, %rsp
    DESCEND call, demo_unchecked
    addq $48, %rsp
    popq %rbp
    ret
    .size demo_unchecked, . - demo_unchecked

# extern "C" fn demo_call_unchecked(n: %rdi) -> %rax
    .p2align 4
    .globl demo_call_unchecked
    .type demo_call_unchecked, @function
demo_call_unchecked:
    pushq %rbp
    movq %rsp, %rbp
    subq $16, %rsp
    movq %rdi, 0(%rsp)
    call demo_unchecked
    movq 8(%rsp), %rax
    leave
    ret
    .size demo_call_unchecked, . - demo_call_unchecked
