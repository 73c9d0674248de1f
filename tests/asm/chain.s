# Mapped frames above a Rust function that looks at them by frame pointers alone.

FILE "tests/asm/chain.s"

# func outer(n) -> middle(n)
TEXT chain.outer, 0, 48, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL chain.middle
    movq 8(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END chain.outer

# func middle(n): itself with n - 1, or rust() at 0; returns n
TEXT chain.middle, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    CALL chain.middle
    movq 8(%rsp), %rax
    incq %rax
    movq %rax, FP+8(%rsp)
    RET
1:  CALL chain.rust
    movq $0, FP+8(%rsp)
    RET
END chain.middle

TO_RUST chain.rust, 0, chain_shim

# chain_shim: what morestack_call_rust calls; the frame pointer that it finds becomes the argument.
    .type chain_shim, @function
chain_shim:
    .cfi_startproc
    movq %rbp, %rdi
    jmp chain_walk
    .cfi_endproc
    .size chain_shim, . - chain_shim

# func large(): needs more stack than anything before it
TEXT chain.large, 0, 100000, 0
    NO_LOCAL_POINTERS
    RET
END chain.large
