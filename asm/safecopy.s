# Access to memory that may not be there: morestack_safecopy_copy, _zero, _load32, _swap32, _swap64, _cas32.
#
#     SIGSEGV or SIGBUS at an instruction below
#         -> the handler (src/sigstack/faults.rs) finds it in the table of this file
#         -> %r9d = the signal; goes on at the fault stub that the table names; nothing else changes
#
# Leaves: no stack, no call, no thread-local; whoever they interrupt or who interrupts them does not matter.
#
# copy and zero have two ways through the same bytes. The fast one moves blocks; wherever it faults, its stub is the slow one, which
# goes byte by byte, from the last bytes that are certain to be done. A fault in that is exact: the byte that failed, and how many
# came before it, are in registers, so nobody needs the address that the kernel reports (it says 0 for one that is not canonical).
# After SLOW bytes without a fault (the page came back, or it was one that only a block touched) the fast way goes on.
#
#     bytes   | done              | left: %rdx                |
#             ^ what was asked:   ^ %rdi to, %rsi from
#               %rax - %rdx
#
# These four hold at each instruction of the fast way that may fault; in the string instruction %rcx is what %rdx else is. Loads
# of a block come before its stores and stores go upwards, so no byte behind the one that failed is written.
#
# A fault stub touches no memory but its return address. Were that to fault, the instruction is in no range of the table, and the
# previous handler gets it: there is no loop.

FILE "asm/safecopy.s"

.set SLOW, 256                      # at least the largest block, so that a slow stretch passes what the fast way tripped over
.set AT_TO, 1 << 8                  # beside a signal's number: the byte that failed is one to be written

# MAY_FAULT start, end, stub: in [start, end) an access may fault; then it goes on at `stub`. Resolved by the assembler, so these are
# true addresses whatever stands for the names elsewhere.
.macro MAY_FAULT start, end, stub
    .pushsection .rodata.morestack_safecopy, "a", @progbits
    .long \start - ., \end - ., \stub - .
    .popsection
.endm

    .pushsection .rodata.morestack_safecopy, "a", @progbits
    .p2align 2
.Lsafecopy_table:
    .popsection

# COPY_BLOCKS width, move, reg: at least `width` bytes, with registers reg0 to reg7. Ends in COPY_DONE.
.macro COPY_BLOCKS width, move, reg
    cmpq $(2 * \width), %rdx
    ja 2f
    \move (%rsi), \reg\()0
    \move -\width(%rsi, %rdx), \reg\()1
    \move \reg\()0, (%rdi)
    \move \reg\()1, -\width(%rdi, %rdx)
    COPY_DONE \width
2:  cmpq $(4 * \width), %rdx
    ja 4f
    \move (%rsi), \reg\()0
    \move \width(%rsi), \reg\()1
    \move -2 * \width(%rsi, %rdx), \reg\()2
    \move -\width(%rsi, %rdx), \reg\()3
    \move \reg\()0, (%rdi)
    \move \reg\()1, \width(%rdi)
    \move \reg\()2, -2 * \width(%rdi, %rdx)
    \move \reg\()3, -\width(%rdi, %rdx)
    COPY_DONE \width
4:  cmpq $(8 * \width), %rdx
    ja 8f
    .irp n, 0, 1, 2, 3
    \move \n * \width(%rsi), \reg\n
    .endr
    \move -4 * \width(%rsi, %rdx), \reg\()4
    \move -3 * \width(%rsi, %rdx), \reg\()5
    \move -2 * \width(%rsi, %rdx), \reg\()6
    \move -\width(%rsi, %rdx), \reg\()7
    .irp n, 0, 1, 2, 3
    \move \reg\n, \n * \width(%rdi)
    .endr
    \move \reg\()4, -4 * \width(%rdi, %rdx)
    \move \reg\()5, -3 * \width(%rdi, %rdx)
    \move \reg\()6, -2 * \width(%rdi, %rdx)
    \move \reg\()7, -\width(%rdi, %rdx)
    COPY_DONE \width
8:  cmpq morestack_safecopy_movs_from(%rip), %rdx
    jae .Lcopy_string
    \move (%rsi), \reg\()0
    \move \reg\()0, (%rdi)
    movl %edi, %ecx                 # on to where blocks to be written are aligned
    andl $(\width - 1), %ecx
    subq $\width, %rcx
    subq %rcx, %rdi
    subq %rcx, %rsi
    addq %rcx, %rdx
    .p2align 6
1:  .irp n, 0, 1, 2, 3
    \move \n * \width(%rsi), \reg\n
    .endr
    .irp n, 0, 1, 2, 3
    \move \reg\n, \n * \width(%rdi)
    .endr
    addq $(4 * \width), %rsi
    addq $(4 * \width), %rdi
    subq $(4 * \width), %rdx
    cmpq $(4 * \width), %rdx
    ja 1b
    # At most four blocks are left, and as many bytes lie before.
    .irp n, 0, 1, 2, 3
    \move (\n - 4) * \width(%rsi, %rdx), \reg\n
    .endr
    .irp n, 0, 1, 2, 3
    \move \reg\n, (\n - 4) * \width(%rdi, %rdx)
    .endr
    COPY_DONE \width
