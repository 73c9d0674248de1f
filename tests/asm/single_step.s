# Functions for tests that look at traces: each crossing of the runtime has one of them on its way.

FILE "tests/asm/single_step.s"

# func outer(x) -> x + 3: through a frame that fits no fresh segment, and a closure.
TEXT step.outer, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL step.large
    movq 8(%rsp), %rax
    movq %rax, 0(%rsp)
    movl $2, %edx
    CALL step.closure
    movq 8(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END step.outer

# func large(x) -> x + 1
TEXT step.large, 0, 3000, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    incq %rax
    movq %rax, FP+8(%rsp)
    RET
END step.large

# func closure(x) -> x + the context, with a frame that takes the third form of the check
TEXT step.closure, NEEDCTXT, 6000, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    addq FP+0(%rsp), %rdx
    movq %rdx, FP+8(%rsp)
    RET
END step.closure

# func calls_rust(x) -> rust(x)
TEXT step.calls_rust, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL step.rust
    movq 8(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END step.calls_rust

# func yields(x) -> x, in two yields
TEXT step.yields, 0, 0, 16
    NO_ARG_POINTERS
    CALL runtime.Gosched
    CALL runtime.Gosched
    movq FP+0(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END step.yields

# func inner(x) -> x + 1: a leaf that checks
TEXT step.inner, 0, 0, 16
    NO_ARG_POINTERS
    movq FP+0(%rsp), %rax
    incq %rax
    movq %rax, FP+8(%rsp)
    RET
END step.inner

# step_anchor(f: %rdi, x: %rsi) -> f(x): SysV; a frame whose registers are known.
    .p2align 4
    .globl step_anchor
    .type step_anchor, @function
step_anchor:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    .cfi_offset %rbx, -24
    pushq %r12
    .cfi_offset %r12, -32
    pushq %r13
    .cfi_offset %r13, -40
    pushq %r14
    .cfi_offset %r14, -48
    pushq %r15
    .cfi_offset %r15, -56
    pushq %r15
    movl $0xb0b, %ebx
    movl $0x1212, %r12d
    movl $0x1313, %r13d
    movl $0x1414, %r14d
    movl $0x1515, %r15d
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    popq %r15
    popq %r15
    .cfi_restore %r15
    popq %r14
    .cfi_restore %r14
    popq %r13
    .cfi_restore %r13
    popq %r12
    .cfi_restore %r12
    popq %rbx
    .cfi_restore %rbx
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size step_anchor, . - step_anchor
