# Mapped code to be interrupted by signals, at any distance from the guard.

FILE "tests/asm/interrupted.s"

# func descend(k, n) -> fib(n): k frames down.
TEXT interrupted.descend, 0, 24, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+8(%rsp), %rdx
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    movq %rdx, 8(%rsp)
    CALL interrupted.descend
    movq 16(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
1:  movq %rdx, 0(%rsp)
    CALL interrupted.fib
    movq 8(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END interrupted.descend

# func fib(n)
TEXT interrupted.fib, 0, 24, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    cmpq $2, %rax
    jb 1f
    decq %rax
    movq %rax, 0(%rsp)
    CALL interrupted.fib
    movq 8(%rsp), %rax
    movq %rax, 16(%rsp)
    movq FP+0(%rsp), %rax
    subq $2, %rax
    movq %rax, 0(%rsp)
    CALL interrupted.fib
    movq 8(%rsp), %rax
    addq 16(%rsp), %rax
1:  movq %rax, FP+8(%rsp)
    RET
END interrupted.fib

# func traps(k) -> k: k frames down, two instructions that raise signals; the handlers go on behind them.
TEXT interrupted.traps, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    CALL interrupted.traps
    movq 8(%rsp), %rax
    incq %rax
    movq %rax, FP+8(%rsp)
    RET
1:  int3
    ud2
    movq $0, FP+8(%rsp)
    RET
END interrupted.traps
