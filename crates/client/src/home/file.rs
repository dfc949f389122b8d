//! Small private files, replaced whole. Must not know what they hold.

use super::{FILE_BYTES_MAX, HomeError};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError::Io { path, source }
}

/// Makes a directory and its parents for the owner alone.
pub(super) fn private(dir: &Path) -> Result<(), HomeError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))
}

/// True when group or others may look into `dir`.
pub(super) fn is_exposed(dir: &Path) -> bool {
    std::fs::metadata(dir).is_ok_and(|found| found.mode() & 0o077 != 0)
}

/// The bytes of `path`; none when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, HomeError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(at(path))?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(at(path))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(HomeError::Damaged { path: path.to_owned(), reason: "too long".to_owned() });
    }
    Ok(Some(bytes))
}

/// Writes `path` whole or not at all, for the owner alone.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    write().map_err(at(path))
}

/// Removes `path` if it is there.
pub(super) fn remove(path: &Path) -> Result<(), HomeError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
