# Functions whose frames are many times the size of a fresh segment.

FILE "tests/asm/several_doublings.s"

# FRAME name, bytes: func (arg uint, entered *uint) uint. Counts its entries, fills its whole frame, returns the sum of
# what it finds there plus arg.
.macro FRAME name, bytes
TEXT \name, 0, \bytes, 24
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+8(%rsp), %rax
    incq (%rax)
    xorl %ecx, %ecx
1:  movq %rcx, (%rsp,%rcx,8)
    incq %rcx
    cmpq $(\bytes)/8, %rcx
    jne 1b
    movq FP+0(%rsp), %rax
    xorl %ecx, %ecx
2:  addq (%rsp,%rcx,8), %rax
    incq %rcx
    cmpq $(\bytes)/8, %rcx
    jne 2b
    movq %rax, FP+16(%rsp)
    RET
END \name
.endm

FRAME doublings.frame_3k, 3000
FRAME doublings.frame_40k, 40000
FRAME doublings.frame_300k, 300000
FRAME doublings.frame_5m, 5000000
