# __morestack: what the compiler's check calls when it fails, in a split build. Goes on in the next segment, or asks Rust for more.
#
#     older segment                                  next segment (linked; stays cached after the return)
#     | frames of g, which called f        |         | top words                        | <- header.hi
#     |   f's stack arguments              |         | copy of f's stack arguments      |
#     | return address into g              | <-CFA-8 | return address: morestack_unlink |
#     | return address into f's slow path  |         | f's frame: saved BP = %rbp here  |
#     | saved BP  <- %rbp                  |         | ...                              |
#     | rax                                |         |----------------------------------| <- guard
#     | rcx  <- -16(%rbp)                  |         | slack                            |
#     | (from a big stack: guard lo hi)    |         | header: next hi prev max         | <- morestack_seg
#
# f's slow path is  mov $frame, %r10d; mov $args, %r11d; call __morestack; ret; jmp body.  So f's body begins one byte behind the
# return address, and a return there is a return to g. Unwinders go from here to g: f's frame is not there yet.
#
# Where a check may fail:
#   - on a small segment: link the next one, if it is cached and large enough. Else Rust (morestack_more), which runs on the big stack
#     where foreign code would, finds one; or copies this one to one of double size.
#   - on a big stack, in code that foreign code has called: the same, and Rust says where foreign code goes from there on.
#   - elsewhere: a signal handler on its alternate stack, a coroutine's own stack, the unwinder. The guard speaks of another stack
#     than this, so f runs where it is. That is why nobody has to clear the guard for a handler.
#
# A signal may come between any two instructions. What its handler calls of foreign code runs where foreign code would
# (morestack_foreign_stack.sp) unless the guard or that word is 0: so one of them is, before the stack pointer is on the big stack.

FILE "asm/split.s"

# GO_ON_IN_BODY: off this frame, and into f's body. %rbp = this frame; whatever stack it is on.
.macro GO_ON_IN_BODY
    movq -16(%rbp), %rcx
    movq -8(%rbp), %rax
    movq %rbp, %rsp
    .cfi_remember_state
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 16
    incq (%rsp)
    ret
    .cfi_restore_state
.endm

# ENTER_SEGMENT name: calls f's body on the segment %rcx, with the %r11 bytes of its stack arguments. Labels name$call and
# name$return stand before and behind the call. An argument may be aligned to all of its size, and a vector is, so the copy is
# congruent to the original modulo a power of two that no argument exceeds; that takes less than %r11 + SPLIT_ARGUMENT_PADDING bytes.
.macro ENTER_SEGMENT name
    movq %rcx, %fs:morestack_seg@tpoff
    movq SEG_hi(%rcx), %rax
    subq $SPLIT_TOP, %rax
    SET_SPLIT_GUARD %rcx
    testq %r11, %r11
    jz 2f
    subq %r11, %rax
    leaq SPLIT_ARGUMENT_PADDING(%r11), %rcx
    bsrq %rcx, %rcx
    negl %ecx                       # shifts count modulo 64
    leaq -24(%rax), %r10
    subq %rbp, %r10
    shlq %cl, %r10
    shrq %cl, %r10                  # how far above the next such address
    subq %r10, %rax
1:  movq 16(%rbp, %r11), %r10       # from 24(%rbp) on
    movq %r10, -8(%rax, %r11)
    subq $8, %r11
    jnz 1b
2:  movq 8(%rbp), %r10
    movq -16(%rbp), %rcx
    movq %rax, %rsp
    movq -8(%rbp), %rax
    incq %r10
".L\name\()$call":
    call *%r10
".L\name\()$return":
.endm

# LEAVE_SEGMENT: back to the segment before the current one. Clobbers %r10, which then is that segment.
.macro LEAVE_SEGMENT
    movq %fs:morestack_seg@tpoff, %r10
    movq SEG_prev(%r10), %r10
    movq %r10, %fs:morestack_seg@tpoff
.endm

# LEAVE_FOR_BIG: likewise, back to the big stack that the pushes of morestack$big describe. Clobbers %r10.
.macro LEAVE_FOR_BIG
    LEAVE_SEGMENT
    movq $0, %fs:morestack_foreign_stack@tpoff + FOREIGN_sp
    movq -40(%rbp), %r10
    movq %r10, %fs:morestack_foreign_stack@tpoff + FOREIGN_hi
    movq -32(%rbp), %r10
    movq %r10, %fs:morestack_foreign_stack@tpoff + FOREIGN_lo
    movq -24(%rbp), %r10
    movq %r10, %fs:morestack_foreign_stack@tpoff + FOREIGN_guard
    movq %r10, %fs:TCB_guard
