# Checked functions as the compiler makes them, for a debugger to step through: known frames, known registers.

.pushsection .text.split_single_step, "ax", @progbits

# step.grow(n: %rdi, f: %rsi, x: %rdx): f(x) below n more frames of 1 KB, which can be moved.
.globl "step.grow"
.type "step.grow", @function
.p2align 4
"step.grow":
    .cfi_startproc
    leaq -1016(%rsp), %r11
    cmpq %fs:0x70, %r11
    jbe 2f
1:  pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    subq $1008, %rsp
    testq %rdi, %rdi
    je 3f
    decq %rdi
    callq "step.grow"
    jmp 4f
3:  movq %rsi, %r11
    movq %rdx, %rdi
    callq __x86_indirect_thunk_r11
4:  addq $1008, %rsp
    popq %rbp
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    retq
2:  movl $1016, %r10d
    movl $0, %r11d
    callq __morestack
    retq
    jmp 1b
    .cfi_endproc
.size "step.grow", . - "step.grow"

# step_anchor(f: %rdi, x: %rsi): f(x), with known values in the registers that f may not change.
.globl step_anchor
.type step_anchor, @function
.p2align 4
step_anchor:
    .cfi_startproc
    cmpq %fs:0x70, %rsp
    jbe 2f
1:  pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %r15
    pushq %r14
    pushq %r13
    pushq %r12
    pushq %rbx
    pushq %rax
    .cfi_offset %rbx, -56
    .cfi_offset %r12, -48
    .cfi_offset %r13, -40
    .cfi_offset %r14, -32
    .cfi_offset %r15, -24
    movl $0xb0b, %ebx
    movl $0x1212, %r12d
    movl $0x1313, %r13d
    movl $0x1414, %r14d
    movl $0x1515, %r15d
    movq %rdi, %r11
    movq %rsi, %rdi
    callq __x86_indirect_thunk_r11
    addq $8, %rsp
    popq %rbx
    .cfi_restore %rbx
    popq %r12
    .cfi_restore %r12
    popq %r13
    .cfi_restore %r13
    popq %r14
    .cfi_restore %r14
    popq %r15
    .cfi_restore %r15
    popq %rbp
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    retq
2:  movl $56, %r10d
    movl $0, %r11d
    callq __morestack
    retq
    jmp 1b
    .cfi_endproc
.size step_anchor, . - step_anchor

.popsection
