//! Objects by the hash of what they are made from, so that an incremental build generates only what has changed.

use super::unit::Unit;
use crate::error::{Error, Result};
use std::cmp::Reverse;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The most that the cache of a target directory takes, in bytes. cargo's own incremental data of a middling program is that large.
const LIMIT: u64 = 1 << 30;

/// What an object is made from.
pub struct Key(blake3::Hash);

impl Key {
    /// Each part counts with its length, so that no two lists of parts are the same.
    pub fn of<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize())
    }
}

/// A directory of objects.
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// The cache in `directory`, which need not exist.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// What was put under `key`, if it is still there.
    pub fn get(&self, key: &Key) -> Option<Unit> {
        let path = self.path(key);
        let stored = fs::read(&path).ok()?;
        let unit = decode(stored)?;
        // Used now: the last to be removed.
        let _ = fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(unit)
    }

    /// Keeps `unit` under `key`.
    ///
    /// # Errors
    /// When it cannot be written. An interrupted write leaves nothing under `key`.
    pub fn put(&self, key: &Key, unit: &Unit) -> Result<()> {
        fs::create_dir_all(&self.directory).map_err(Error::file("make", &self.directory))?;
        let path = self.path(key);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
            encode(unit, file.as_file_mut())?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(Error::file("write", &path))
    }

    /// Removes what was not used for the longest time, until the rest is within the limit.
    pub fn trim(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        let with_data = entries.flatten().filter_map(|entry| {
            let data = entry.metadata().ok()?;
            Some((data.modified().ok()?, data.len(), entry.path()))
        });
        let mut entries: Vec<_> = with_data.collect();
        entries.sort_by_key(|(used, ..)| Reverse(*used));
        let mut total = 0;
        for (_, size, path) in entries {
            total += size;
            if total > LIMIT {
                // Another build may have removed it as well.
                let _ = fs::remove_file(path);
            }
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        Path::new(&self.directory).join(key.0.to_hex().as_str())
    }
}

/// The object, the list of unchecked functions, and the list's length.
fn encode(unit: &Unit, to: &mut fs::File) -> std::io::Result<()> {
    let left = serde_json::to_vec(&unit.left_unchecked)?;
    to.write_all(&unit.object)?;
    to.write_all(&left)?;
    to.write_all(&(left.len() as u64).to_le_bytes())
}

fn decode(mut stored: Vec<u8>) -> Option<Unit> {
    let length = u64::from_le_bytes(*stored.last_chunk::<8>()?);
    let left_end = stored.len() - 8;
    let left_start = left_end.checked_sub(length.try_into().ok()?)?;
    let left_unchecked = serde_json::from_slice(&stored[left_start..left_end]).ok()?;
    stored.truncate(left_start);
    Some(Unit { object: stored, left_unchecked })
}

#[cfg(test)]
mod tests {
    use super::super::unit::LeftUnchecked;
    use super::*;

    #[test]
    fn gives_back_what_was_put() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(directory.path().join("units"));
        let key = Key::of([b"a".as_slice(), b"b"].into_iter());
        assert!(cache.get(&key).is_none());
        let left = LeftUnchecked { function: "f".into(), reason: "too large".into() };
        cache.put(&key, &Unit { object: b"object".to_vec(), left_unchecked: vec![left.clone()] }).expect("written");
        let unit = cache.get(&key).expect("kept");
        assert_eq!((unit.object.as_slice(), unit.left_unchecked), (b"object".as_slice(), vec![left]));
        assert!(cache.get(&Key::of([b"ab".as_slice(), b""].into_iter())).is_none());
    }

    #[test]
    fn ignores_a_file_that_was_cut_off() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(directory.path().into());
        let key = Key::of([b"a".as_slice()].into_iter());
        cache.put(&key, &Unit { object: vec![1; 100], left_unchecked: vec![] }).expect("written");
        fs::write(cache.path(&key), [1; 50]).expect("written");
        assert!(cache.get(&key).is_none());
    }
}
