//! Verifies a linked binary: that whatever runs on a small stack checks it first.
//!
//! Nothing that the compiler or the tool meant to do is believed. Every function symbol gets a kind:
//!
//! | kind | what it is | who may call it directly |
//! |---|---|---|
//! | checked | begins with the check, and the frame that follows keeps to what was checked | everybody |
//! | hand-written | begins with the check's bytes, is listed with a bound | everybody |
//! | leaf | has no check, calls nobody, takes at most 128 bytes | everybody |
//! | foreign | all others | foreign code; checked code by way of the thunk or a stub only |
//!
//! The passes, in order: `image` reads the file; `check` looks at how each function begins; `decode` finds its
//! instructions by following control flow, landing pads and jump tables included; `track` follows `%rsp`, `%rbp` and known
//! addresses over all paths; `movable` judges each instruction; `calls` decides which way each call goes, and lists the
//! patches. A binary that fails is left as it is.

mod calls;
mod check;
mod decode;
mod error;
mod explain;
mod follow;
mod image;
mod inst;
mod judge;
mod landing;
mod limits;
mod movable;
mod parallel;
mod probe;
mod program;
mod report;
mod runtime;
mod state;
mod step;
mod stubs;
mod tables;
mod track;
mod values;

use std::io::Write;
use std::path::Path;

pub use self::error::{Error, Problem, Violation};
pub use self::explain::Explanation;
pub use self::report::Report;

use self::calls::Patch;
use self::image::Image;
use self::program::{Kind, Program};
use self::runtime::Runtime;

/// What the verifier is to know about a binary.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Some of the binary's own objects are compiled without checks (doc tests): direct calls of checked code to any of
    /// their functions become foreign calls instead of errors.
    pub plain_objects_allowed: bool,
    /// Symbols of functions that were left unchecked on purpose. Direct calls to them become foreign calls. Functions
    /// that align their frame need not be listed.
    pub left_unchecked: Vec<String>,
}

/// Verifies a binary, turns calls through the thunk into direct ones where their target is known, marks the functions
/// whose frames may be moved, and replaces the file. It must still have its symbols. Doing it again changes nothing.
///
/// # Errors
///
/// [`Error::Violations`] if code would overrun a small stack or cannot be shown not to; others if the file cannot be
/// read, understood or written. The file is unchanged then.
pub fn process(binary: &Path, options: &Options) -> Result<Report, Error> {
    let data = read(binary)?;
    let image = parse(binary, &data)?;
    let mut program = Program::analyse(&image, find_runtime(binary, &image)?);
    let (counts, patches) = calls::settle(&mut program, options);
    program.refuse(binary)?;
    let count = |is: fn(&Kind) -> bool| program.kinds.iter().filter(|kind| is(kind)).count();
    let movable = |index: &usize| {
        matches!(program.kinds[*index], Kind::Checked(_))
            && !matches!(calls::moves(&program, *index), calls::Moves::Never(_))
    };
    let report = Report {
        checked: count(|kind| matches!(kind, Kind::Checked(_))),
        movable: (0..program.kinds.len()).filter(movable).count(),
        leaf: count(|kind| matches!(kind, Kind::Leaf)),
        hand_written: count(|kind| matches!(kind, Kind::HandWritten)),
        foreign: count(|kind| matches!(kind, Kind::Foreign(_))),
        direct: counts.direct,
        resolved: counts.resolved,
        foreign_calls: counts.foreign,
        foreign_register_calls: counts.foreign_registers,
        indirect: counts.indirect,
    };
    write(binary, &image, &patches)?;
    Ok(report)
}

/// Says how a function was compiled: its check, frame, calls, and whether its frame may be moved. `function` is a symbol, a
/// path, or a part of one; all functions that fit are explained.
///
/// # Errors
///
/// If the file cannot be read or understood, or has no such function.
pub fn explain(binary: &Path, function: &str) -> Result<Explanation, Error> {
    let data = read(binary)?;
    let image = parse(binary, &data)?;
    let program = Program::analyse(&image, find_runtime(binary, &image)?);
    Explanation::of(&program, function)
        .ok_or_else(|| Error::NoFunction { path: binary.to_owned(), function: function.to_owned() })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn parse<'d>(path: &Path, data: &'d [u8]) -> Result<Image<'d>, Error> {
    let image = Image::parse(data).map_err(|what| Error::Format { path: path.to_owned(), what })?;
    if image.functions.is_empty() {
        let what = "it has no symbols; strip it after it was verified, by `strip` in the profile".into();
        return Err(Error::Unsupported { path: path.to_owned(), what });
    }
    Ok(image)
}

fn find_runtime(path: &Path, image: &Image<'_>) -> Result<Runtime, Error> {
    Runtime::find(image).map_err(|symbol| Error::NoRuntime { path: path.to_owned(), symbol })
}

/// Replaces the file by a patched copy, in one step, so that an interrupted build leaves the old or the new one.
fn write(path: &Path, image: &Image<'_>, patches: &[Patch]) -> Result<(), Error> {
    if patches.is_empty() {
        return Ok(());
    }
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let mut data = image.data.to_vec();
    for patch in patches {
        // All addresses come from instructions that were read from the file.
        let Some(place) = image.offset(patch.address).and_then(|at| data.get_mut(at..at + patch.bytes.len())) else {
            continue;
        };
        place.copy_from_slice(&patch.bytes);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(&data).map_err(failed)?;
    let permissions = std::fs::metadata(path).map_err(failed)?.permissions();
    file.as_file().set_permissions(permissions).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
