# Mapped functions that run until they are told to stop.

FILE "tests/asm/endless.s"

# step(): nothing but a check.
TEXT endless.step, 0, 8, 0
    NO_LOCAL_POINTERS
    RET
END endless.step

# spin(stop) -> rounds: goes round, a check each time, until the word at stop is not 0.
TEXT endless.spin, 0, 8, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq $0, 0(%rsp)
1:  CALL endless.step
    incq 0(%rsp)
    movq FP+0(%rsp), %rcx
    cmpq $0, (%rcx)
    je 1b
    movq 0(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END endless.spin

# storm(rounds, seed) -> sum: in each round descends some frames, calls Rust, and adds what both say. Its own words are kept on
# the stack all the while.
TEXT endless.storm, 0, 56, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 32(%rsp)             # rounds left
    movq $0, 40(%rsp)               # sum
    movq FP+8(%rsp), %rax
    movq %rax, 48(%rsp)             # seed
1:  cmpq $0, 32(%rsp)
    je 2f
    movq 48(%rsp), %rax
    addq 32(%rsp), %rax
    andq $63, %rax
    movq %rax, 0(%rsp)
    CALL deep.count                 # (n) -> n
    movq 8(%rsp), %rax
    addq %rax, 40(%rsp)
    movq 32(%rsp), %rax
    movq %rax, 0(%rsp)
    movq 48(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL endless.rust               # (round, seed) -> number
    movq 16(%rsp), %rax
    addq %rax, 40(%rsp)
    decq 32(%rsp)
    jmp 1b
2:  movq 40(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END endless.storm
