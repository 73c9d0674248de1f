//! Rlibs: archives whose members are objects and the crate's metadata.

use crate::error::{Error, Result};
use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream};
use object::read::archive::ArchiveFile;
use std::fs;
use std::io::BufWriter;
use std::path::Path;

/// A member: its name and contents.
pub struct Member {
    pub name: String,
    pub data: Vec<u8>,
}

/// All members of the archive `path`, in order.
///
/// # Errors
/// When it cannot be read or is no archive.
pub fn read(path: &Path) -> Result<Vec<Member>> {
    let data = fs::read(path).map_err(Error::file("read", path))?;
    let bad = || Error::bad_object(format!("archive `{}`", path.display()));
    let archive = ArchiveFile::parse(&*data).map_err(bad())?;
    let members = archive.members().map(|member| {
        let member = member.map_err(bad())?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        Ok(Member { name, data: member.data(&*data).map_err(bad())?.to_vec() })
    });
    members.collect()
}

/// Whether a member of the archive `path` defines the symbol `name`, as its index says.
///
/// # Errors
/// When it cannot be read or is no archive.
pub fn defines(path: &Path, name: &str) -> Result<bool> {
    let data = fs::read(path).map_err(Error::file("read", path))?;
    let bad = || Error::bad_object(format!("archive `{}`", path.display()));
    let archive = ArchiveFile::parse(&*data).map_err(bad())?;
    let Some(mut symbols) = archive.symbols().map_err(bad())? else { return Ok(false) };
    Ok(symbols.any(|symbol| symbol.is_ok_and(|symbol| symbol.name() == name.as_bytes())))
}

/// Writes an archive with an index of its symbols to `path`. What stood there before is replaced at once or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, members: &[Member]) -> Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let members: Vec<_> = members
        .iter()
        .map(|member| NewArchiveMember::new(&*member.data, &DEFAULT_OBJECT_READER, member.name.clone()))
        .collect();
    let write = || {
        let mut file = BufWriter::new(tempfile::NamedTempFile::new_in(directory)?);
        write_archive_to_stream(&mut file, &members, ArchiveKind::Gnu, false, None)?;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        readable_by_all(file.as_file())?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(Error::file("write", path))
}

/// Temporary files are their owner's alone; outputs are not.
fn readable_by_all(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}
