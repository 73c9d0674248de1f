# Arithmetic by recursion alone: Peano's, after the idea of Go's test/peano.go, and Ackermann's function.

FILE "tests/asm/recursive_arithmetic.s"

# func add(x, y uint) uint: add(x, 0) = x, add(x, y+1) = add(x, y) + 1
TEXT peano.add, 0, 24, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq FP+8(%rsp), %rcx
    testq %rcx, %rcx
    jz 1f
    decq %rcx
    movq %rax, 0(%rsp)
    movq %rcx, 8(%rsp)
    CALL peano.add
    movq 16(%rsp), %rax
    incq %rax
1:  movq %rax, FP+16(%rsp)
    RET
END peano.add

# func mul(x, y uint) uint: mul(x, 0) = 0, mul(x, y+1) = add(mul(x, y), x)
TEXT peano.mul, 0, 24, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    xorl %eax, %eax
    movq FP+8(%rsp), %rcx
    testq %rcx, %rcx
    jz 1f
    decq %rcx
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    movq %rcx, 8(%rsp)
    CALL peano.mul
    movq 16(%rsp), %rax
    movq %rax, 0(%rsp)
    movq FP+0(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL peano.add
    movq 16(%rsp), %rax
1:  movq %rax, FP+16(%rsp)
    RET
END peano.mul

# func factorial(n uint) uint: factorial(0) = 1, factorial(n+1) = mul(factorial(n), n+1)
TEXT peano.factorial, 0, 24, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movl $1, %eax
    movq FP+0(%rsp), %rcx
    testq %rcx, %rcx
    jz 1f
    decq %rcx
    movq %rcx, 0(%rsp)
    CALL peano.factorial
    movq 8(%rsp), %rax
    movq %rax, 0(%rsp)
    movq FP+0(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL peano.mul
    movq 16(%rsp), %rax
1:  movq %rax, FP+8(%rsp)
    RET
END peano.factorial

# func ackermann(m, n uint) uint
TEXT ackermann, 0, 24, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq FP+8(%rsp), %rcx
    testq %rax, %rax
    jz 3f
    testq %rcx, %rcx
    jz 1f
    decq %rcx                       # ackermann(m-1, ackermann(m, n-1))
    movq %rax, 0(%rsp)
    movq %rcx, 8(%rsp)
    CALL ackermann
    movq 16(%rsp), %rcx
    movq FP+0(%rsp), %rax
    jmp 2f
1:  movl $1, %ecx                   # ackermann(m-1, 1)
2:  decq %rax
    movq %rax, 0(%rsp)
    movq %rcx, 8(%rsp)
    CALL ackermann
    movq 16(%rsp), %rcx
    movq %rcx, FP+16(%rsp)
    RET
3:  incq %rcx
    movq %rcx, FP+16(%rsp)
    RET
END ackermann
