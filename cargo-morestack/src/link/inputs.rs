//! What is linked: each input checked, as far as it can be.

use super::{Job, bitcode_of, has_own_name};
use crate::archive;
use crate::codegen::{Cache, Generator, names, pool};
use crate::error::{Error, Result};
use crate::rustc;
use crate::session::Session;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// The function that shows whether an input is the runtime.
const RUNTIME: &str = "__morestack";

/// Replaces inputs by checked ones, the crate's own objects by objects in `scratch`. Returns whether the runtime is among the inputs.
///
/// # Errors
/// When the second pass fails.
pub fn replace(session: &Session, job: &Job, words: &mut [OsString], scratch: &Path) -> Result<bool> {
    let mut brings_runtime = false;
    if !job.plain_objects {
        brings_runtime |= replace_objects(session, job, words, scratch)?;
    }
    for word in words {
        let path = Path::new(word);
        if path.extension() != Some(OsStr::new("rlib")) {
            continue;
        }
        if !path.starts_with(session.toolchain.libraries()) {
            brings_runtime |= archive::defines(path, RUNTIME)?;
        } else if let Some(checked) = checked_std(session, path) {
            *word = checked.into();
        }
    }
    Ok(brings_runtime)
}

fn replace_objects(session: &Session, job: &Job, words: &mut [OsString], scratch: &Path) -> Result<bool> {
    let own = words.iter_mut().filter(|word| {
        let file = Path::new(word).file_name().and_then(OsStr::to_str);
        file.is_some_and(|file| has_own_name(file, &job.name))
    });
    let own: Vec<&mut OsString> = own.collect();
    let paths: Vec<PathBuf> = own.iter().map(PathBuf::from).collect();
    let cache = Cache::new(session.units());
    let lld = session.toolchain.lld();
    let generator = Generator::new(&lld, &session.toolchain.id, job.settings.clone(), Some(&cache));
    let generated = pool::map(&paths, |path| {
        let plain = fs::read(path).map_err(Error::file("read", path))?;
        let Some(bitcode) = bitcode_of(&job.directory, &job.name, path).filter(|_| !is_allocator_shim(&plain)) else {
            return if is_allocator_shim(&plain) { Ok(None) } else { Err(Error::NoBitcode { object: path.clone() }) };
        };
        let bitcode = fs::read(&bitcode).map_err(Error::file("read", &bitcode))?;
        generator.generate(&path.display().to_string(), &bitcode, &plain).map(Some)
    });
    let mut brings_runtime = false;
    let mut left = Vec::new();
    for ((word, path), unit) in own.into_iter().zip(&paths).zip(generated) {
        let Some(unit) = unit? else { continue };
        brings_runtime |= names::defines(&unit.object, RUNTIME)?;
        let object = scratch.join(path.file_name().unwrap_or_default());
        fs::write(&object, &unit.object).map_err(Error::file("write", &object))?;
        *word = object.into();
        left.extend(unit.left_unchecked);
    }
    rustc::record_left(session, &job.name, &left)?;
    Ok(brings_runtime)
}

/// Whether an object is the one that rustc makes at linking, by which the allocator's functions get their names. It has no bitcode,
/// and its functions are jumps.
fn is_allocator_shim(object: &[u8]) -> bool {
    let functions = names::defined_functions(object).unwrap_or_default();
    !functions.is_empty() && functions.iter().all(|name| name.contains("___rustc") || name.contains("__rust_"))
}

/// The checked rlib for one of std's, if there is one.
fn checked_std(session: &Session, rlib: &Path) -> Option<PathBuf> {
    let checked = session.checked_std.as_ref()?.join(rlib.file_name()?);
    checked.exists().then_some(checked)
}

/// The rlibs with the runtime, for a program that has none.
///
/// # Errors
/// When they are not built and cannot be.
pub fn runtime(session: &Session) -> Result<Vec<PathBuf>> {
    if session.runtime.is_empty() { crate::runtime::ensure(session) } else { Ok(session.runtime.clone()) }
}
