# Switches between tasks and the system stack: run, gogo, resume, mcall, switch, systemstack,
# and the calls by which mapped code yields.
#
#     system stack                        big stack of a Rust task        go segment of a mapped task
#     | scheduler loop        |           | ...                  |        | ...                   |
#     | morestack_run's frame |           | caller of mcall      |        | caller of gopark      |
#     |   callee-saved regs   |           | return address       |        | return address        |
#     |-----------------------| <-M.sys_sp| saved BP <- sched.bp |        |  (popped: sched.sp    |
#     | f of mcall, newstack  |           | rbx r12-r15          |        |   is above it)        |
#     | ...                   |           |   <- sched.sp        |
#
# A task that does not run stands in its G.sched (bp, pc, sp, ctxt). Code on the system stack that works for a task has
# %rbp = &G.sched, so traces go on into the task.

FILE "asm/switch.s"

# CFI_OF_RAX: these are already the frames of the task %rax, which stands in its sched: CFA = g.sched.sp, and so on (0x70: breg0).
.macro CFI_OF_RAX
    .cfi_escape 0x0f, 3, 0x70, G_sched_sp, 0x06
    .cfi_escape 0x10, 6, 2, 0x70, G_sched_bp
    .cfi_escape 0x10, 16, 2, 0x70, G_sched_pc
.endm

# GOGO, RESUME: what morestack_gogo and morestack_resume do, see there. The calls that yield have it in place: each jump
# that is taken counts where a switch is a few ns.
.macro GOGO
    CFI_OF_RAX
    movq %rax, %fs:morestack_g@tpoff
    TAKE_SEGMENT %rax, %rcx
    SET_GUARD %rax, %rcx
    movq G_sched_ctxt(%rax), %rdx
    movq G_sched_bp(%rax), %rbp
    movq G_sched_sp(%rax), %rsp
    jmp *G_sched_pc(%rax)
.endm

.macro RESUME
    testq %rax, %rax
    jz morestack_run_return
    GOGO
.endm

# STAND_AT g, label: the task that runs is g, and goes on at label. Clobbers %rax.
.macro STAND_AT g, label
    movq %rsp, G_sched_sp(\g)
    movq %rbp, G_sched_bp(\g)
    leaq \label(%rip), %rax
    movq %rax, G_sched_pc(\g)
.endm

# BACK_IN_RUST: gogo lands here, with %rsp and %rbp as RUST_FRAME left them, and %rax = g.
.macro BACK_IN_RUST
    RESTORE_SPLIT %rax, %rcx
    RUST_RETURN
.endm

# morestack_run(g: %rdi, m: %rsi)
#   Rust on the system stack calls it to run a task; returns when a task goes back to the scheduler.
#   clobbers: as any SysV function
    .text
    .p2align 4
    .globl morestack_run
    .type morestack_run, @function
morestack_run:
    .cfi_startproc
    RUST_FRAME
    pushq %fs:morestack_g@tpoff     # a scheduler may run inside a task, or inside another scheduler's
    pushq M_sys_sp(%rsi)
    pushq %rsi
    .set RUN_WORDS, 5 + 3           # below the saved BP; even: what runs below starts on a multiple of 16
    .if SPLIT
    # Its tasks' foreign calls go where M says. The caller may be checked code itself, on whatever stack.
    pushq %fs:TCB_guard
    pushq %fs:morestack_seg@tpoff
    .irp word, FOREIGN_sp, FOREIGN_guard, FOREIGN_lo, FOREIGN_hi
    pushq %fs:morestack_foreign_stack@tpoff + \word
    movq M_foreign + \word(%rsi), %rax
    movq %rax, %fs:morestack_foreign_stack@tpoff + \word
    .endr
    .set RUN_WORDS, RUN_WORDS + 6
    .endif
    movq %rsp, M_sys_sp(%rsi)
    movq %rdi, %rax
    jmp morestack_gogo

# Back in the scheduler: %rsp is M.sys_sp again. %rbp still points to the record of the task that was left.
morestack_run_return:
    .cfi_def_cfa %rsp, 8 * RUN_WORDS + 16
    leaq 8 * RUN_WORDS(%rsp), %rbp
    .cfi_def_cfa %rbp, 16
    .if SPLIT
    .irp word, FOREIGN_hi, FOREIGN_lo, FOREIGN_guard, FOREIGN_sp
    popq %fs:morestack_foreign_stack@tpoff + \word
    .endr
    popq %fs:morestack_seg@tpoff
    popq %fs:TCB_guard
    .endif
    popq %rax
    popq M_sys_sp(%rax)
    popq %fs:morestack_g@tpoff
    RUST_RETURN
    .cfi_endproc
    .size morestack_run, . - morestack_run

# morestack_resume: %rax = the g to run, or 0: back to the scheduler. Reached by a jump, on the system stack, with %rsp at
# M.sys_sp. A borrowed g is never left for the scheduler.
# morestack_gogo: %rax = the g to run. Continues where its G.sched stands.
#   exit: %rsp, %rbp, %rdx from G.sched; the guard's mirror is stackguard0 (code on a big stack clears it itself)
#   clobbers: %rcx and the flags. The others stay as they are: systemstack and call_rust rely on it
    .p2align 4
    .globl morestack_resume
    .type morestack_resume, @function
