# morestack: what a function calls when its check failed.
#
#     go segment                                   system stack
#     | args of f           |                      | frames of the scheduler      |
#     | return address into |                      |   (or of the bridge's caller)|
#     |   f's caller  <-- sp|                      |------------------------------| <- *G.sys
#     | return address into |                      | morestack_newstack ...       |
#     |   f's slow path     | <- %rsp at entry
#
# G.sched takes (bp, pc = f's restart point, sp as at f's entry, ctxt) and doubles as the record that %rbp points to while
# the system stack works, so a trace taken there goes on into f.

FILE "asm/morestack.s"

# morestack_noctxt, morestack
#   entry:    0(%rsp) = restart point in the failing function; %rdx = closure context (morestack only); %rbp = the frame of
#             the function's caller
#   exit:     at the restart point, on the moved stack, %rsp as at the function's entry, %rbp and %rdx adjusted
#   clobbers: every other register (ABI0: nothing else is live at a function's entry)
    .text
    .p2align 4
    .globl morestack_noctxt
    .type morestack_noctxt, @function
morestack_noctxt:
    .cfi_startproc
    .cfi_signal_frame
    xorl %edx, %edx
    jmp morestack
    .cfi_endproc
    .size morestack_noctxt, . - morestack_noctxt

    .p2align 4
    .globl morestack
    .type morestack, @function
morestack:
    .cfi_startproc
    .cfi_signal_frame               # the stack may go either way: tells gdb not to compare its addresses
    GET_G %rdi
    GOSAVE %rdi
    movq %rdx, G_sched_ctxt(%rdi)
    ON_SYSTEM_STACK %rdi
    call morestack_newstack         # (g) -> the g to run: this one, or the next if it was asked to yield
    jmp morestack_resume
    .cfi_endproc
    .size morestack, . - morestack