.endm

# __morestack
#   entry:    %r10d = bytes of f's frame, bit 31 (f is proven movable) aside; %r11d = bytes of its stack arguments, the 12 upper
#             bits (while which calls) aside;
#             0(%rsp) = address in f's slow path. Everything but %r10 and %r11 may be live: f's arguments, those in vector registers
#             of any width, the count in %al
#   exit:     in f's body, with room for its frame, all that as at entry; and once more in f's slow path, with f's results, when f has
#             returned from a segment that was linked
#   clobbers: %r10, %r11, flags
    .text
    .p2align 5
    .globl __morestack
    .type __morestack, @function
__morestack:
    .cfi_startproc
    .cfi_personality 0x9b, DW.ref.__gcc_personality_v0
    .cfi_lsda 0x1b, .Lmorestack_lsda
    .cfi_def_cfa_offset 16          # f's slow path is no frame
    pushq %rbp
    .cfi_def_cfa_offset 24
    .cfi_offset %rbp, -24
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rax
    pushq %rcx
    andl $~SPLIT_MOVABLE, %r10d
    andl $SPLIT_ARGUMENTS, %r11d
    movq %fs:morestack_seg@tpoff, %rax
    testq %rax, %rax                # none: a handler that has interrupted mapped code
    jz "morestack$not_small"
    cmpq %rax, %rsp
    jb "morestack$not_small"
    cmpq SEG_hi(%rax), %rsp
    jae "morestack$not_small"
    .if DEBUG_MODES
    cmpq $0, morestack_split_forced(%rip)
    jne "morestack$small"           # the check need not have failed: Rust finds out
    .endif
    movq SEG_next(%rax), %rcx
    testq %rcx, %rcx
    jz "morestack$small"
    leaq SPLIT_GUARD + SPLIT_TOP + 16 + SPLIT_ARGUMENT_PADDING(%rcx, %r10), %rax
    leaq (%rax, %r11, 2), %rax
    cmpq SEG_hi(%rcx), %rax
    ja "morestack$small"
"morestack$link":
    ENTER_SEGMENT morestack_small
    .globl morestack_unlink
morestack_unlink:
    LEAVE_SEGMENT
    movq %rbp, %rsp
    SET_SPLIT_GUARD %r10
    .cfi_remember_state
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 16
    ret
    .cfi_restore_state

"morestack$here":
    GO_ON_IN_BODY

# Rust is asked, on the stack that %rax names.
"morestack$small":
    movq %fs:morestack_foreign_stack@tpoff + FOREIGN_sp, %rax
    movq $0, %fs:TCB_guard          # from here on, nothing leaves the big stack
    xorl %ecx, %ecx
    jmp "morestack$ask"
"morestack$not_small":
    cmpq $0, %fs:morestack_foreign_stack@tpoff + FOREIGN_sp
    jne "morestack$here"
    cmpq %fs:morestack_foreign_stack@tpoff + FOREIGN_lo, %rsp
    jb "morestack$here"
    cmpq %fs:morestack_foreign_stack@tpoff + FOREIGN_hi, %rsp
    jae "morestack$here"
"morestack$big":
    pushq %fs:morestack_foreign_stack@tpoff + FOREIGN_guard
    pushq %fs:morestack_foreign_stack@tpoff + FOREIGN_lo
    pushq %fs:morestack_foreign_stack@tpoff + FOREIGN_hi
    movq %rsp, %rax
    movq $0, %fs:TCB_guard
    movl $1, %ecx
