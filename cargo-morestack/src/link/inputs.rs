//! What is linked: each input checked, as far as it can be.

use super::{Dialect, Job, bitcode_of, command, has_own_name};
use crate::archive;
use crate::codegen::{Cache, Generator, LeftUnchecked, names, pool};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::{runtime, unchecked};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// The function that shows whether an input is the runtime.
const RUNTIME: &str = "__morestack";

/// What is known of the inputs.
#[derive(Debug, Default)]
pub struct Known {
    /// The runtime is among them.
    pub brings_runtime: bool,
    /// Functions that had to stay unchecked.
    pub left_unchecked: Vec<LeftUnchecked>,
}

/// Replaces inputs by checked ones, the crate's own objects by objects in `scratch`.
///
/// # Errors
/// When the second pass fails.
pub fn replace(session: &Session, job: &Job, words: &mut Vec<OsString>, scratch: &Path) -> Result<Known> {
    let mut known = Known::default();
    if !job.plain_objects {
        replace_objects(session, job, words, scratch, &mut known)?;
    }
    for word in words.iter_mut().filter(|word| is_rlib(word)) {
        let path = Path::new(word);
        if !path.starts_with(session.toolchain.libraries()) {
            known.brings_runtime |= archive::defines(path, RUNTIME)?;
        } else if let Some(checked) = checked_std(session, path) {
            *word = checked.into();
        }
    }
    if !known.brings_runtime {
        let runtime = if session.runtime.is_empty() { &runtime::ensure(session)? } else { &session.runtime };
        command::insert_before_std(words, session, Dialect::of(&job.linker).group(runtime));
    }
    for word in words.iter().filter(|word| is_rlib(word)) {
        known.left_unchecked.extend(unchecked::read(Path::new(word))?);
    }
    Ok(known)
}

fn is_rlib(word: &OsString) -> bool {
    Path::new(word).extension() == Some(OsStr::new("rlib"))
}

fn replace_objects(
    session: &Session,
    job: &Job,
    words: &mut [OsString],
    scratch: &Path,
    known: &mut Known,
) -> Result<()> {
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
    for ((word, path), unit) in own.into_iter().zip(&paths).zip(generated) {
        let Some(unit) = unit? else { continue };
        known.brings_runtime |= names::defines(&unit.object, RUNTIME)?;
        let object = scratch.join(path.file_name().unwrap_or_default());
        fs::write(&object, &unit.object).map_err(Error::file("write", &object))?;
        *word = object.into();
        known.left_unchecked.extend(unit.left_unchecked);
    }
    Ok(())
}

/// Whether an object is the one that rustc makes at linking, by which the allocator's functions get their names. It has no bitcode,
/// and its functions are jumps. All of them are in the compiler's own crate `__rustc`, in which no other code is.
fn is_allocator_shim(object: &[u8]) -> bool {
    let functions = names::defined_functions(object).unwrap_or_default();
    !functions.is_empty() && functions.iter().all(|name| name.starts_with("_R") && name.contains("_7___rustc"))
}

/// The checked rlib for one of std's, if there is one.
fn checked_std(session: &Session, rlib: &Path) -> Option<PathBuf> {
    let checked = session.checked_std.as_ref()?.join(rlib.file_name()?);
    checked.exists().then_some(checked)
}
