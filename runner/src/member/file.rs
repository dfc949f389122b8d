//! Small files of the home: read bounded, replaced whole. Must not know what they hold.

use super::MemberError;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Longest file of ours: the tombstones of a fleet that turned hundreds away.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file's bytes; none when it is not there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, MemberError> {
    let io = |source| MemberError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(MemberError::Damaged { path: path.to_owned(), reason: "it is too long".to_owned() });
    }
    Ok(Some(bytes))
}

/// Puts `bytes` in the file's place, for the owner's eyes only; whole or not at all, also after a power cut.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), MemberError> {
    let draft = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|source| MemberError::Io { path: path.to_owned(), source })
}
