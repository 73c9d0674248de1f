# Where a signal handler returns to: the system call that puts the interrupted code's registers back.
#
#     | siginfo, ucontext            |   the kernel's signal frame
#     | (address of this function)   |   which the handler's `ret` has just taken    <- %rsp is behind it
#
# No mapped function, and never called. Debuggers and unwinders know a signal frame by these very bytes, wherever they stand: so a
# copy needs no unwind tables.

# morestack_sigreturn
#   entry: %rsp = the signal frame, without its first word
#   exit:  not here
    .text
    .p2align 4
    .globl morestack_sigreturn
    .type morestack_sigreturn, @function
morestack_sigreturn:
    movq $SYS_rt_sigreturn, %rax
    syscall
.Lmorestack_sigreturn_end:
    .size morestack_sigreturn, . - morestack_sigreturn
    ud2                             # the call does not return

    ADDRESS_STUB "morestack_sigreturn$entry", "morestack_sigreturn"
    ADDRESS_STUB "morestack_sigreturn$end", ".Lmorestack_sigreturn_end"
