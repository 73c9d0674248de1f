# Mistakes that a move must not paper over: each function here grows while its frame, or its caller's, cannot be understood.

FILE "tests/asm/frame_without_metadata.s"

# Grows a fresh stack.
TEXT bad.leaf, 0, 4000, 0
    NO_LOCAL_POINTERS
    RET
END bad.leaf

# Has locals, but no map of them.
TEXT bad.no_locals_map, 0, 16, 0
    CALL bad.leaf
    RET
END bad.no_locals_map

# Has arguments, but no map of them.
TEXT bad.no_args_map, 0, 16, 8
    NO_LOCAL_POINTERS
    CALL bad.leaf
    RET
END bad.no_args_map

# Has no map of its locals and grows at its own entry, where there are none yet: no mistake so far.
TEXT bad.no_locals_map_grows, 0, 4000, 0
    RET
END bad.no_locals_map_grows

# Has no map of its arguments and grows at its own entry, where there are some.
TEXT bad.no_args_map_grows, 0, 4000, 8
    NO_LOCAL_POINTERS
    RET
END bad.no_args_map_grows

# Calls without registering the call.
TEXT bad.raw_call, 0, 16, 0
    NO_LOCAL_POINTERS
    call bad.leaf
    RET
END bad.raw_call

# Calls with a frame pointer that is not its own.
TEXT bad.frame_pointer, 0, 16, 0
    NO_LOCAL_POINTERS
    addq $8, %rbp
    CALL bad.leaf
    subq $8, %rbp
    RET
END bad.frame_pointer

# Takes stack that its frame size does not tell.
TEXT bad.frame_size, 0, 16, 0
    NO_LOCAL_POINTERS
    subq $16, %rsp
    CALL bad.leaf
    addq $16, %rsp
    RET
END bad.frame_size

# A good function between a mistake and the outermost frame: reports show it too.
.macro OUTER name, callee
TEXT \name, 0, 16, 0
    NO_LOCAL_POINTERS
    CALL \callee
    RET
END \name
.endm
OUTER good.no_locals_map, bad.no_locals_map
OUTER good.no_args_map, bad.no_args_map
OUTER good.no_locals_map_grows, bad.no_locals_map_grows
OUTER good.no_args_map_grows, bad.no_args_map_grows
OUTER good.raw_call, bad.raw_call
OUTER good.frame_pointer, bad.frame_pointer
OUTER good.frame_size, bad.frame_size
