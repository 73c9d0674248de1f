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
