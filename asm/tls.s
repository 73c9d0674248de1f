# The current g: one thread-local word, 0 outside tasks and bridges.
#
# Local-exec access (%fs:morestack_g@tpoff) is one instruction, which keeps the check at three; it ties mapped code to
# executables, position independent ones included.

    .section .tbss.morestack_g, "awT", @nobits
    .globl morestack_g
    .type morestack_g, @object
    .size morestack_g, 8
    .p2align 3
morestack_g:
    .zero 8
    .text

# A split build's part: the segment that runs, and where foreign code goes. Only this thread touches it.
    .if SPLIT
    .section .tbss.morestack_split, "awT", @nobits
    .globl morestack_seg, morestack_foreign_stack
    .p2align 5
    # sp: top of the free part of the big stack; 0: it is in use, and so is its guard. guard: of checked code on the big stack. lo, hi.
    .type morestack_foreign_stack, @object
    .size morestack_foreign_stack, FOREIGN_size
morestack_foreign_stack:
    .zero FOREIGN_size
    # The header of the innermost small segment; 0 where there is none.
    .type morestack_seg, @object
    .size morestack_seg, 8
morestack_seg:
    .zero 8
    .text
    .endif
