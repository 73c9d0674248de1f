# Parks with little of a large segment in use.

FILE "tests/asm/shrinking.s"

# use(depth, hold, how) -> (sum, before, after): descends `depth` frames and comes back, then holds `hold` frames.
TEXT shrinking.use, 0, 40, 48
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL deep.count
    movq FP+8(%rsp), %rax
    movq %rax, 0(%rsp)
    movq FP+16(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL shrinking.hold
    movq 16(%rsp), %rax
    movq %rax, FP+24(%rsp)
    movq 24(%rsp), %rax
    movq %rax, FP+32(%rsp)
    movq 32(%rsp), %rax
    movq %rax, FP+40(%rsp)
    RET
END shrinking.use

# hold(n, how) -> (sum, before, after)
#     v = n; p = &v, q = &p, which the map names; n more frames below; the innermost parks: how = 0: here, 1: in Rust
#   sum: v of all, read through **q; before, after: bytes of the segment before the park and after. Traps on a wrong pointer.
TEXT shrinking.hold, 0, 64, 40
    NO_ARG_POINTERS
    STACKMAP_LOCALS 1, 8, 0xc0      # words 6 and 7: p and q
    movq FP+0(%rsp), %rcx
    movq %rcx, 40(%rsp)             # v
    leaq 40(%rsp), %rax
    movq %rax, 48(%rsp)             # p
    leaq 48(%rsp), %rax
    movq %rax, 56(%rsp)             # q
    testq %rcx, %rcx
    jz 1f
    decq %rcx
    movq %rcx, 0(%rsp)
    movq FP+8(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL shrinking.hold
    jmp 3f

1:  movq $0, 16(%rsp)
    GET_G %rcx
    movq 8(%rcx), %rax
    subq (%rcx), %rax
    movq %rax, 24(%rsp)
    cmpq $0, FP+8(%rsp)
    jne 2f
    CALL runtime.gopark
    jmp 4f
2:  CALL shrinking.rust
4:  GET_G %rcx
    movq 8(%rcx), %rax
    subq (%rcx), %rax
    movq %rax, 32(%rsp)

3:  leaq 48(%rsp), %rax
    cmpq %rax, 56(%rsp)
    jne 9f
    leaq 40(%rsp), %rax
    cmpq %rax, 48(%rsp)
    jne 9f
    movq 56(%rsp), %rax
    movq (%rax), %rax
    movq (%rax), %rax
    addq 16(%rsp), %rax
    movq %rax, FP+16(%rsp)
    movq 24(%rsp), %rax
    movq %rax, FP+24(%rsp)
    movq 32(%rsp), %rax
    movq %rax, FP+32(%rsp)
    RET
9:  ud2
END shrinking.hold
