# Macros for mapped functions: functions that run on a go segment, check the guard, and are known to the function table.
#
# Included at the head of every assembly block (mapped_asm! does it), so the definitions stand under a guard.
# AT&T syntax: source first, destination last, as in Go's assembler. The symbols G_..., M_..., RECORD_..., ENTER_...
# and STACK_... are set from the Rust structs and constants by src/arch.rs; LINE is set by build.rs.
#
#     TEXT name, flags, frame, args      begins a function: label, check, frame
#     CALL target [, map]                calls a mapped function; `map` is the index of the stack maps at this call
#     CALL_INDIRECT operand [, map]      the same through a register or memory
#     RET                                takes the frame down and returns
#     STACKMAP_ARGS, STACKMAP_LOCALS     which words may point into this stack; NO_ARG_POINTERS, NO_LOCAL_POINTERS: none
#     FILE "path"                        names the source of what follows
#     TO_RUST name, args, shim           a mapped function whose body is Rust (mapped_export! writes it)
#     END name                           slow path, size, address stubs, function table entry
#     FUNCTION, FUNCTION_END             what TEXT and END are made of: the same without code. goasm puts code of its own between them
#
# Frame of a mapped function (frame = bytes of locals and outgoing arguments, without the saved BP):
#
#     FP+n(%rsp)   | arguments, then results (8-aligned), in the caller's frame |
#                  | return address                                             |
#                  | saved BP  <- %rbp                                          |
#                  | locals                                                     |
#     0(%rsp)      | outgoing arguments and results                             |
#
# With NOFRAME nothing is pushed and FP is 8; such a function calls nothing.
#
# Contract (ABI0): only %rsp and %rbp survive a call; %rdx holds the closure context at entry where NEEDCTXT is set.
# The check clobbers %rax and %rcx. The direction flag is clear.

.ifndef MORESTACK_MACROS
.set MORESTACK_MACROS, 1

# Set anew on every line by build.rs; 0 where a source did not go through it.
.set LINE, 0

# Flags of TEXT, with the values of Go's textflag.h.
.set NOSPLIT, 4         # no check: runs in the slack, counted by the table
.set WRAPPER, 32        # a bridge: its body only leads to the Rust function that it is named for
.set NEEDCTXT, 64       # %rdx is live at entry
.set NOFRAME, 512       # no frame, no saved BP
.set TOPFRAME, 2048     # the frames above it end a stretch of mapped frames

# See CALL_SITE. A call takes its return address; a jump gives back the room for it that the chain would count.
.set TAIL_CALL, -8

# GET_G reg: the current g. Clobbers reg only.
.macro GET_G reg
    movq %fs:morestack_g@tpoff, \reg
.endm

# SET_GUARD g, tmp: mirrors stackguard0 into the thread's split-stack slot; clobbers tmp.
.macro SET_GUARD g, tmp
    movq G_stackguard0(\g), \tmp
    movq \tmp, %fs:TCB_guard
.endm

# CLEAR_GUARD: what runs now is on a system stack or a big stack, where a check must always pass.
.macro CLEAR_GUARD
    movq $0, %fs:TCB_guard
.endm

# CHECK_BYTES: how the compiler's check begins, without the branch behind it: cmpq %fs:0x70, %rsp, in its nine bytes.
.macro CHECK_BYTES
    .byte 0x64, 0x48, 0x3b, 0x24, 0x25
    .long TCB_guard
.endm

# FROM_SMALL name, bytes: Rust on a small segment calls this function, which takes so many bytes there at most, what it calls
# included. So it begins as a checked function does, and its bound goes to a table that verification reads. Split builds only.
.macro FROM_SMALL name, bytes
    .if SPLIT
    .pushsection morestack_trusted, "aR", @progbits
    .p2align 2
    .long \name - ., \bytes
    .popsection
    CHECK_BYTES
    .endif
.endm

# SET_SPLIT_GUARD reg: the guard of the small segment whose header reg points to. Clobbers reg.
.macro SET_SPLIT_GUARD reg
    addq $SPLIT_GUARD, \reg
    .if DEBUG_MODES
    orq morestack_split_forced(%rip), \reg
    .endif
    movq \reg, %fs:TCB_guard
