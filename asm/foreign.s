# Calls that leave checked code, in a split build: the thunk, its two foreign halves, what the linker wraps, room for stubs.
#
#     small segment                            big stack (morestack_foreign_stack: sp guard lo hi)
#     | frame of the caller        |           | ...                                  |
#     |   stack arguments          |           |--------------------------------------| <- sp + UNWINDER_AREA
#     | return address             |           | the unwinder, when an exception goes |
#     | saved BP  <- %rbp          |           |   on from a small segment            |
#     | guard                      |           |--------------------------------------| <- sp, a multiple of 64
#     | sp of the big stack        |           | copy of the stack arguments          |
#     |  (rsp comes back here)     |           | frames of foreign code               |
#
# While foreign code runs, sp is 0: what it calls back runs right there, below it, with the big stack's own guard. With a guard of
# 0 (system stacks, threads that run no checked task, big stacks of plainly compiled tasks) everything runs where it is.

FILE "asm/foreign.s"

# STAY_IF_ELSEWHERE to: jumps there unless this is the small segment. A signal's handler on its alternate stack keeps to that, and a
# coroutine to its own. Clobbers %r10.
.macro STAY_IF_ELSEWHERE to
    movq %fs:morestack_seg@tpoff, %r10
    testq %r10, %r10
    jz \to
    cmpq %r10, %rsp
    jb \to
    cmpq SEG_hi(%r10), %rsp
    jae \to
.endm

# LEAVE_SMALL: the frame of a foreign call from a small segment, and onto the big stack whose sp is %r10. Signals: see asm/split.s.
.macro LEAVE_SMALL
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %fs:TCB_guard
    pushq %r10
    movq $0, %fs:morestack_foreign_stack@tpoff + FOREIGN_sp
    movq %r10, %rsp
.endm

# CALL_FOREIGN name: calls %r11 there, and comes back. Clobbers %r10, %r11.
.macro CALL_FOREIGN name
    movq %fs:morestack_foreign_stack@tpoff + FOREIGN_guard, %r10
    movq %r10, %fs:TCB_guard
".L\name\()$call":
    call *%r11
".L\name\()$return":
    movq -8(%rbp), %r10
    movq -16(%rbp), %r11
    movq %rbp, %rsp
    .cfi_remember_state
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 8
    movq %r11, %fs:morestack_foreign_stack@tpoff + FOREIGN_sp
    movq %r10, %fs:TCB_guard
    ret
    .cfi_restore_state
    # An exception leaves the foreign function.
"\name\()$landing":
    leaq -16(%rbp), %rsp
    movq (%rsp), %r11
    movq -8(%rbp), %r10
    movq %r11, %fs:morestack_foreign_stack@tpoff + FOREIGN_sp
    movq %r10, %fs:TCB_guard
    movq %rax, %rdi
    call __wrap__Unwind_Resume
    ud2
.endm

.macro FOREIGN_LSDA name, start
    .pushsection .gcc_except_table.\name, "a", @progbits
".L\name\()$lsda":
    .byte 0xff, 0xff, 0x01          # as in asm/split.s
    .uleb128 2f - 1f
1:  .uleb128 ".L\name\()$call" - \start
    .uleb128 ".L\name\()$return" - ".L\name\()$call"
    .uleb128 "\name\()$landing" - \start
    .uleb128 0
2:
    .popsection
.endm

# __x86_indirect_thunk_r11
#   entry:    %r11 = the target of a call or of a tail jump; the caller has a frame, so its stack arguments lie below its %rbp
#   exit:     in the target if that is checked or if this is no small segment; else as after the target's return
#   clobbers: %r10, %r11, flags: no argument, and no result
# Two forms of the compiler's check tell a checked function: the bytes of CHECK_BYTES (8 of the 9), or
# lea -N(%rsp), %r11 with 32 bits of N, and then a comparison of %r11. But only the executable has been verified: in a shared library
# GCC may have made them (-fsplit-stack), and for its own linker's notion of what is foreign.
    .text
    .p2align 5
    .globl __x86_indirect_thunk_r11
    .type __x86_indirect_thunk_r11, @function
