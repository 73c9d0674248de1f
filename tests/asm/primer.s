# The two functions of "A Primer on Go Assembly" (Clement Rey, go-internals, chapter 1).

FILE "tests/asm/primer.s"

# func add(a, b int32) (int32, bool): both arguments come in one word, both results go out in one.
TEXT primer.add, NOSPLIT|NOFRAME, 0, 16
    NO_ARG_POINTERS
    movl FP+0(%rsp), %eax
    addl FP+4(%rsp), %eax
    movl %eax, FP+8(%rsp)
    movb $1, FP+12(%rsp)
    ret
END primer.add

# func main, which calls add(10, 32): 16 bytes of outgoing arguments and results, and the saved BP above them.
TEXT primer.main, 0, 16, 8
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movabsq $137438953482, %rax     # 10 and 32, packed
    movq %rax, 0(%rsp)
    CALL primer.add
    movq 8(%rsp), %rax
    movq %rax, FP+0(%rsp)
    RET
END primer.main

# main again, but its callee looks at main's frame instead of adding. It has the address of the words to fill where add
# would leave its results.
TEXT primer.observed_main, 0, 16, 8
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movabsq $137438953482, %rax
    movq %rax, 0(%rsp)
    movq FP+0(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL primer.observe
    RET
END primer.observed_main

# Records %rsp, %rbp, the top of the stack, and the eight words from its own return address upwards.
TEXT primer.observe, NOSPLIT|NOFRAME, 0, 16
    NO_ARG_POINTERS
    movq FP+8(%rsp), %rax
    movq %rsp, 0(%rax)
    movq %rbp, 8(%rax)
    GET_G %rcx
    movq G_hi(%rcx), %rcx
    movq %rcx, 16(%rax)
    .set word, 0
    .rept 8
    movq 8*word(%rsp), %rcx
    movq %rcx, 24+8*word(%rax)
    .set word, word + 1
    .endr
    ret
END primer.observe

# How deep: calls itself n times.
TEXT deep.count, 0, 16, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    CALL deep.count
    movq 8(%rsp), %rax
    incq %rax
1:  movq %rax, FP+8(%rsp)
    RET
END deep.count