.endm

# SAVE_SEGMENT g, tmp: which segment its innermost checked code stands on. TAKE_SEGMENT g, tmp: that again, before g goes on; if it has
# given way in the middle of a foreign call, also the big stack that it took along. They clobber tmp.
.macro SAVE_SEGMENT g, tmp
    .if SPLIT
    movq %fs:morestack_seg@tpoff, \tmp
    movq \tmp, G_seg(\g)
    .endif
.endm
.macro TAKE_SEGMENT g, tmp
    .if SPLIT
    movq G_seg(\g), \tmp
    movq \tmp, %fs:morestack_seg@tpoff
    cmpb $0, G_away(\g)
    je 9f
    movb $0, G_away(\g)
    movq G_big_hi(\g), \tmp
    .irp word, FOREIGN_guard, FOREIGN_lo, FOREIGN_hi, FOREIGN_sp
    pushq KEPT + \word(\tmp)
    popq %fs:morestack_foreign_stack@tpoff + \word
    .endr
9:
    .endif
.endm

# SAVE_SPLIT g, tmp: the segment that Rust code of the task g stands on, and what its checks compare with. RESTORE_SPLIT g, tmp:
# the latter again; in a plain build it stands on a big stack, where a check must always pass. They clobber tmp.
.macro SAVE_SPLIT g, tmp
    .if SPLIT
    movq %fs:TCB_guard, \tmp
    movq \tmp, G_rust_guard(\g)
    SAVE_SEGMENT \g, \tmp
    .endif
.endm
.macro RESTORE_SPLIT g, tmp
    .if SPLIT
    movq G_rust_guard(\g), \tmp
    movq \tmp, %fs:TCB_guard
    .else
    CLEAR_GUARD
    .endif
.endm

# RUST_FRAME: the frame of a call by which Rust code leaves its stack: saved BP, and the callee-saved registers below it.
#     | return address             |
#     | saved BP  <- %rbp          |
#     | rbx r12 r13 r14 r15  <-%rsp|
.macro RUST_FRAME
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    .cfi_offset %rbx, -24
    pushq %r12
    .cfi_offset %r12, -32
    pushq %r13
    .cfi_offset %r13, -40
    pushq %r14
    .cfi_offset %r14, -48
    pushq %r15
    .cfi_offset %r15, -56
.endm

.set RUST_FRAME_BYTES, 6 * 8

# RUST_RETURN: takes that frame down and returns; %rsp as RUST_FRAME left it.
.macro RUST_RETURN
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 8
    ret
.endm

# CFI_RECORD: from here on %rbp points to a record (bp, pc, sp) (Gobuf or ToRust) that tells where the stack goes on.
#   CFA = record.sp    caller's %rbp = record.bp    caller's pc = record.pc
# DWARF: 0x0f def_cfa_expression, 0x10 expression(register), 0x76 breg6 (%rbp), 0x06 deref.
.macro CFI_RECORD
    .cfi_escape 0x0f, 3, 0x76, RECORD_sp, 0x06
    .cfi_escape 0x10, 6, 2, 0x76, RECORD_bp
    .cfi_escape 0x10, 16, 2, 0x76, RECORD_pc
.endm

# GOSAVE g: the function that was called from mapped code (its return address at 0(%rsp), nothing pushed) saves its caller's
# state in G.sched and points %rbp at it. Clobbers %rax.
.macro GOSAVE g
    movq (%rsp), %rax
    movq %rax, G_sched_pc(\g)
    leaq 8(%rsp), %rax
    movq %rax, G_sched_sp(\g)
    movq %rbp, G_sched_bp(\g)
    SAVE_SEGMENT \g, %rax
    leaq G_sched(\g), %rbp
    CFI_RECORD
.endm

# ON_SYSTEM_STACK g: leaves the task's stack, whose state G.sched holds by now. Clobbers %rax.
.macro ON_SYSTEM_STACK g
    CLEAR_GUARD
    movq G_sys(\g), %rax
    movq (%rax), %rsp
