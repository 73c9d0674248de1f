//! Nothing but tests: real assembly files of Go's standard library, run on goroutine stacks that begin with 2 KB.
//!
//! The files come from an installed Go (`.ci/install-go`), by way of the build script; none of Go's text is in this repository. Each
//! test compares a routine with Rust: with RustCrypto, `crc`, `num-bigint` or plain code, for random inputs of all small lengths and
//! of 10,000 bytes and more. It calls the routine straight from Rust, and by a driver in Go assembly (`asm/deep.h`) that goes
//! down a fresh stack first, so that it grows above the routine, or at the routine's own check if that has one.
//!
//! | tests | files of Go's |
//! |---|---|
//! | `md5_hashes_as_rust` | `crypto/md5/md5block_amd64.s` |
//! | `sha1_hashes_as_rust` | `crypto/sha1/sha1block_amd64.s` |
//! | `sha256_hashes_as_rust` | `crypto/internal/fips140/sha256/sha256block_amd64.s` |
//! | `crc32_checks_as_rust` | `hash/crc32/crc32_amd64.s` |
//! | `bytes_are_found_and_compared_as_in_rust` | `internal/bytealg`: `compare`, `count`, `equal`, `index`, `indexbyte` |
//! | `big_numbers_calculate_as_in_rust` | `math/big/arith_amd64.s` |
//! | `floats_are_rounded_and_raised_as_in_rust` | `math`: `exp`, `floor`, `hypot` |
//! | `chacha20poly1305_seals_and_opens_as_rust` | `golang.org/x/crypto/chacha20poly1305`, as it comes with Go |
//!
//! A routine that the processor cannot run is skipped, and said to be. Where there is no Go, only `without_go_nothing_runs` is left.
