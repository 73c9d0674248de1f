//! What is above the frame is not reached by way of SP, and BP is not overwritten where nobody has saved it.

mod common;

use common::declared::said;

fn about(body: &str) -> Vec<String> {
    said(&format!("TEXT {body}\n\tRET\n"), &[])
}

#[test]
fn sp_does_not_reach_beyond_the_frame() {
    for body in ["·f(SB), 0, $16-8\n\tMOVQ AX, 8(SP)", "·f(SB), NOSPLIT, $0-8\n\tMOVQ 0(SP), AX"] {
        assert_eq!(about(body), [""; 0], "{body}");
    }
    // Above a frame lie the saved BP, then the return address.
    assert_eq!(
        about("·f(SB), 0, $16-8\n\tMOVQ 24(SP), AX\n\tLEAQ 32(SP), AX"),
        [
            "2:7: `24(SP)` is beyond the frame of ·f, which has 16 bytes",
            "3:7: `32(SP)` is beyond the frame of ·f, which has 16 bytes"
        ]
    );
    assert_eq!(
        about("·f(SB), NOSPLIT, $0-8\n\tMOVQ AX, 8(SP)"),
        ["2:11: `8(SP)` is beyond the frame of ·f, which has 0 bytes"]
    );
}

#[test]
fn where_sp_has_moved_nothing_is_known() {
    for moved in ["PUSHQ AX", "ADJSP $16", "SUBQ $16, SP", "MOVQ AX, SP", "NOP SP"] {
        assert_eq!(about(&format!("·f(SB), NOSPLIT, $0-8\n\t{moved}\n\tMOVQ AX, 8(SP)")), [""; 0], "{moved}");
    }
    assert_eq!(about("·f(SB), NOSPLIT|NOFRAME, $0-8\n\tMOVQ AX, 8(SP)"), [""; 0]);
}

#[test]
fn bp_is_saved_before_it_is_overwritten() {
    for body in [
        // The assembler saves it.
        "·f(SB), NOSPLIT, $8-0\n\tMOVQ $1, BP",
        "·f(SB), NOSPLIT, $0-0\n\tPUSHQ BP\n\tMOVQ SP, BP\n\tPOPQ BP",
        "·f(SB), NOSPLIT, $0-0\n\tMOVQ BP, X0\n\tMOVQ $1, BP\n\tMOVQ X0, BP",
        "·f(SB), NOSPLIT, $0-0\n\tCMPQ AX, BP",
        "·f(SB), NOSPLIT, $0-0\n\tJMP away\n\tMOVQ $1, BP\naway:",
    ] {
        assert_eq!(about(body), [""; 0], "{body}");
    }
    for overwrites in ["MOVQ $1, BP", "LEAQ 8(AX), BP", "XORL BP, BP", "MOVQ SP, BP"] {
        let mnemonic = overwrites.split(' ').next().unwrap();
        assert_eq!(
            about(&format!("·f(SB), NOSPLIT, $0-0\n\tNOP\n\t{overwrites}\n\tMOVQ $2, BP")),
            [format!("3:2: {mnemonic} overwrites BP, which ·f has not saved")],
            "{overwrites}"
        );
    }
}