.endm

# FILE "path": names the source in the table entries that follow.
.macro FILE path
    .pushsection .rodata.morestack_names, "a", @progbits
77: .asciz "\path"
    .popsection
.endm

# CHECK slow, need: the prologue's comparison of the stack pointer with the guard, in its three forms. `need` is what the
# function takes, saved BP included. A poisoned guard is larger than any stack pointer, so it fails each form.
# Clobbers %rax and %rcx.
.macro CHECK slow, need
    GET_G %rcx
    .if (\need) <= STACK_SMALL
    cmpq G_stackguard0(%rcx), %rsp
    .elseif (\need) < STACK_BIG
    leaq -((\need) - STACK_SMALL)(%rsp), %rax
    cmpq G_stackguard0(%rcx), %rax
    .else
    movq %rsp, %rax
    subq $((\need) - STACK_SMALL), %rax
    jb \slow                        # wrapped around: does not fit any stack
    cmpq G_stackguard0(%rcx), %rax
    .endif
    jbe \slow
.endm

# FUNCTION name, flags, frame, args: the label, and what the function table's entry will say. What is not known here is 0: the
# maps, the line table, and what the function pushes besides its frame (text_pushes).
.macro FUNCTION name, flags, frame, args
    .type "\name", @function
"\name":
    .cfi_startproc
    .set text_line, LINE
    .set text_flags, \flags
    .set text_frame, \frame
    .set text_args, \args
    .set text_args_map, 0
    .set text_locals_map, 0
    .set text_lines, 0
    .set text_pushes, 0
.endm

.macro TEXT name, flags=0, frame=0, args=0
    .text
    .p2align 4
    .globl "\name"
    FUNCTION "\name", (\flags), (\frame), (\args)
    .if text_flags & NOFRAME
    .if text_frame
    .error "NOFRAME function with a frame"
    .endif
    .set text_bp, 0
    .set FP, 8
    .else
    .set text_bp, 8
    .set FP, text_frame + 16
    .endif
    .if (text_flags & NOSPLIT) == 0
    CHECK ".L\name\()$slow", (text_frame + text_bp)
    .endif
".L\name\()$body":
    .if text_bp
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    .if text_frame
    subq $text_frame, %rsp
    .endif
    .endif
.endm

.macro RET
    .if text_bp
    .if text_frame
    addq $text_frame, %rsp
    .endif
    .cfi_remember_state
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_restore_state
    .else
    ret
    .endif
.endm

# CALL_SITE callee, map, pushed: the table entry of a call whose return address is here. Without it the frame cannot be moved.
# `pushed`: bytes below the frame when it is made. TAIL_CALL as `pushed`: no call but a jump, to be counted in NOSPLIT chains.
.macro CALL_SITE callee, map, pushed=0
79:
    .pushsection morestack_calls, "aR", @progbits
    .p2align 2
    .long 79b - .
    .ifb \callee
    .long 0
    .else
    .long "\callee" - .
    .endif
    .long \map
    .long LINE
    .long \pushed
    .popsection
.endm

.macro CALL target, map=0
    .if text_bp == 0
    .error "a NOFRAME function calls nothing: its caller would be missing from the frame-pointer chain"
    .endif
    call "\target"
    CALL_SITE "\target", \map
.endm

.macro CALL_INDIRECT operand, map=0
    .if text_bp == 0
    .error "a NOFRAME function calls nothing: its caller would be missing from the frame-pointer chain"
    .endif
    call *\operand
    CALL_SITE , \map
.endm

# STACKMAP_ARGS n, nbit, bytes... and STACKMAP_LOCALS, in the format of Go's FUNCDATA: n bitmaps of nbit bits, each from a
# fresh byte, lowest bit first. Of the arguments' map, bit i is the word at FP+8*i. The locals' map is of the nbit words right
# below the saved BP: bit i is the word at -8*(nbit-i)(%rbp). A set bit: the word may point into this stack.
.macro STACKMAP_ARGS n, nbit, bytes:vararg
    .pushsection .rodata.morestack_maps, "a", @progbits
    .p2align 2
