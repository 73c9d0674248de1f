# Where a task begins and ends: the outermost frame of its stack.
#
#     go segment of a mapped task           big stack of a Rust task
#     | top words, zero          |          |                            | <- hi
#     | results and arguments    |          | morestack_closure_main ... |
#     |--------------------------| <- sp
#     | frames                   |
#
# gogo enters both with %rbp = 0, which ends the frame-pointer chain; an undefined return address ends unwinding.

FILE "asm/start.s"

# EXIT: the task has ended; %rdi = g. Its stack is left for good. (%rbp is given to the record for the sake of traces,
# as in GOSAVE; the pc in it is this function's, which ends them.) The g may be freed, and the record with it, so this is
# not for morestack_resume, whose traces go by the record.
.macro EXIT resumed
    movq %rsp, G_sched_sp(%rdi)
    movq %rbp, G_sched_bp(%rdi)
    leaq \resumed(%rip), %rax
    movq %rax, G_sched_pc(%rdi)
    SAVE_SEGMENT %rdi, %rax         # the first again; the last wait may have been on another
    leaq G_sched(%rdi), %rbp
    ON_SYSTEM_STACK %rdi
    movq $0, %fs:morestack_g@tpoff  # nobody may find it here any more
    call morestack_exit             # (g) -> the next g, or 0
    testq %rax, %rax
    jz morestack_run_return
    jmp morestack_gogo
.endm

# STARTED: G.sched does not stand at a start any more: that is how the scheduler tells a task that has not run. Clobbers %rax.
.macro STARTED
    GET_G %rax
    movq $0, G_sched_pc(%rax)
.endm

# morestack_mapped_start: gogo's target for a fresh mapped task; %rdx = the function's entry, 0(%rsp) = its arguments.
TEXT morestack_mapped_start, NOSPLIT|TOPFRAME|NOFRAME, 0, 0
    .cfi_undefined %rip
    STARTED
    call *%rdx
    CALL_SITE , 0
morestack_mapped_ended:
    GET_G %rdi
    EXIT morestack_mapped_ended
END morestack_mapped_start

# morestack_closure_start: gogo's target for a fresh Rust task; %rdx is passed on, %rsp = top of its big stack, or, if
# it is checked code, of its first small segment.
    .p2align 4
    .globl morestack_closure_start
    .type morestack_closure_start, @function
morestack_closure_start:
    .cfi_startproc
    .cfi_undefined %rip
    STARTED
    RESTORE_SPLIT %rax, %rcx
    movq %rdx, %rdi
    call morestack_closure_main
morestack_closure_ended:
    GET_G %rdi
    EXIT morestack_closure_ended
    .cfi_endproc
    .size morestack_closure_start, . - morestack_closure_start

# morestack_abandon: a panic has reached the base of a mapped task: no Rust frame is left below. %rdi = g, on a big stack.
    .p2align 4
    .globl morestack_abandon
    .type morestack_abandon, @function
morestack_abandon:
    .cfi_startproc
    .cfi_undefined %rip
    EXIT morestack_mapped_ended
    .cfi_endproc
    .size morestack_abandon, . - morestack_abandon
