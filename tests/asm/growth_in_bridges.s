# Functions with wide frames that cross to Rust and back.

FILE "tests/asm/growth_in_bridges.s"

# wide(n, words[64]) -> sum of the words, and of what wide_rust(n, words + 1 each) makes of them; n = 0: the words alone.
.set WIDE, 64
TEXT bridges.wide, 0, 8*WIDE+16, 8*WIDE+16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    xorl %eax, %eax
    xorl %ecx, %ecx
1:  movq FP+8(%rsp,%rcx,8), %rdx
    addq %rdx, %rax
    incq %rdx
    movq %rdx, 8(%rsp,%rcx,8)
    incq %rcx
    cmpq $WIDE, %rcx
    jb 1b
    movq %rax, FP+8*WIDE+8(%rsp)
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 2f
    movq %rax, 0(%rsp)
    CALL bridges.wide_rust
    movq 8*WIDE+8(%rsp), %rax
    addq %rax, FP+8*WIDE+8(%rsp)
2:  RET
END bridges.wide

# reverse(words[64]) -> words[64], the last first. A leaf in the slack: only the bridge can make room for its frame.
TEXT bridges.reverse, NOSPLIT|NOFRAME, 0, 16*WIDE
    NO_ARG_POINTERS
    xorl %ecx, %ecx
    leaq FP+16*WIDE-8(%rsp), %rdx
1:  movq FP+0(%rsp,%rcx,8), %rax
    movq %rax, (%rdx)
    subq $8, %rdx
    incq %rcx
    cmpq $WIDE, %rcx
    jb 1b
    RET
END bridges.reverse