__x86_indirect_thunk_r11:
    .cfi_startproc
    movabsq $0x00007025243b4864, %r10
    cmpq %r10, (%r11)
    jne 1f
2:  leaq __executable_start(%rip), %r10
    cmpq %r10, %r11
    jb morestack_foreign
    leaq _etext(%rip), %r10
    cmpq %r10, %r11
    jae morestack_foreign
    jmp *%r11
1:  cmpl $0x249c8d4c, (%r11)
    jne morestack_foreign
    movabsq $0x000070251c3b4c64, %r10
    cmpq %r10, 8(%r11)
    je 2b
    jmp morestack_foreign
    .cfi_endproc
    .size __x86_indirect_thunk_r11, . - __x86_indirect_thunk_r11

# morestack_foreign
#   entry:    %r11 = a target that is not checked; everything from the return address up to the caller's %rbp may be stack arguments,
#             and is copied: a bound without knowledge of the signature
#   exit, clobbers: as the thunk
    .p2align 5
    .globl morestack_foreign
    .type morestack_foreign, @function
morestack_foreign:
    .cfi_startproc
    .cfi_personality 0x9b, DW.ref.__gcc_personality_v0
    .cfi_lsda 0x1b, ".Lmorestack_foreign$lsda"
    cmpq $0, %fs:TCB_guard
    je 1f
    STAY_IF_ELSEWHERE 1f
    movq %fs:morestack_foreign_stack@tpoff + FOREIGN_sp, %r10
    testq %r10, %r10
    jz 1f
    LEAVE_SMALL
    # Arguments end at the caller's frame pointer. If that is on another segment, this is a tail jump of the first function here.
    movq %fs:morestack_seg@tpoff, %r10
    movq SEG_hi(%r10), %r10
    cmpq %r10, (%rbp)
    ja 5f
    cmpq %rbp, (%rbp)
    jbe 5f
    movq (%rbp), %r10
5:  subq %rbp, %r10
    subq $16, %r10                  # what is between the return address and that
    cmpq $FOREIGN_ARGUMENTS, %r10
    jbe 6f
    movl $FOREIGN_ARGUMENTS, %r10d  # verification refuses calls with more; a tail jump may have such a frame above it
6:  andq $-8, %r10
    jz 4f
    pushq %r10                      # at the bottom of up to 64 bytes that lay the copy as the original lies in its cache line
    leaq 16(%rbp, %r10), %r10
    andl $63, %r10d
    leaq -56(%rsp, %r10), %rsp
    movq -16(%rbp), %r10
    movq -8(%r10), %r10
2:  pushq 8(%rbp, %r10)             # from the topmost down to 16(%rbp)
    subq $8, %r10
    jnz 2b
4:  CALL_FOREIGN morestack_foreign
1:  .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    jmp *%r11
    .cfi_endproc
    .size morestack_foreign, . - morestack_foreign
    FOREIGN_LSDA morestack_foreign, morestack_foreign

# morestack_foreign_registers: likewise, for calls that verification has seen to pass nothing on the stack.
    .p2align 5
    .globl morestack_foreign_registers
    .type morestack_foreign_registers, @function
morestack_foreign_registers:
    .cfi_startproc
    .cfi_personality 0x9b, DW.ref.__gcc_personality_v0
    .cfi_lsda 0x1b, ".Lmorestack_foreign_registers$lsda"
    cmpq $0, %fs:TCB_guard
    je 1f
    STAY_IF_ELSEWHERE 1f
    movq %fs:morestack_foreign_stack@tpoff + FOREIGN_sp, %r10
    testq %r10, %r10
    jz 1f
    LEAVE_SMALL
    CALL_FOREIGN morestack_foreign_registers
1:  .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    jmp *%r11
    .cfi_endproc
    .size morestack_foreign_registers, . - morestack_foreign_registers
    FOREIGN_LSDA morestack_foreign_registers, morestack_foreign_registers