"morestack$ask":
    andq $-64, %rax
    movq %rax, %rsp
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rcx
    pushq %rbx
    pushq %rbp                      # this frame, which Rust moves
    movq %rsp, %rbx
    .cfi_escape 0x10, 3, 2, 0x73, 8  # DW_CFA_expression: the caller's %rbx is at 8(%rbx)
    .cfi_escape 0x0f, 5, 0x73, 0, 0x06, 0x23, 24  # DW_CFA_def_cfa_expression: the CFA is 24 above what (%rbx) points to
    .set ASK_segment, 32            # where %r10 was
    # The vector registers, whole: XSAVE's standard format, whose header must be zero.
    subq morestack_xsave_size(%rip), %rsp
    andq $-64, %rsp
    xorl %eax, %eax
    .irp word, 0, 8, 16, 24, 32, 40, 48, 56
    movq %rax, 512 + \word(%rsp)
    .endr
    movq %r11, %rdx
    movq %r10, %rsi
    movq %rbx, %rdi
    movq %rdx, %r8
    movl morestack_xsave_mask(%rip), %eax
    xorl %edx, %edx
    xsave64 (%rsp)
    movq %r8, %rdx
    call morestack_more             # (where this frame's address is, bytes of f's frame, of its arguments, from a big stack?)
    movq %rax, ASK_segment(%rbx)
    movl morestack_xsave_mask(%rip), %eax
    xorl %edx, %edx
    xrstor64 (%rsp)
    movq %rbx, %rsp
    popq %r10
    cmpq %rbp, %r10                 # has it been moved? What follows keeps the flags
    movq %r10, %rbp
    .cfi_def_cfa %rbp, 24
    popq %rbx
    .cfi_restore %rbx
    popq %rax                       # from a big stack?
    popq %r11
    popq %rcx                       # the segment to go on with
    popq %r9
    popq %r8
    popq %rdx
    popq %rsi
    popq %rdi
    jne 4f
    testl %eax, %eax
    jnz 3f
    leaq -16(%rbp), %rsp            # off the big stack, before a handler may use it
    testq %rcx, %rcx
    jnz "morestack$link"
    movq %fs:morestack_seg@tpoff, %rcx
    SET_SPLIT_GUARD %rcx
    jmp "morestack$here"

# Copied: this frame and all above it stand on another segment now, in the same order.
4:  leaq -16(%rbp), %rsp
    movq %rcx, %fs:morestack_seg@tpoff
    SET_SPLIT_GUARD %rcx
    GO_ON_IN_BODY

3:  leaq -40(%rbp), %rsp
    ENTER_SEGMENT morestack_big
    .globl morestack_unlink_big
morestack_unlink_big:
    movq %rbp, %rsp
    LEAVE_FOR_BIG
    .cfi_remember_state
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 16
    ret
    .cfi_restore_state

# An exception leaves f: the unwinder lands here with %rbp = this frame, %rax = the exception, and %rsp on the segment that f ran on.
# The stack and the guard are set back as for a return, and the exception goes on; as libgcc's own __morestack does it.
"morestack$landing":
    leaq -8(%rbp), %rsp
    LEAVE_SEGMENT
    SET_SPLIT_GUARD %r10
    jmp 5f
"morestack$landing_from_big":
    leaq -40(%rbp), %rsp
    LEAVE_FOR_BIG
5:  movq %rax, %rdi
    call __wrap__Unwind_Resume
    ud2
    .cfi_endproc
    .size __morestack, . - __morestack

# The two calls of f, and where exceptions that leave them go (action 0: cleanup).
    .section .gcc_except_table.__morestack, "a", @progbits
.Lmorestack_lsda:
    .byte 0xff                      # landing pads count from the function's start
    .byte 0xff                      # no types
    .byte 0x01                      # call sites in ULEB128
    .uleb128 2f - 1f
1:  .uleb128 ".Lmorestack_small$call" - __morestack
    .uleb128 ".Lmorestack_small$return" - ".Lmorestack_small$call"
    .uleb128 "morestack$landing" - __morestack
    .uleb128 0
    .uleb128 ".Lmorestack_big$call" - __morestack
    .uleb128 ".Lmorestack_big$return" - ".Lmorestack_big$call"
    .uleb128 "morestack$landing_from_big" - __morestack
    .uleb128 0
2:
    .hidden DW.ref.__gcc_personality_v0
    .weak DW.ref.__gcc_personality_v0
    .section .data.rel.local.DW.ref.__gcc_personality_v0, "awG", @progbits, DW.ref.__gcc_personality_v0, comdat
    .p2align 3
    .type DW.ref.__gcc_personality_v0, @object
    .size DW.ref.__gcc_personality_v0, 8
DW.ref.__gcc_personality_v0:
    .quad __gcc_personality_v0
    .text