morestack_resume:
    .cfi_startproc
    .cfi_signal_frame
    CFI_RECORD
    testq %rax, %rax
    jz morestack_run_return
    jmp morestack_gogo
    .cfi_endproc
    .size morestack_resume, . - morestack_resume

    .p2align 4
    .globl morestack_gogo
    .type morestack_gogo, @function
morestack_gogo:
    .cfi_startproc
    .cfi_signal_frame
    GOGO
    .cfi_endproc
    .size morestack_gogo, . - morestack_gogo

# morestack_mcall(f: %rdi)
#   Rust on a task's big stack calls it: saves the task, runs f(g) -> next g on the system stack, and resumes what f
#   returned (0: the scheduler). Returns when the task is resumed.
#   clobbers: as any SysV function
    .p2align 4
    .globl morestack_mcall
    .type morestack_mcall, @function
morestack_mcall:
    .cfi_startproc
    .cfi_signal_frame
    FROM_SMALL morestack_mcall, RUST_FRAME_BYTES
    RUST_FRAME
    movq %rdi, %rdx
    GET_G %rdi
    SAVE_SPLIT %rdi, %rax
    STAND_AT %rdi, morestack_mcall_resumed
    .cfi_remember_state
    leaq G_sched(%rdi), %rbp
    # The next frame is this function at morestack_mcall_resumed; it has the callee-saved registers.
    CFI_RECORD
    .cfi_same_value %rbx
    .cfi_same_value %r12
    .cfi_same_value %r13
    .cfi_same_value %r14
    .cfi_same_value %r15
    ON_SYSTEM_STACK %rdi
    call *%rdx
    RESUME
    .cfi_restore_state
    nop                             # traces look up the address before a return address: keep it inside this state
morestack_mcall_resumed:
    BACK_IN_RUST
    .cfi_endproc
    .size morestack_mcall, . - morestack_mcall

# morestack_switch(to: %rdi)
#   Rust on a task's big stack calls it: goes on with another task, without a visit to the system stack. Returns when the
#   task that called is resumed.
#   clobbers: as any SysV function
    .p2align 4
    .globl morestack_switch
    .type morestack_switch, @function
morestack_switch:
    .cfi_startproc
    .cfi_signal_frame
    FROM_SMALL morestack_switch, RUST_FRAME_BYTES + 8 # and a word of TAKE_SEGMENT
    RUST_FRAME
    GET_G %rsi
    SAVE_SPLIT %rsi, %rax
    STAND_AT %rsi, morestack_switch_resumed
    movq %rax, %rcx
    movq %rdi, %rax
    .cfi_remember_state
    .cfi_remember_state
    .cfi_same_value %rbx            # the other task's, whose frames these are from here on
    .cfi_same_value %r12
    .cfi_same_value %r13
    .cfi_same_value %r14
    .cfi_same_value %r15
    CFI_OF_RAX
    cmpq %rcx, G_sched_pc(%rax)
    jne 1f
    # It stands where this one does, so it is Rust code too: the guard is clear (in a split build, its own is set), and nothing
    # else is wanted from its sched. Each load and each store counts here, and an indirect jump most of all.
    movq %rax, %fs:morestack_g@tpoff
    TAKE_SEGMENT %rax, %rcx
    movq G_sched_bp(%rax), %rbp
    movq G_sched_sp(%rax), %rsp
    .if SPLIT
    RESTORE_SPLIT %rax, %rcx
    .endif
    .cfi_restore_state
    .cfi_remember_state
    RUST_RETURN
    .cfi_restore_state
    .cfi_same_value %rbx            # as above
    .cfi_same_value %r12
    .cfi_same_value %r13
    .cfi_same_value %r14
    .cfi_same_value %r15
1:  GOGO
    .cfi_restore_state
    nop                             # as in morestack_mcall
morestack_switch_resumed:
    BACK_IN_RUST
    .cfi_endproc
    .size morestack_switch, . - morestack_switch

# morestack_systemstack(f: %rdi, arg: %rsi)
#   Rust on a task's big stack calls it: runs f(arg) on the system stack and returns. The task is not switched away.
#   clobbers: as any SysV function
    .p2align 4
    .globl morestack_systemstack
    .type morestack_systemstack, @function
morestack_systemstack:
    .cfi_startproc
    .cfi_signal_frame
    FROM_SMALL morestack_systemstack, 8
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    GET_G %rcx
    SAVE_SPLIT %rcx, %rax
    STAND_AT %rcx, morestack_systemstack_return
    .cfi_remember_state
    leaq G_sched(%rcx), %rbp
    CFI_RECORD
    ON_SYSTEM_STACK %rcx
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    GET_G %rax
    jmp morestack_gogo              # its caller's callee-saved registers are as f found them
    .cfi_restore_state
    nop                             # as in morestack_mcall
morestack_systemstack_return:
    RESTORE_SPLIT %rax, %rcx
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size morestack_systemstack, . - morestack_systemstack

# runtime.Gosched, runtime.gopark: mapped code gives way to others, or waits to be unparked. No arguments, no results.
#   entry: 0(%rsp) = return address into mapped code
#   exit, clobbers: as any ABI0 call; the stack may have moved meanwhile
.macro YIELD_CALL name, hook
TEXT \name, NOSPLIT|NOFRAME, 0, 0
    .cfi_signal_frame
    GET_G %rdi
    GOSAVE %rdi
    ON_SYSTEM_STACK %rdi
    call \hook
    RESUME
END \name
.endm

YIELD_CALL runtime.Gosched, morestack_yield
YIELD_CALL runtime.gopark, morestack_park
