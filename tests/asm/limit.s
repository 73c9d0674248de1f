# A recursion without end.

FILE "tests/asm/limit.s"

TEXT limit.outermost, 0, 8, 8
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL limit.endless
    RET
END limit.outermost

TEXT limit.endless, 0, 24, 8
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    incq %rax
    movq %rax, 0(%rsp)
    CALL limit.endless
    RET
END limit.endless
