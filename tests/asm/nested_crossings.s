# Mapped A calls Rust, which calls mapped B, and so on; each mapped frame holds pointers to its own locals.

FILE "tests/asm/nested_crossings.s"

# level(n, k) -> (sum, moved)
#     v = 1000 n + k; p = &v, q = &p: pointers that the map names; number = &v: an integer that it does not name
#     n > 0: calls crossings.rust(n, k), which calls level(n - 1, k) and grows the stack
#   sum: v of all levels, read through **q; moved: how many of these frames have another address than at first
#   It traps if a pointer or the number is not what it must be.
TEXT crossings.level, 0, 72, 32
    NO_ARG_POINTERS
    STACKMAP_LOCALS 1, 9, 0x60, 0x00 # words 5 and 6: p and q
    movq FP+0(%rsp), %rcx
    imulq $1000, %rcx, %rax
    addq FP+8(%rsp), %rax
    movq %rax, 32(%rsp)             # v
    leaq 32(%rsp), %rax
    movq %rax, 40(%rsp)             # p
    movq %rax, 56(%rsp)             # number
    notq %rax
    movq %rax, 64(%rsp)             # and its complement
    leaq 40(%rsp), %rax
    movq %rax, 48(%rsp)             # q
    xorl %eax, %eax
    movq %rax, 16(%rsp)             # sum and moved of the levels below
    movq %rax, 24(%rsp)
    testq %rcx, %rcx
    jz 1f
    movq %rcx, 0(%rsp)
    movq FP+8(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL crossings.rust

1:  leaq 40(%rsp), %rax
    cmpq %rax, 48(%rsp)
    jne 9f
    leaq 32(%rsp), %rdx
    cmpq %rdx, (%rax)
    jne 9f
    movq 56(%rsp), %rcx
    notq %rcx
    cmpq %rcx, 64(%rsp)
    jne 9f
    notq %rcx
    movq 24(%rsp), %rax
    cmpq %rcx, %rdx
    je 2f
    incq %rax
2:  movq %rax, FP+24(%rsp)
    movq 48(%rsp), %rax
    movq (%rax), %rax
    movq (%rax), %rax
    addq 16(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
9:  ud2
END crossings.level
