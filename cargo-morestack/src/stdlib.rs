//! std with checks.
//!
//! The rlibs that ship with the compiler hold the bitcode of their objects, for link-time optimisation. The second pass makes
//! checked objects of it. Only the linker sees these: rustc reads the shipped rlibs, whose metadata is the same.

use crate::archive::{self, Member};
use crate::codegen::{Generator, LeftUnchecked, Settings, elf, names, pool, unit};
use crate::error::{Error, Result};
use crate::toolchain::Toolchain;
use crate::{shell, unchecked, user_cache};
use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates that stay as they are: what the unwinder runs through, what is called by compiled code past the thunk, and C.
const FOREIGN: [&str; 4] = ["libcompiler_builtins-", "libunwind-", "libpanic_abort-", "libprofiler_builtins-"];

/// How the shipped std is compiled.
const OPTIMIZE: u8 = 3;

/// Says why, where std stays as it is.
const FOREIGN_STD: &str = "foreign";

/// An object of std: which rlib it is in, which of the members, and its bitcode.
struct Work<'a> {
    rlib: usize,
    member: usize,
    object: &'a Member,
    bitcode: &'a [u8],
}

/// The directory with checked rlibs, made if need be. `None` if this compiler's std cannot be checked: then it is foreign code, which
/// works, and costs a big stack where a task parks in one of its callbacks. A note says so the first time.
///
/// # Errors
/// When the second pass fails.
pub fn ensure(toolchain: &Toolchain) -> Result<Option<PathBuf>> {
    let parent = user_cache::directory(toolchain)?;
    let directory =
        user_cache::once(&parent, &format!("std-{}", unit::RECIPE), |directory| make(toolchain, directory))?;
    Ok((!directory.join(FOREIGN_STD).exists()).then_some(directory))
}

fn make(toolchain: &Toolchain, directory: &Path) -> Result<()> {
    shell::status("Checking", &format!("std of {} (once per compiler)", toolchain.version));
    let libraries = toolchain.libraries();
    let mut rlibs = Vec::new();
    for entry in fs::read_dir(&libraries).map_err(Error::file("list", &libraries))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !FOREIGN.iter().any(|foreign| name.starts_with(foreign)) {
            rlibs.push((name, archive::read(&entry.path())?));
        }
    }
    let mut work = Vec::new();
    for (rlib, (name, members)) in rlibs.iter().enumerate() {
        for (member, object) in members.iter().enumerate().filter(|(_, member)| member.name.ends_with(".o")) {
            match elf::section(&object.data, ".llvmbc")? {
                Some(bitcode) => work.push(Work { rlib, member, object, bitcode }),
                None if names::defined_functions(&object.data)?.is_empty() => {}
                None => return stay_foreign(directory, name),
            }
        }
    }
    // The largest first, so that the last to end is a small one.
    work.sort_by_key(|work| Reverse(work.bitcode.len()));
    let lld = toolchain.lld();
    let settings = Settings { optimize: OPTIMIZE, llvm_args: Vec::new() };
    let generator = Generator::new(&lld, &toolchain.id, settings, None);
    let generated = pool::map(&work, |work| generator.generate(&work.object.name, work.bitcode, &work.object.data));
    let mut replacements = Vec::new();
    for (work, unit) in work.iter().zip(generated) {
        replacements.push((work.rlib, work.member, unit?));
    }
    let mut left: Vec<Vec<LeftUnchecked>> = rlibs.iter().map(|_| Vec::new()).collect();
    for (rlib, member, unit) in replacements {
        rlibs[rlib].1[member].data = unit.object;
        left[rlib].extend(unit.left_unchecked);
    }
    for ((name, members), left) in rlibs.iter().zip(&left) {
        let path = directory.join(name);
        archive::write(&path, members)?;
        unchecked::write(&path, left)?;
    }
    Ok(())
}

fn stay_foreign(directory: &Path, rlib: &str) -> Result<()> {
    let why = format!("`{rlib}` has no bitcode");
    eprintln!("note: std stays without checks, because {why}; tasks that park in its callbacks hold a big stack");
    let path = directory.join(FOREIGN_STD);
    fs::write(&path, why).map_err(Error::file("write", &path))
}
