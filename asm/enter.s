# The bridge Rust -> ABI0: enters the task's go segment, calls a mapped function, and comes back.
#
#     Rust's stack (big or the thread's own)          go segment
#     | caller's frame                   |            | older mapped frames, or nothing   |
#     | return address                   |            |-----------------------------------| <- to_rust.sp, or hi - top
#     | saved BP  <- %rbp                |            | results and arguments             |
#     | rbx r12 r13 r14 r15              |            | return address into this function |
#     | frame words outer_g prev to_rust |            | saved BP (= %rbp of the bridge)   |
#     |   <- G.enter: the Enter record   |            | ...                               |
#     | callbacks run below              |
#
# The record never moves: Rust's stacks do not. Frame-pointer walks and the unwinder cross by %rbp alone.

FILE "asm/enter.s"

# morestack_enter(entry: %rdi, frame: %rsi, words: %rdx, g: %rcx) -> %rax
#   entry: the true entry of an ABI0 function; frame: its arguments and results, `words` words, copied in and out;
#          g: the task's, or one borrowed; its go segment has room for the words and a return address above the guard
#   exit:  0: returned, results in frame. 1: a panic was carried here, its payload is in G
#   clobbers: as any SysV function
TEXT morestack_enter, NOSPLIT|TOPFRAME|NOFRAME, 0, 0
    .cfi_signal_frame               # the stack may go either way from here
    RUST_FRAME                      # mapped code keeps no register but %rsp and %rbp
    pushq %rsi
    pushq %rdx
    pushq %fs:morestack_g@tpoff
    pushq G_enter(%rcx)
    pushq G_to_rust(%rcx)
    movq %rsp, G_enter(%rcx)
    movq %rcx, %fs:morestack_g@tpoff

    movq G_hi(%rcx), %rsp
    subq $STACK_TOP, %rsp
    movq G_to_rust(%rcx), %rax
    testq %rax, %rax
    jz 1f
    movq RECORD_sp(%rax), %rsp      # below the frames that called Rust
1:  leaq (,%rdx,8), %rax
    subq %rax, %rsp
    SET_GUARD %rcx, %rax
    jmp 3f
2:  movq (%rsi,%rdx,8), %rax
    movq %rax, (%rsp,%rdx,8)
3:  subq $1, %rdx
    jns 2b

    call *%rdi
    CALL_SITE , 0

    # %rbp is this frame's again; the segment may be another.
    movq ENTER_frame-ENTER_bp(%rbp), %rdi
    movq ENTER_words-ENTER_bp(%rbp), %rdx
    jmp 5f
4:  movq (%rsp,%rdx,8), %rax
    movq %rax, (%rdi,%rdx,8)
5:  subq $1, %rdx
    jns 4b
    xorl %eax, %eax

morestack_enter_leave:
    leaq -ENTER_bp(%rbp), %rsp
    GET_G %rcx
    popq G_to_rust(%rcx)            # as it was; a carried panic drops the records above
    popq G_enter(%rcx)
    popq %fs:morestack_g@tpoff
    CLEAR_GUARD
    addq $(2 * 8), %rsp             # words, frame
    .cfi_remember_state
    RUST_RETURN
    .cfi_restore_state

# morestack_carry: a panic in Rust called from mapped code ended at the bridge; the mapped frames down to the nearest Rust
# frame are dropped. %rdi = g; reached by a jump.
    .globl morestack_carry
morestack_carry:
    .cfi_remember_state
    CFI_RECORD
    .cfi_same_value %rbx
    .cfi_same_value %r12
    .cfi_same_value %r13
    .cfi_same_value %r14
    .cfi_same_value %r15
    movq G_enter(%rdi), %rax
    leaq ENTER_bp(%rax), %rbp
    .cfi_restore_state
    movl $1, %eax
    jmp morestack_enter_leave
END morestack_enter
