# What a C compiler could have made: functions without a check, in C's calling convention, with unwind tables.

.pushsection .text.foreign, "ax", @progbits

# u64 foreign_hash(u64 length, struct of `length` bytes, by value): 31 * hash + byte, over the bytes.
.macro FOREIGN_HASH name
.globl \name
.type \name, @function
.p2align 4
\name:
    .cfi_startproc
    xorl %eax, %eax
    xorl %ecx, %ecx
1:  movzbl 8(%rsp,%rcx), %edx
    imulq $31, %rax, %rax
    addq %rdx, %rax
    incq %rcx
    cmpq %rdi, %rcx
    jb 1b
    ret
    .cfi_endproc
.size \name, . - \name
.endm
FOREIGN_HASH foreign_hash_40
FOREIGN_HASH foreign_hash_line
FOREIGN_HASH foreign_hash_300
FOREIGN_HASH foreign_hash_2000
FOREIGN_HASH foreign_hash_60000

# void *foreign_address_of_line(u64, struct, by value): where the struct lies.
.globl foreign_address_of_line
.type foreign_address_of_line, @function
.p2align 4
foreign_address_of_line:
    .cfi_startproc
    leaq 8(%rsp), %rax
    ret
    .cfi_endproc
    .size foreign_address_of_line, . - foreign_address_of_line

# u64 foreign_call(u64 (*f)(void *), void *data): calls f(data), with all registers that it may not change filled, and traps if
# they have changed.
.globl foreign_call
.type foreign_call, @function
.p2align 4
foreign_call:
    .cfi_startproc
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    movq %rdi, %rax
    movq %rsi, %rdi
    # None of them is an address; %rbp least of all.
    movq $-11, %rbx
    movq $-22, %rbp
    movq $-33, %r12
    movq $-44, %r13
    movq $-55, %r14
    movq $-66, %r15
    callq *%rax
    cmpq $-11, %rbx
    jne 9f
    cmpq $-22, %rbp
    jne 9f
    cmpq $-33, %r12
    jne 9f
    cmpq $-44, %r13
    jne 9f
    cmpq $-55, %r14
    jne 9f
    cmpq $-66, %r15
    jne 9f
    .cfi_remember_state
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    ret
9:  .cfi_restore_state
    ud2
    .cfi_endproc
.size foreign_call, . - foreign_call

# u64 foreign_call_with_stack(f, data): f(data, 1, 2, ... 15), of which ten are on the stack.
.globl foreign_call_with_stack
.type foreign_call_with_stack, @function
.p2align 4
foreign_call_with_stack:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq %rdi, %rax
    movq %rsi, %rdi
    .set argument, 15
    .rept 10
    pushq $argument
    .set argument, argument - 1
    .endr
    movl $1, %esi
    movl $2, %edx
    movl $3, %ecx
    movl $4, %r8d
    movl $5, %r9d
    callq *%rax
    movq %rbp, %rsp
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
.size foreign_call_with_stack, . - foreign_call_with_stack

# u64 foreign_descend(f, data, u64 n, u64 frame): n foreign frames of `frame` bytes (a multiple of 16), all of them written,
# and f(data) at their end. f's result plus n.
.globl foreign_descend
.type foreign_descend, @function
.p2align 4
foreign_descend:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    # A page at a time, as compilers probe.
    movq %rcx, %rax
1:  cmpq $4096, %rax
    jbe 2f
    subq $4096, %rsp
    movq $-1, (%rsp)
    subq $4096, %rax
    jmp 1b
2:  subq %rax, %rsp
    movq $-1, (%rsp)
    testq %rdx, %rdx
    jz 3f
    decq %rdx
    callq foreign_descend
    incq %rax
    jmp 4f
3:  movq %rdi, %rax
    movq %rsi, %rdi
    callq *%rax
4:  movq %rbp, %rsp
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
.size foreign_descend, . - foreign_descend

.popsection