# morestack_undisturbed(f: %rdi, argument: %rsi)
#   Calls f(argument) with a guard of 0, so that no check fails in it: on the big stack if a small segment's code asks, else where it
#   is asked. Like any foreign call this goes to the big stack from a stack of somebody else's too (a handler's, a coroutine's): it is free.
#   entry:    %rdi, %rsi; f does not unwind
#   exit:     as f leaves it
#   clobbers: what a C function may
    .p2align 4
    .globl morestack_undisturbed
    .type morestack_undisturbed, @function
morestack_undisturbed:
    .cfi_startproc
    FROM_SMALL morestack_undisturbed, 32
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %fs:morestack_foreign_stack@tpoff + FOREIGN_sp, %r10
    testq %r10, %r10
    jz 1f
    LEAVE_SMALL
    CLEAR_GUARD
    call *%rax
    movq -8(%rbp), %r10
    movq -16(%rbp), %r11
    movq %rbp, %rsp
    .cfi_remember_state
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 8
    movq %r11, %fs:morestack_foreign_stack@tpoff + FOREIGN_sp
    movq %r10, %fs:TCB_guard
    ret
    .cfi_restore_state
1:  .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %fs:TCB_guard
    subq $8, %rsp
    CLEAR_GUARD
    call *%rax
    movq -8(%rbp), %r10
    movq %r10, %fs:TCB_guard
    leave
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size morestack_undisturbed, . - morestack_undisturbed

# __wrap__Unwind_Resume(exception: %rdi)
#   A landing pad has done its part: the exception goes on. From a small segment the unwinder runs on the big stack, with nothing
#   changed but the stack pointer: it never comes back here, but jumps into a landing pad, where everything must be as that frame
#   left it. Its area lies above morestack_foreign_stack.sp, so what a signal's handler calls meanwhile does not meet it.
    .p2align 4
    .globl __wrap__Unwind_Resume
    .type __wrap__Unwind_Resume, @function
__wrap__Unwind_Resume:
    .cfi_startproc
    FROM_SMALL __wrap__Unwind_Resume, 16
    cmpq $0, %fs:TCB_guard
    je 1f
    STAY_IF_ELSEWHERE 1f            # a handler that has interrupted an unwinder
    movq %fs:morestack_foreign_stack@tpoff + FOREIGN_sp, %r10
    testq %r10, %r10
    jz 1f
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    leaq UNWINDER_AREA(%r10), %rsp
    call __real__Unwind_Resume@PLT
    ud2
1:  .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    jmp *__real__Unwind_Resume@GOTPCREL(%rip)
    .cfi_endproc
    .size __wrap__Unwind_Resume, . - __wrap__Unwind_Resume

# What the compiler itself calls, and libc has written in assembly without frames (glibc 2.36: the variants for AVX, AVX-512 and ERMS
# push two registers at most): it runs where it is called. Needs binding at start-up (-z now), which is the linker's default here:
# the dynamic linker's resolver takes kilobytes.
.macro LEAF name
    .p2align 4
    .globl __wrap_\name
    .type __wrap_\name, @function
__wrap_\name:
    .cfi_startproc
    FROM_SMALL __wrap_\name, LEAF_BOUND
    jmp *__real_\name@GOTPCREL(%rip)
    .cfi_endproc
    .size __wrap_\name, . - __wrap_\name
.endm
    LEAF memcpy
    LEAF memmove
    LEAF memset
    LEAF memcmp
    LEAF bcmp
    LEAF strlen

# Where verification writes stubs: calls by name of functions that had to be left unchecked lead here, and on to morestack_foreign.
    .p2align 4
    .globl morestack_stubs, morestack_stubs_end
    .type morestack_stubs, @function
morestack_stubs:
    .fill STUBS, 1, 0xcc
morestack_stubs_end:
    .size morestack_stubs, . - morestack_stubs

# morestack_split_end: a thread of small segments ends. glibc calls it on the thread's own stack, where no check may fail any more.
    .p2align 4
    .globl morestack_split_end
    .type morestack_split_end, @function
morestack_split_end:
    .cfi_startproc
    CLEAR_GUARD
    jmp morestack_split_ended
    .cfi_endproc
    .size morestack_split_end, . - morestack_split_end

# Before main: ordinary threads on small segments, if that is asked for.
    .section .init_array, "aw"
    .p2align 3
    .quad morestack_split_start
    .text