.endm

# COPY_DONE width: all is copied. AVX leaves its upper halves clean; AVX-512 uses registers that cost others nothing.
.macro COPY_DONE width
    .if \width == 32
    vzeroupper
    .endif
    xorl %edx, %edx
    ret
.endm

# morestack_safecopy_copy(to: %rdi, from: %rsi, len: %rdx)
#   exit:     %rax = bytes copied, %rdx = 0, or the signal that ended it, and AT_TO
#   clobbers: as any SysV function
    .text
    .p2align 6
    .globl morestack_safecopy_copy
    .type morestack_safecopy_copy, @function
morestack_safecopy_copy:
    .cfi_startproc
    FROM_SMALL morestack_safecopy_copy, 0
    movq %rdx, %rax
.Lcopy_fast:
    cmpq $64, %rdx
    jb .Lcopy_small
    cmpl $32, morestack_safecopy_width(%rip)
    jb .Lcopy_16
    je .Lcopy_32
    COPY_BLOCKS 64, vmovdqu64, %zmm2
.Lcopy_32:
    COPY_BLOCKS 32, vmovdqu, %ymm
.Lcopy_16:
    COPY_BLOCKS 16, movups, %xmm
.Lcopy_small:
    cmpl $32, %edx
    jb 1f
    movups (%rsi), %xmm0
    movups 16(%rsi), %xmm1
    movups -32(%rsi, %rdx), %xmm2
    movups -16(%rsi, %rdx), %xmm3
    movups %xmm0, (%rdi)
    movups %xmm1, 16(%rdi)
    movups %xmm2, -32(%rdi, %rdx)
    movups %xmm3, -16(%rdi, %rdx)
    COPY_DONE 16
1:  cmpl $16, %edx
    jb 1f
    movups (%rsi), %xmm0
    movups -16(%rsi, %rdx), %xmm1
    movups %xmm0, (%rdi)
    movups %xmm1, -16(%rdi, %rdx)
    COPY_DONE 16
1:  cmpl $8, %edx
    jb 1f
    movq (%rsi), %rcx
    movq -8(%rsi, %rdx), %r8
    movq %rcx, (%rdi)
    movq %r8, -8(%rdi, %rdx)
    COPY_DONE 8
1:  cmpl $4, %edx
    jb 1f
    movl (%rsi), %ecx
    movl -4(%rsi, %rdx), %r8d
    movl %ecx, (%rdi)
    movl %r8d, -4(%rdi, %rdx)
    COPY_DONE 4
1:  testl %edx, %edx
    jnz .Lcopy_slow
    ret
.Lcopy_fast_end:
    MAY_FAULT .Lcopy_fast, .Lcopy_fast_end, .Lcopy_slow

.Lcopy_string:
    movq %rdx, %rcx
.Lcopy_rep:
    rep movsb
.Lcopy_rep_end:
    COPY_DONE 1
.Lcopy_rep_fault:
    movq %rcx, %rdx
    MAY_FAULT .Lcopy_rep, .Lcopy_rep_end, .Lcopy_rep_fault

# Also the fault stub of all above.
.Lcopy_slow:
    movl $SLOW, %ecx
    cmpq %rcx, %rdx
    cmovbq %rdx, %rcx
.Lcopy_load:
    movzbl (%rsi), %r8d
.Lcopy_store:
    movb %r8b, (%rdi)
.Lcopy_store_end:
    incq %rsi
    incq %rdi
    decq %rdx
    decq %rcx
    jnz .Lcopy_load
    testq %rdx, %rdx
    jnz .Lcopy_fast
    jmp .Lcopy_end
.Lcopy_store_fault:
    orl $AT_TO, %r9d
.Lcopy_load_fault:
    subq %rdx, %rax
    movl %r9d, %edx
.Lcopy_end:
    # On the way here %ymm registers may have been used.
    cmpl $32, morestack_safecopy_width(%rip)
    jne 1f
    vzeroupper
1:  ret
    .cfi_endproc
    .size morestack_safecopy_copy, . - morestack_safecopy_copy
    MAY_FAULT .Lcopy_load, .Lcopy_store, .Lcopy_load_fault
    MAY_FAULT .Lcopy_store, .Lcopy_store_end, .Lcopy_store_fault

# morestack_safecopy_zero(to: %rdi, len: %rsi)
#   exit, clobbers: as copy
    .p2align 6
    .globl morestack_safecopy_zero
    .type morestack_safecopy_zero, @function
