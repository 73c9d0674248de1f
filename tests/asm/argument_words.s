# Functions with 0 to 40 words of arguments and as many of results.

FILE "tests/asm/argument_words.s"

# WORDS n: arguments.take_n, whose result word i is 5 * argument word i + i, and arguments.call_n(input, output *uint),
# which calls it with n words from `input` and stores its n results to `output`. A fresh segment cannot hold take_n's frame,
# so it grows with its arguments at its entry.
.macro WORDS n
TEXT arguments.take_\n, 0, 2048, 16*\n
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    .set word, 0
    .rept \n
    movq FP+8*word(%rsp), %rax
    leaq word(%rax,%rax,4), %rax
    movq %rax, FP+8*\n+8*word(%rsp)
    .set word, word + 1
    .endr
    RET
END arguments.take_\n

TEXT arguments.call_\n, 0, 16*\n, 16
    NO_ARG_POINTERS                 # neither input nor output is on the stack
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    .set word, 0
    .rept \n
    movq 8*word(%rax), %rcx
    movq %rcx, 8*word(%rsp)
    .set word, word + 1
    .endr
    CALL arguments.take_\n
    movq FP+8(%rsp), %rax
    .set word, 0
    .rept \n
    movq 8*\n+8*word(%rsp), %rcx
    movq %rcx, 8*word(%rax)
    .set word, word + 1
    .endr
    RET
END arguments.call_\n
.endm

.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20
WORDS \n
.endr
.irp n, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40
WORDS \n
.endr
