# The base of a mapped task that runs a Rust function (tests/common/contexts.rs).

FILE "tests/asm/contexts.s"

# mapped_main(body) -> result of contexts.body(body), the Rust half.
TEXT contexts.mapped_main, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL contexts.body
    movq 8(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END contexts.mapped_main
