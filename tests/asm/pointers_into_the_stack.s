# Functions that pass pointers into their frames down, so that moves have something to adjust, and integers that only look
# like such pointers.

FILE "tests/asm/pointers_into_the_stack.s"

# func pass(n uint, p *uint): n frames further down, adds a million to *p; each frame on the way back adds 1.
TEXT pointers.pass, 0, 16, 16
    STACKMAP_ARGS 1, 2, 2
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    movq FP+8(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL pointers.pass
    movq FP+8(%rsp), %rcx
    incq (%rcx)
    RET
1:  movq FP+8(%rsp), %rcx
    addq $1000000, (%rcx)
    RET
END pointers.pass

# func local(n uint) uint: a local to which `pass` gets the address.
TEXT pointers.local, 0, 24, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS               # the outgoing argument is in the map of `pass`
    movq $0, 16(%rsp)
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    leaq 16(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL pointers.pass
    movq 16(%rsp), %rax
    movq %rax, FP+8(%rsp)
    RET
END pointers.local

# func pass_array(n uint, array *[8]*uint): n frames further down, adds 100 * (i + 1) to *array[i].
TEXT pointers.pass_array, 0, 16, 16
    STACKMAP_ARGS 1, 2, 2
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    movq FP+8(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL pointers.pass_array
    RET
1:  movq FP+8(%rsp), %rcx
    .set word, 0
    .rept 8
    movq 8*word(%rcx), %rax
    addq $100*(word+1), (%rax)
    .set word, word + 1
    .endr
    RET
END pointers.pass_array

# func array(n uint) [8]uint: eight locals, and an array of pointers to them in the opposite order.
TEXT pointers.array, 0, 144, 72
    NO_ARG_POINTERS
    STACKMAP_LOCALS 1, 8, 255
    .set word, 0
    .rept 8
    movq $word, 16+8*word(%rsp)
    leaq 16+8*(7-word)(%rsp), %rax
    movq %rax, 80+8*word(%rsp)
    .set word, word + 1
    .endr
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    leaq 80(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL pointers.pass_array
    .set word, 0
    .rept 8
    leaq 16+8*(7-word)(%rsp), %rax
    cmpq %rax, 80+8*word(%rsp)
    jne 1f
    movq 16+8*word(%rsp), %rax
    movq %rax, FP+8+8*word(%rsp)
    .set word, word + 1
    .endr
    RET
1:  ud2                             # a pointer leads elsewhere
END pointers.array

# func pass_range(n uint, begin, end *uint): n frames further down, adds 1000 to each word from `begin` to before `end`.
TEXT pointers.pass_range, 0, 24, 24
    STACKMAP_ARGS 1, 3, 6
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    movq FP+8(%rsp), %rax
    movq %rax, 8(%rsp)
    movq FP+16(%rsp), %rax
    movq %rax, 16(%rsp)
    CALL pointers.pass_range
    RET
1:  movq FP+8(%rsp), %rax
2:  cmpq FP+16(%rsp), %rax
    je 3f
    addq $1000, (%rax)
    addq $8, %rax
    jmp 2b
3:  RET
END pointers.pass_range

# func end_of_locals(n uint) [4]uint: the array is all of the locals, so one past its end is the saved BP.
TEXT pointers.end_of_locals, 0, 56, 40
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    .set word, 0
    .rept 4
    movq $word, 24+8*word(%rsp)
    .set word, word + 1
    .endr
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    leaq 24(%rsp), %rax
    movq %rax, 8(%rsp)
    leaq 56(%rsp), %rax
    movq %rax, 16(%rsp)
    CALL pointers.pass_range
    .set word, 0
    .rept 4
    movq 24+8*word(%rsp), %rax
    movq %rax, FP+8+8*word(%rsp)
    .set word, word + 1
    .endr
    RET
END pointers.end_of_locals

# func end_of_arguments(n, a uint) [2]uint: one past the results is one past all that the segment is used for, if this is a
# task's outermost function.
TEXT pointers.end_of_arguments, 0, 24, 32
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq $1, FP+16(%rsp)
    movq $2, FP+24(%rsp)
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    leaq FP+8(%rsp), %rax
    movq %rax, 8(%rsp)
    leaq FP+32(%rsp), %rax
    movq %rax, 16(%rsp)
    CALL pointers.pass_range
    movq FP+8(%rsp), %rax
    addq %rax, FP+16(%rsp)
    RET
END pointers.end_of_arguments

# func pass_integer(n, x uint) uint: x, by way of n frames.
TEXT pointers.pass_integer, 0, 24, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+8(%rsp), %rcx
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    movq %rcx, 8(%rsp)
    CALL pointers.pass_integer
    movq 16(%rsp), %rcx
    cmpq %rcx, FP+8(%rsp)
    jne 2f
1:  movq %rcx, FP+16(%rsp)
    RET
2:  ud2                             # an integer has changed
END pointers.pass_integer

# func lookalikes(n uint, seen *[2][9]uint): before and after the moves, the stack pointer and eight words. The last six
# are in the map.
#   0 an integer: the address of this word          1 the same, passed down as an argument and back
#   2 a pointer to word 0                           3 a pointer outside the stack
#   4 hi, which is not in the stack                 5 lo - 1
#   6 zero                                          7 a pointer to lo, which is in the stack
TEXT pointers.lookalikes, 0, 88, 16
    NO_ARG_POINTERS
    STACKMAP_LOCALS 1, 6, 63
    leaq 24(%rsp), %rax
    movq %rax, 24(%rsp)
    movq %rax, 32(%rsp)
    movq %rax, 40(%rsp)
    movq FP+8(%rsp), %rdx
    movq %rdx, 48(%rsp)
    GET_G %rcx
    movq G_hi(%rcx), %rax
    movq %rax, 56(%rsp)
    movq 0(%rcx), %rax
    movq %rax, 80(%rsp)
    decq %rax
    movq %rax, 64(%rsp)
    movq $0, 72(%rsp)
    movq %rsp, (%rdx)
    .set word, 0
    .rept 8
    movq 24+8*word(%rsp), %rax
    movq %rax, 8+8*word(%rdx)
    .set word, word + 1
    .endr
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    movq 32(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL pointers.pass_integer
    movq 16(%rsp), %rax
    movq %rax, 32(%rsp)
    movq FP+8(%rsp), %rdx
    movq %rsp, 72(%rdx)
    .set word, 0
    .rept 8
    movq 24+8*word(%rsp), %rax
    movq %rax, 80+8*word(%rdx)
    .set word, word + 1
    .endr
    RET
END pointers.lookalikes

# Leaves whose frames move a stack that was just large enough for the one before.
.macro LARGE name, frame
TEXT \name, 0, \frame, 0
    NO_LOCAL_POINTERS
    RET
END \name
.endm
LARGE pointers.large_20k, 20000
LARGE pointers.large_200k, 200000
LARGE pointers.large_2m, 2000000

# SITE index, callee: records (SP, a, b, argument) before and after a call with stack maps `index`; a, b and the argument all
# hold SP, as a pointer or as an integer.
.macro SITE index, callee
    movq FP+0(%rsp), %rdx
    movq %rsp, 0(%rsp)
    movq %rsp, 8(%rsp)
    movq %rsp, FP+8(%rsp)
    movq %rsp, 64*\index(%rdx)
    movq %rsp, 64*\index+8(%rdx)
    movq %rsp, 64*\index+16(%rdx)
    movq %rsp, 64*\index+24(%rdx)
    CALL \callee, \index
    movq FP+0(%rsp), %rdx
    movq %rsp, 64*\index+32(%rdx)
    movq 0(%rsp), %rax
    movq %rax, 64*\index+40(%rdx)
    movq 8(%rsp), %rax
    movq %rax, 64*\index+48(%rdx)
    movq FP+8(%rsp), %rax
    movq %rax, 64*\index+56(%rdx)
.endm

# func sites(seen *[3][2][4]uint, argument uint): three calls with a stack map each.
#   map          0      1      2
#   a            yes    no     no
#   b            no     yes    no
#   argument     no     yes    yes
TEXT pointers.sites, 0, 16, 16
    STACKMAP_ARGS 3, 2, 0, 2, 2
    STACKMAP_LOCALS 3, 2, 1, 2, 0
    SITE 0, pointers.large_20k
    SITE 1, pointers.large_200k
    SITE 2, pointers.large_2m
    RET
END pointers.sites

# func link(n uint, next *cell) uint: a list whose cells (next, value) are in n frames; the last one adds them up.
TEXT pointers.link, 0, 40, 24
    STACKMAP_ARGS 1, 3, 2
    STACKMAP_LOCALS 1, 2, 1
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    movq %rax, 32(%rsp)
    movq FP+8(%rsp), %rcx
    movq %rcx, 24(%rsp)
    decq %rax
    movq %rax, 0(%rsp)
    leaq 24(%rsp), %rax
    movq %rax, 8(%rsp)
    CALL pointers.link
    movq 16(%rsp), %rax
    jmp 4f
1:  xorl %eax, %eax
    movq FP+8(%rsp), %rcx
2:  testq %rcx, %rcx
    jz 4f
    addq 8(%rcx), %rax
    movq (%rcx), %rcx
    jmp 2b
4:  movq %rax, FP+16(%rsp)
    RET
END pointers.link

# Called with the address of a word in the context register: returns the word and adds 1 to it.
TEXT pointers.closure, NEEDCTXT, 40000, 8
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq (%rdx), %rax
    incq (%rdx)
    movq %rax, FP+0(%rsp)
    RET
END pointers.closure

# func context(x uint) (uint, uint): what the closure saw, and what it left.
TEXT pointers.context, 0, 16, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 8(%rsp)
    leaq 8(%rsp), %rdx
    CALL pointers.closure
    movq 0(%rsp), %rax
    movq %rax, FP+8(%rsp)
    movq 8(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END pointers.context

# func take_40(pointers [40]*uint): adds 100 to what each leads to, after growing at its entry.
TEXT pointers.take_40, 0, 4000, 320
    STACKMAP_ARGS 1, 40, 255, 255, 255, 255, 255
    NO_LOCAL_POINTERS
    .set word, 0
    .rept 40
    movq FP+8*word(%rsp), %rax
    addq $100, (%rax)
    .set word, word + 1
    .endr
    RET
END pointers.take_40

# func give_40() [40]uint
TEXT pointers.give_40, 0, 640, 320
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    .set word, 0
    .rept 40
    movq $word, 320+8*word(%rsp)
    leaq 320+8*word(%rsp), %rax
    movq %rax, 8*word(%rsp)
    .set word, word + 1
    .endr
    CALL pointers.take_40
    .set word, 0
    .rept 40
    movq 320+8*word(%rsp), %rax
    movq %rax, FP+8*word(%rsp)
    .set word, word + 1
    .endr
    RET
END pointers.give_40
