# The bridge ABI0 -> Rust: mapped code calls a Rust function, which runs on a big stack (or the thread's own).
#
#     go segment                                   Rust's stack
#     | caller's frame                    |        | ... the Enter record below which it is free, |
#     |   arguments and results           |        |     or the top of a big stack lent for this  |
#     | return address                    |        |----------------------------------------------|
#     | saved BP  <- record.bp            |        | prev                                         |
#     |-----------------------------------| <-sp   | sp                                           |
#     | return address into the wrapper   |        | pc                                           |
#                                                  | bp  <- %rbp: the ToRust record               |
#                                                  | copy of arguments and results  <- %rsp       |
#                                                  | the Rust function                            |
#
# The record holds addresses into the go segment; a move adjusts them. No other word on Rust's stack points there: the
# arguments are copies, because the Rust function may call mapped code that moves the segment.

FILE "asm/call_rust.s"

# morestack_call_rust
#   entry: called by a wrapper (a mapped function with frame 0): %rax = extern "C" fn(*mut u64) -> usize, %rcx = words of
#          arguments and results; %rbp = the wrapper's frame, arguments at 16(%rbp); 0(%rsp) = return address into it
#   exit:  in the wrapper, results stored; or never, if the function panicked (it returns 1 then)
#   clobbers: everything but %rsp and %rbp, as ABI0
TEXT morestack_call_rust, NOSPLIT|NOFRAME, 0, 0
    .cfi_signal_frame               # the stack may go either way from here
    GET_G %rdx
    movq G_enter(%rdx), %r8
    testq %r8, %r8
    jz 4f                           # no Rust frame below: a big stack is lent for the call
1:  subq $RECORD_size, %r8
    movq (%rsp), %r9
    movq %r9, RECORD_pc(%r8)
    leaq 8(%rsp), %r9
    movq %r9, RECORD_sp(%r8)
    movq %rbp, RECORD_bp(%r8)
    movq G_to_rust(%rdx), %r9
    movq %r9, RECORD_prev(%r8)
    movq %r8, G_to_rust(%rdx)
    leaq 16(%rbp), %rsi
    .cfi_remember_state
    movq %r8, %rbp
    CFI_RECORD
    CLEAR_GUARD
    leaq 1(%rcx), %r9               # the copy keeps the stack on a multiple of 16
    andq $-2, %r9
    shlq $3, %r9
    movq %r8, %rsp
    subq %r9, %rsp
    movq %rcx, %rbx
    jmp 3f
2:  movq (%rsi,%rcx,8), %r9
    movq %r9, (%rsp,%rcx,8)
3:  subq $1, %rcx
    jns 2b
    movq %rsp, %rdi
    .if DEBUG_MODES
    # What mapped code has left in them is dead. Rust keeps them all the same, and the mode `move` looks there for addresses that were
    # left behind.
    .irp register, %r12d, %r13d, %r14d, %r15d
    xorl \register, \register
    .endr
    .endif
    call *%rax
    GET_G %rdi
    testl %eax, %eax
    jnz 9f

    movq RECORD_bp(%rbp), %rcx      # adjusted if the segment has moved meanwhile
    jmp 6f
5:  movq (%rsp,%rbx,8), %r9
    movq %r9, 16(%rcx,%rbx,8)
6:  subq $1, %rbx
    jns 5b
    movq RECORD_prev(%rbp), %r9
    movq %r9, G_to_rust(%rdi)
    cmpq $0, G_enter(%rdi)
    je 8f
7:  SET_GUARD %rdi, %r9
    movq RECORD_sp(%rbp), %r8
    movq RECORD_pc(%rbp), %r9
    movq %r9, -8(%r8)               # for a return that the processor predicts
    leaq -8(%r8), %rsp
    movq %rcx, %rbp
    .cfi_restore_state
    .cfi_remember_state
    ret

    # Give the lent stack back to the worker, unless it has another by now: then the task keeps it until it parks.
8:  CFI_RECORD
    movq G_m(%rdi), %r8
    cmpq $0, M_big_hi(%r8)
    jne 7b
    movq G_big_hi(%rdi), %r9
    movq %r9, M_big_hi(%r8)
    movq $0, G_big_hi(%rdi)
    jmp 7b

9:  cmpq $0, G_enter(%rdi)
    jne morestack_carry
    jmp morestack_abandon
    .cfi_restore_state

    # Lend the worker's big stack; if it has none, let it fetch one on the system stack and try again.
4:  movq G_big_hi(%rdx), %r8
    testq %r8, %r8
    jnz 1b
    movq G_m(%rdx), %r9
    movq M_big_hi(%r9), %r8
    movq $0, M_big_hi(%r9)
    movq %r8, G_big_hi(%rdx)
    testq %r8, %r8
    jnz 1b
    movq %rdx, %rdi
    movq %rax, %r12
    movq %rcx, %r13
    movq %rsp, G_sched_sp(%rdi)
    movq %rbp, G_sched_bp(%rdi)
    leaq 10f(%rip), %rax
    movq %rax, G_sched_pc(%rdi)
    .cfi_remember_state
    leaq G_sched(%rdi), %rbp
    CFI_RECORD
    ON_SYSTEM_STACK %rdi
    call morestack_lend_big_stack   # (g): sets G.big_hi or ends the process with a report
    GET_G %rax
    jmp morestack_gogo
    .cfi_restore_state
    nop                             # as in morestack_mcall
10: movq %r12, %rax
    movq %r13, %rcx
    jmp morestack_call_rust
END morestack_call_rust
