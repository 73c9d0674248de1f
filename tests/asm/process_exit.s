# Mapped code that calls a Rust function which ends the process.

FILE "tests/asm/process_exit.s"

TEXT exit.calls_rust, 0, 0, 0
    CALL exit.rust
    RET
END exit.calls_rust
