# Mapped code that has Rust spawn a child process.

FILE "tests/asm/children.s"

TEXT children.spawns, 0, 0, 0
    CALL children.rust
    RET
END children.spawns
