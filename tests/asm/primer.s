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
