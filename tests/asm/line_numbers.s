# Statements that record the number of their line, as a line table does. `assembly_line_numbers.rs` compares what they
# recorded with the lines of this file that end with the comment "recorded".

.macro RECORD
    .pushsection .rodata.line_numbers, "a", @progbits
    .long   LINE
    .popsection
.endm

# A macro that uses a macro: recorded is the line of the outer use, whatever stands in the body.
.macro OUTER_RECORD

    RECORD
.endm

    .pushsection .rodata.line_numbers, "a", @progbits
    .balign 4
    .globl  line_numbers_start
line_numbers_start:
    .popsection

    .pushsection .rodata.line_numbers_fill, "a", @progbits
    RECORD # recorded
    OUTER_RECORD # recorded

    /* A comment that says RECORD; RECORD
       over two lines */ RECORD # recorded
    .byte   0, /* a statement that is cut in two
    */      0; RECORD # recorded
    .byte   '#', ';', '"', '\''; RECORD # recorded
    .ascii  "# ; /* \""; RECORD # recorded

    .if     1
    RECORD # recorded
    .else
    RECORD
    .endif
    .if     0
    RECORD
    .else
    RECORD # recorded
    .endif

    .rept   1
    RECORD # recorded
    .endr
    .popsection

    .pushsection .rodata.line_numbers, "a", @progbits
    .globl  line_numbers_end
line_numbers_end:
    .popsection
