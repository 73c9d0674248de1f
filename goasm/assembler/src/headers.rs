//! Headers that every source may include although they are in no directory.
//!
//! Names and numbers are those of Go's headers of these names, because sources rely on them.

/// The text of the header of that name, if it is known by itself.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    Some(match name {
        "textflag.h" => TEXTFLAG,
        "funcdata.h" => FUNCDATA,
        "go_tls.h" => GO_TLS,
        "asm_amd64.h" => ASM_AMD64,
        _ => return None,
    })
}

/// Which header defines a name, for those who forgot to include it.
pub(crate) fn defining(name: &str) -> Option<&'static str> {
    const ALL: [&str; 3] = ["textflag.h", "funcdata.h", "go_tls.h"];
    ALL.into_iter().find(|header| {
        let lines = known(header).unwrap_or_default().lines();
        lines.filter_map(|line| line.strip_prefix("#define ")).any(|definition| {
            let end = definition.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(definition.len());
            definition[..end] == *name
        })
    })
}

/// Flags of functions and variables.
const TEXTFLAG: &str = "\
#define NOPROF 1
#define DUPOK 2
#define NOSPLIT 4
#define RODATA 8
#define NOPTR 16
#define WRAPPER 32
#define NEEDCTXT 64
#define TLSBSS 256
#define NOFRAME 512
#define REFLECTMETHOD 1024
#define TOPFRAME 2048
#define ABIWRAPPER 4096
";

/// Kinds of data about a function, and the statements that say where its pointers are.
const FUNCDATA: &str = "\
#define PCDATA_UnsafePoint 0
#define PCDATA_StackMapIndex 1
#define PCDATA_InlTreeIndex 2
#define PCDATA_ArgLiveIndex 3
#define PCDATA_PanicBounds 4
#define FUNCDATA_ArgsPointerMaps 0
#define FUNCDATA_LocalsPointerMaps 1
#define FUNCDATA_StackObjects 2
#define FUNCDATA_InlTree 3
#define FUNCDATA_OpenCodedDeferInfo 4
#define FUNCDATA_ArgInfo 5
#define FUNCDATA_ArgLiveInfo 6
#define FUNCDATA_WrapInfo 7
#define GO_ARGS FUNCDATA $FUNCDATA_ArgsPointerMaps, go_args_stackmap(SB)
#define GO_RESULTS_INITIALIZED PCDATA $PCDATA_StackMapIndex, $1
#define NO_LOCAL_POINTERS FUNCDATA $FUNCDATA_LocalsPointerMaps, no_pointers_stackmap(SB)
#define ArgsSizeUnknown 0x80000000
";

/// How the current `g` is found: `get_tls(CX)`, then `g(CX)` is memory that holds it.
const GO_TLS: &str = "\
#define get_tls(r) MOVQ TLS, r
#define g(r) 0(r)(TLS*1)
";

/// Which instruction sets need no question at run time, by the level that `GOAMD64_v2` and higher promise.
const ASM_AMD64: &str = "\
#ifdef GOAMD64_v2
#define hasPOPCNT
#define hasSSE42
#endif
#ifdef GOAMD64_v3
#define hasPOPCNT
#define hasSSE42
#define hasAVX
#define hasAVX2
#endif
#ifdef GOAMD64_v4
#define hasPOPCNT
#define hasSSE42
#define hasAVX
#define hasAVX2
#define hasAVX512F
#define hasAVX512BW
#define hasAVX512VL
#endif
";
