# Mapped functions that call Rust, which calls them again: for traces over many crossings.

FILE "tests/asm/ladder.s"

# func even(x) -> rust_even(x)
TEXT ladder.even, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL ladder.rust_even
    movq 8(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END ladder.even

# func odd(x) -> rust_odd(x), by way of a function between
TEXT ladder.odd, 0, 32, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL ladder.between
    movq 8(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END ladder.odd

TEXT ladder.between, 0, 200, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL ladder.rust_odd
    movq 8(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END ladder.between

# func large(x) -> x: needs more stack than anything before it
TEXT ladder.large, 0, 60000, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END ladder.large
