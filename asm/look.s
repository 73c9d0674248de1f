# Looking at a task that does not run: morestack_look.
#
#   the caller's stack               the task's
#   | return address          |      | frames of the task            |
#   | saved %rbp              |      |-------------------------------|
#   |-------------------------|      | free                          | <- G.sched: bp pc sp
#   | f, and an unwinder      |                  ^
#                 |                              |
#                 +--- behind morestack_look ----+

# morestack_look(g: %rdi, f: %rsi, arg: %rdx)
#   Calls f(arg), from where an unwinder goes on, behind this function, with the frames of g, which stands in its sched.
#   f must not unwind.
#   clobbers: as any SysV function
    .text
    .p2align 4
    .globl morestack_look
    .type morestack_look, @function
morestack_look:
    .cfi_startproc
    .cfi_signal_frame
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    .cfi_remember_state
    leaq G_sched(%rdi), %rbp
    CFI_RECORD
    movq %rdx, %rdi
    call *%rsi
    nop                             # as in morestack_mcall
    .cfi_restore_state
    popq %rbp
    .cfi_def_cfa_offset 8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size morestack_look, . - morestack_look
