# Mapped tasks that give way, wait, and call Rust.

FILE "tests/asm/tasks.s"

# add(a, b) -> a + b
TEXT tasks.add, NOSPLIT|NOFRAME, 0, 24
    NO_ARG_POINTERS
    movq FP+0(%rsp), %rax
    addq FP+8(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END tasks.add

# bump(counter, n) -> how often the counter was raised by others meanwhile: raises it n times, giving way after each.
TEXT tasks.bump, 0, 24, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+8(%rsp), %rax
    movq %rax, 0(%rsp)              # left to do
    movq $0, 16(%rsp)               # raised by others
1:  cmpq $0, 0(%rsp)
    je 2f
    decq 0(%rsp)
    movq FP+0(%rsp), %rcx
    movq (%rcx), %rax
    incq %rax
    movq %rax, (%rcx)
    movq %rax, 8(%rsp)              # as this task left it
    CALL runtime.Gosched
    movq FP+0(%rsp), %rcx
    movq (%rcx), %rax
    subq 8(%rsp), %rax
    addq %rax, 16(%rsp)
    jmp 1b
2:  movq 16(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END tasks.bump

# sleep(counter, n) -> n: waits n times, raising the counter before each.
TEXT tasks.sleep, 0, 8, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+8(%rsp), %rax
    movq %rax, 0(%rsp)
1:  cmpq $0, 0(%rsp)
    je 2f
    decq 0(%rsp)
    movq FP+0(%rsp), %rcx
    incq (%rcx)
    CALL runtime.gopark
    jmp 1b
2:  movq FP+8(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END tasks.sleep

# rust_twice(n) -> tasks.rust(n), called twice; traps if it returns something else the second time
TEXT tasks.rust_twice, 0, 24, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL tasks.rust
    movq 8(%rsp), %rax
    movq %rax, 16(%rsp)
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL tasks.rust
    movq 8(%rsp), %rax
    cmpq %rax, 16(%rsp)
    jne 9f
    movq %rax, FP+8(%rsp)
    RET
9:  ud2
END tasks.rust_twice