morestack_safecopy_zero:
    .cfi_startproc
    FROM_SMALL morestack_safecopy_zero, 0
    movq %rsi, %rdx
    movq %rsi, %r10                 # what copy has in %rax, which stosb takes its byte from
    xorl %eax, %eax
    xorps %xmm0, %xmm0
.Lzero_fast:
    cmpq $16, %rdx
    jb .Lzero_small
    cmpq morestack_safecopy_stos_from(%rip), %rdx
    jae .Lzero_string
    cmpq $64, %rdx
    jbe 2f
1:  movups %xmm0, (%rdi)
    movups %xmm0, 16(%rdi)
    movups %xmm0, 32(%rdi)
    movups %xmm0, 48(%rdi)
    addq $64, %rdi
    subq $64, %rdx
    cmpq $64, %rdx
    ja 1b
    # At most 64 bytes are left, and as many lie before.
    movups %xmm0, -64(%rdi, %rdx)
    movups %xmm0, -48(%rdi, %rdx)
    movups %xmm0, -32(%rdi, %rdx)
    movups %xmm0, -16(%rdi, %rdx)
    jmp .Lzero_done
2:  cmpl $32, %edx
    jbe 3f
    movups %xmm0, (%rdi)
    movups %xmm0, 16(%rdi)
    movups %xmm0, -32(%rdi, %rdx)
    movups %xmm0, -16(%rdi, %rdx)
    jmp .Lzero_done
3:  movups %xmm0, (%rdi)
    movups %xmm0, -16(%rdi, %rdx)
    jmp .Lzero_done
.Lzero_small:
    cmpl $8, %edx
    jb 1f
    movq %rax, (%rdi)
    movq %rax, -8(%rdi, %rdx)
    jmp .Lzero_done
1:  testl %edx, %edx
    jnz .Lzero_slow
.Lzero_done:
    movq %r10, %rax
    xorl %edx, %edx
    ret
.Lzero_fast_end:
    MAY_FAULT .Lzero_fast, .Lzero_fast_end, .Lzero_slow

.Lzero_string:
    movq %rdx, %rcx
.Lzero_rep:
    rep stosb
.Lzero_rep_end:
    jmp .Lzero_done
.Lzero_rep_fault:
    movq %rcx, %rdx
    MAY_FAULT .Lzero_rep, .Lzero_rep_end, .Lzero_rep_fault

# Also the fault stub of all above.
.Lzero_slow:
    movl $SLOW, %ecx
    cmpq %rcx, %rdx
    cmovbq %rdx, %rcx
.Lzero_store:
    movb %al, (%rdi)
.Lzero_store_end:
    incq %rdi
    decq %rdx
    decq %rcx
    jnz .Lzero_store
    testq %rdx, %rdx
    jnz .Lzero_fast
    jmp .Lzero_done
.Lzero_store_fault:
    movq %r10, %rax
    subq %rdx, %rax
    movl %r9d, %edx
    orl $AT_TO, %edx
    ret
    .cfi_endproc
    .size morestack_safecopy_zero, . - morestack_safecopy_zero
    MAY_FAULT .Lzero_store, .Lzero_store_end, .Lzero_store_fault

# ONE_ACCESS name, instruction...: a routine whose only access is that instruction, on what %rdi points to. The word is in %rax then.
.macro ONE_ACCESS name, access:vararg
    .p2align 4
    .globl \name
    .type \name, @function
\name:
    .cfi_startproc
    FROM_SMALL \name, 0
    movq %rsi, %rax                 # what is to be there, or for cas32 what is expected; nothing to load32
.L\name\()$access:
    \access
.L\name\()$access_end:
    xorl %edx, %edx
    ret
.L\name\()$fault:
    movl %r9d, %edx
    ret
    .cfi_endproc
    .size \name, . - \name
    MAY_FAULT .L\name\()$access, .L\name\()$access_end, .L\name\()$fault
.endm

# morestack_safecopy_load32(at: %rdi), _swap32(at: %rdi, new: %esi), _swap64(at: %rdi, new: %rsi),
# _cas32(at: %rdi, expected: %esi, new: %edx)
#   exit:     %rax = what was there, %rdx = 0; or %rdx = the signal, and nothing has changed
#   clobbers: flags, %r9
    ONE_ACCESS morestack_safecopy_load32, movl (%rdi), %eax
    ONE_ACCESS morestack_safecopy_swap32, xchgl %eax, (%rdi)
    ONE_ACCESS morestack_safecopy_swap64, xchgq %rax, (%rdi)
    ONE_ACCESS morestack_safecopy_cas32, lock cmpxchgl %edx, (%rdi)

    .pushsection .rodata.morestack_safecopy, "a", @progbits
.Lsafecopy_table_end:
    .popsection
    ADDRESS_STUB morestack_safecopy_table, .Lsafecopy_table
    ADDRESS_STUB morestack_safecopy_table_end, .Lsafecopy_table_end
