# Passes the address of a local to Rust: a bug, for debug builds to catch.

FILE "tests/asm/stack_pointer_argument.s"

# leak(which): gives leak.rust three words, of which word `which` is the address of a local; which = 3: none.
TEXT leak.leak, 0, 48, 8
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq $1, 0(%rsp)
    movq $2, 8(%rsp)
    movq $3, 16(%rsp)
    movq FP+0(%rsp), %rcx
    leaq 40(%rsp), %rax
    cmpq $3, %rcx
    jae 1f
    movq %rax, (%rsp,%rcx,8)
1:  CALL leak.rust
    RET
END leak.leak
