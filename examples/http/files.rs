//! Files below a directory, and nothing else.

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use percent_encoding::percent_decode_str;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// A directory whose files may be read. Whatever a path says, and wherever symbolic links lead, it does not leave the directory: `cap-std`
/// has the kernel see to that, which no check of names could do.
pub struct Files(Dir);

/// A file that is open.
pub struct Found {
    pub file: File,
    /// In bytes, when it was opened.
    pub length: u64,
    /// Its content type.
    pub kind: &'static str,
}

impl Files {
    /// Blocks.
    pub fn of(directory: &Path) -> io::Result<Files> {
        Dir::open_ambient_dir(directory, ambient_authority()).map(Files)
    }

    /// The file of a path, which is percent-encoded; of a path that ends in `/`, the file `index.html` there. None if there is no such
    /// file, or none for visitors. Blocks.
    ///
    /// # Errors
    /// There may be one, but the system has no descriptors, say.
    pub fn find(&self, path: &str) -> io::Result<Option<Found>> {
        let bytes: Vec<u8> = percent_decode_str(path).collect();
        let mut path = PathBuf::from(OsStr::from_bytes(&bytes));
        if bytes.is_empty() || bytes.ends_with(b"/") {
            path.push("index.html");
        }
        if !is_visible(&path) {
            return Ok(None);
        }
        // A pipe without a writer would not be opened before one comes.
        let opened = self.0.open_with(&path, OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK));
        match opened.and_then(|file| Ok((file.metadata()?, file))) {
            Ok((data, file)) if data.is_file() => Ok(Some(Found { file, length: data.len(), kind: kind(&path) })),
            Ok(_) => Ok(None),
            Err(error) if tells_of_the_path(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether it consists of plain names that are not hidden.
fn is_visible(path: &Path) -> bool {
    path.components().all(|part| match part {
        Component::Normal(name) => !name.as_bytes().starts_with(b"."),
        _ => false,
    })
}

/// Whether there is no such file for us. That it leads out of the directory is told as a lack of permission.
fn tells_of_the_path(error: &io::Error) -> bool {
    use ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied};
    let kinds = [InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied];
    // A loop of links, and a socket, have no kind.
    kinds.contains(&error.kind()) || matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO))
}

/// The content type, by the name's end.
fn kind(path: &Path) -> &'static str {
    let end = path.extension().and_then(OsStr::to_str).unwrap_or("");
    match &*end.to_ascii_lowercase() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}
