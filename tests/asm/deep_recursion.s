# A recursion of 144 bytes per frame that knows how many of its frames there are.

FILE "tests/asm/deep_recursion.s"

# func descend(n uint, frames *uint) uint: n + (n-1) + ... + 1, by recursion. `frames` counts the frames that there are.
# Each frame keeps n twice: a local, read through a pointer to it, and its argument.
TEXT deep_recursion.descend, 0, 128, 24
    NO_ARG_POINTERS                 # frames is not on the stack
    STACKMAP_LOCALS 1, 1, 1         # the pointer, right below the saved BP
    movq FP+8(%rsp), %rcx
    incq (%rcx)
    movq FP+0(%rsp), %rax
    movq %rax, 24(%rsp)
    leaq 24(%rsp), %rdx
    movq %rdx, 120(%rsp)
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    movq %rcx, 8(%rsp)
    CALL deep_recursion.descend
    movq 120(%rsp), %rdx
    leaq 24(%rsp), %rcx
    cmpq %rcx, %rdx
    jne 2f
    movq (%rdx), %rax
    cmpq FP+0(%rsp), %rax
    jne 2f
    addq 16(%rsp), %rax
1:  movq %rax, FP+16(%rsp)
    movq FP+8(%rsp), %rcx
    decq (%rcx)
    RET
2:  ud2                             # a local or the pointer to it is not what it was
END deep_recursion.descend
