# Mapped frames between Rust frames, some of which panic.

FILE "tests/asm/panics.s"

# between(n, catcher, kind) -> what panics.rust(n, catcher, kind) returns, plus 1
TEXT panics.between, 0, 32, 32
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    movq FP+8(%rsp), %rax
    movq %rax, 8(%rsp)
    movq FP+16(%rsp), %rax
    movq %rax, 16(%rsp)
    CALL panics.rust
    movq 24(%rsp), %rax
    incq %rax
    movq %rax, FP+24(%rsp)
    RET
END panics.between

# below(depth, n, catcher, kind): the same with `depth` mapped frames more.
TEXT panics.below, 0, 40, 40
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+8(%rsp), %rcx
    movq FP+16(%rsp), %rdx
    movq FP+24(%rsp), %rsi
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    movq %rcx, 8(%rsp)
    movq %rdx, 16(%rsp)
    movq %rsi, 24(%rsp)
    CALL panics.below
    movq 32(%rsp), %rax
    jmp 2f
1:  movq %rcx, 0(%rsp)
    movq %rdx, 8(%rsp)
    movq %rsi, 16(%rsp)
    CALL panics.between
    movq 24(%rsp), %rax
2:  movq %rax, FP+32(%rsp)
    RET
END panics.below
