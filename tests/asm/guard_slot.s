# Reads the guard and its mirror.

FILE "tests/asm/guard_slot.s"

# probe() -> (mirror in the thread control block, stackguard0, stackguard1, stack.lo, stack pointer)
# The first four words of G are ABI: lo, hi, stackguard0, stackguard1.
TEXT guard.probe, NOSPLIT|NOFRAME, 0, 40
    NO_ARG_POINTERS
    GET_G %rcx
    movq %fs:TCB_guard, %rax
    movq %rax, FP+0(%rsp)
    movq 16(%rcx), %rax
    movq %rax, FP+8(%rsp)
    movq 24(%rcx), %rax
    movq %rax, FP+16(%rsp)
    movq 0(%rcx), %rax
    movq %rax, FP+24(%rsp)
    movq %rsp, FP+32(%rsp)
    RET
END guard.probe

# around(what, descent) -> how often the mirror differed from stackguard0 at the three places where it is looked at: before
# and after `what` is done, and after a descent. what = 0: yields, 1: calls Rust, else nothing.
TEXT guard.around, 0, 32, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq $0, 24(%rsp)
    CALL guard.differs
    movq 0(%rsp), %rax
    addq %rax, 24(%rsp)
    movq FP+0(%rsp), %rax
    cmpq $1, %rax
    ja 3f
    je 2f
    CALL runtime.Gosched
    jmp 3f
2:  CALL guard.rust
3:  CALL guard.differs
    movq 0(%rsp), %rax
    addq %rax, 24(%rsp)
    movq FP+8(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL deep.count
    CALL guard.differs
    movq 0(%rsp), %rax
    addq 24(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END guard.around

# differs() -> 1 if the mirror is not stackguard0, else 0
TEXT guard.differs, NOSPLIT|NOFRAME, 0, 8
    NO_ARG_POINTERS
    GET_G %rcx
    movq 16(%rcx), %rax
    movq $0, FP+0(%rsp)
    cmpq %rax, %fs:TCB_guard
    je 1f
    movq $1, FP+0(%rsp)
1:  RET
END guard.differs
