# Recursions for the benches, each twice from the same text: mapped (with the check, known to the function table) and plain
# (without either). A plain one runs on any stack that is large enough: a go segment that has grown before, or a peer's.
#
#     TEXT, CALL, RET, END            a mapped function, asm/macros.s
#     PLAIN_TEXT, PLAIN_CALL, RET, PLAIN_END   the same instructions but for the check

FILE "benches/asm/recursion.s"

.macro PLAIN_TEXT name, frame
    .text
    .p2align 4
    .globl "\name"
    .type "\name", @function
"\name":
    .cfi_startproc
    .set text_frame, \frame
    .set text_bp, 8
    .set FP, text_frame + 16
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    subq $text_frame, %rsp
.endm

.macro PLAIN_CALL name
    call "\name"
.endm

.macro PLAIN_END name
    .cfi_endproc
".L\name\()$end":
    .size "\name", . - "\name"
    ADDRESS_STUB "\name\()$entry", "\name"
    ADDRESS_STUB "\name\()$end", ".L\name\()$end"
.endm

# fn count(n) -> n: a body of 9 instructions between prologue and epilogue.
.macro COUNT_BODY call, name
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    decq %rax
    movq %rax, 0(%rsp)
    \call \name
    movq 8(%rsp), %rax
    incq %rax
1:  movq %rax, FP+8(%rsp)
.endm

# fn mix(n) -> some number: a body of 40 instructions.
.macro MIX_BODY call, name
    movq FP+0(%rsp), %rax
    testq %rax, %rax
    jz 1f
    imulq $0x27d4eb2d, %rax, %rdx
    movq %rdx, %rsi
    shrq $15, %rsi
    xorq %rsi, %rdx
    leaq (%rdx,%rax,4), %rdi
    rolq $7, %rdi
    addq %rdx, %rdi
    movq %rdi, 16(%rsp)
    movq %rax, %r8
    notq %r8
    andq %rdx, %r8
    shrq $3, %r8
    movq %r8, 24(%rsp)
    leaq 5(%rax,%rax,2), %r9
    xorq %r8, %r9
    movq %r9, 32(%rsp)
    decq %rax
    movq %rax, 0(%rsp)
    \call \name
    movq 8(%rsp), %rax
    movq 16(%rsp), %rdx
    movq 24(%rsp), %rsi
    movq 32(%rsp), %rdi
    addq %rdx, %rsi
    rolq $11, %rdx
    xorq %rsi, %rdx
    leaq (%rdi,%rdi,8), %r8
    shrq $5, %r8
    addq %r8, %rdx
    movq %rdx, %r9
    shlq $13, %r9
    xorq %r9, %rdx
    andq $0xffff, %rdx
    addq %rdx, %rax
    xorq %rdi, %rsi
    subq %rsi, %rax
1:  movq %rax, FP+8(%rsp)
.endm

# BOTH kind, frame, body: bench.kind and plain.kind, each from the beginning of a cache line: where short code lies makes a
# difference of 20 % and more, which must not depend on the program it is in.
.macro BOTH kind, frame, body
    .text
    .p2align 6
TEXT bench.\kind, 0, \frame, 16
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    \body CALL, bench.\kind
    RET
END bench.\kind

    .p2align 6
PLAIN_TEXT plain.\kind, \frame
    \body PLAIN_CALL, plain.\kind
    RET
PLAIN_END plain.\kind
.endm

# With return address and saved BP these frames take 64 and 256 bytes.
BOTH count64, 48, COUNT_BODY
BOTH count256, 240, COUNT_BODY
BOTH mix64, 48, MIX_BODY

# fn call_plain(entry, n) -> result: runs a plain function on this go segment, which must have room for it. The call is in no
# table, so nothing may move the segment meanwhile; a plain function cannot.
#
# Its frame puts the argument 256 bytes below where a direct call from Rust has it, so that the frames of both recursions
# lie alike in their cache lines: of a frame of 256 bytes only 32 are used, which are in one line or in two.
TEXT bench.call_plain, 0, 232, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+8(%rsp), %rax
    movq %rax, 0(%rsp)
    call *FP+0(%rsp)
    movq 8(%rsp), %rax
    movq %rax, FP+16(%rsp)
    RET
END bench.call_plain

# fn repeat(entry, n, times): calls a recursion again and again, mapped or plain (then as call_plain does).
TEXT bench.repeat, 0, 16, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
1:  movq FP+8(%rsp), %rax
    movq %rax, 0(%rsp)
    movq FP+0(%rsp), %rax
    CALL_INDIRECT %rax
    decq FP+16(%rsp)
    jnz 1b
    RET
END bench.repeat

# extern "C" fn bench_call_plain(entry: %rdi, n: %rsi) -> result: the same on Rust's stack. The argument lies 32 bytes below
# a multiple of 256, as on a go segment.
    .text
    .p2align 4
    .globl bench_call_plain
    .type bench_call_plain, @function
bench_call_plain:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    andq $-256, %rsp
    subq $32, %rsp
    movq %rsi, 0(%rsp)
    call *%rdi
    movq 8(%rsp), %rax
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size bench_call_plain, . - bench_call_plain

# fn yields(n): gives way n times.
TEXT bench.yields, 0, 8, 8
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
1:  movq %rax, 0(%rsp)
    CALL runtime.Gosched
    movq 0(%rsp), %rax
    decq %rax
    jnz 1b
    RET
END bench.yields

# fn parks(): waits until it is unparked.
TEXT bench.parks, 0, 0, 0
    CALL runtime.gopark
    RET
END bench.parks