78: .long \n, \nbit
    .byte \bytes
    .popsection
    .set text_args_map, 1
.endm

.macro STACKMAP_LOCALS n, nbit, bytes:vararg
    .pushsection .rodata.morestack_maps, "a", @progbits
    .p2align 2
76: .long \n, \nbit
    .byte \bytes
    .popsection
    .set text_locals_map, 1
.endm

# NO_LOCAL_POINTERS, NO_ARG_POINTERS: no local, or no argument or result, ever points into this stack.
.macro NO_LOCAL_POINTERS
    STACKMAP_LOCALS 1, 0, 0
.endm

.macro NO_ARG_POINTERS
    STACKMAP_ARGS 1, 0, 0
.endm

# FUNCTAB name: the function table's entry, from what TEXT and the map macros have set.
.macro FUNCTAB name
    .pushsection .rodata.morestack_names, "a", @progbits
75: .asciz "\name"
    .popsection
    .pushsection morestack_functab, "aR", @progbits
    .p2align 2
    .long "\name" - .
    .long ".L\name\()$end" - .
    .long ".L\name\()$body" - .
    .if text_flags & NOSPLIT
    .long 0
    .else
    .long ".L\name\()$restart" - .
    .endif
    .long text_frame, text_args, text_flags, text_line
    .long 75b - ., 77b - .
    .if text_args_map
    .long 78b - .
    .else
    .long 0
    .endif
    .if text_locals_map
    .long 76b - .
    .else
    .long 0
    .endif
    .if text_lines
    .long 74b - .
    .else
    .long 0
    .endif
    .long text_pushes
    .popsection
.endm

# LINES count, bytes...: the line table of what is between FUNCTION and FUNCTION_END: pairs of two LEB128 numbers, how many
# bytes of code the line before took, and how many lines further this one is (signed). The first counts from TEXT's line.
.macro LINES count, bytes:vararg
    .ifeq text_lines
    .pushsection .rodata.morestack_lines, "a", @progbits
    .p2align 2
74: .long \count
    .set text_lines, 1
    .else
    .pushsection .rodata.morestack_lines, "a", @progbits
    .endif
    .byte \bytes
    .popsection
.endm

# ADDRESS_STUB name, label: a SysV function without arguments that returns the address of `label` in %rax. The assembler
# resolves it here, whatever wrapper stands for the name elsewhere.
.macro ADDRESS_STUB name, label
    .globl "\name"
    .type "\name", @function
"\name":
    .cfi_startproc
    leaq "\label"(%rip), %rax
    ret
    .cfi_endproc
    .size "\name", . - "\name"
.endm

.macro END name
    .if (text_flags & NOSPLIT) == 0
    # The check failed; nothing is on the stack but the return address. morestack returns behind its call with more room.
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
".L\name\()$slow":
    nop
    .if text_flags & NEEDCTXT
    call morestack
    .else
    call morestack_noctxt
    .endif
".L\name\()$restart":
    jmp "\name"
    .endif
    FUNCTION_END "\name"
.endm

# FUNCTION_END name: the size, the table entry, the address stubs. Where the function is not NOSPLIT, ".L<name>$restart" is set.
.macro FUNCTION_END name
    .cfi_endproc
".L\name\()$end":
    .size "\name", . - "\name"
    FUNCTAB \name
    ADDRESS_STUB "\name\()$entry", "\name"
    ADDRESS_STUB "\name\()$end", ".L\name\()$end"
.endm

# TO_RUST name, args, shim: a mapped function whose body is Rust: `args` bytes of arguments and results; `shim` is an
# extern "C" fn(*mut u64) -> usize that finds them copied at its argument and returns 1 if it panicked.
.macro TO_RUST name, args, shim
TEXT \name, NOSPLIT|WRAPPER, 0, \args
    NO_ARG_POINTERS                 # a pointer into the go segment must not reach Rust
    leaq "\shim"(%rip), %rax
    movl $((\args) / 8), %ecx
    CALL morestack_call_rust
    RET
END \name
.endm

.endif
