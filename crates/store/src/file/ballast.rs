//! The ballast: bytes set aside beside a database, so that a full disk leaves room to clean up.
//!
//! On a full disk even deleting needs pages. When a commit fails for want of room the ballast is given back; the next start,
//! which has room again, sets it aside anew.

use super::beside;
use std::fs::{File, remove_file};
use std::io::Write;
use std::path::Path;

/// Enough for the commits that cancel, settle and forget; small enough for a small disk.
const BALLAST_BYTES: usize = 8 << 20;

/// Sets the ballast aside, unless it is there or there is no room: then running goes before ballast.
pub(crate) fn set_aside(database: &Path) {
    let path = beside(database, "ballast");
    if path.metadata().is_ok_and(|kept| kept.len() == BALLAST_BYTES as u64) {
        return;
    }
    // Not a hole: the blocks must be taken now.
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0x5a; BALLAST_BYTES])?;
        file.sync_all()
    });
    if written.is_err() {
        release(database);
    }
}

/// Gives the ballast back to the disk.
pub(crate) fn release(database: &Path) {
    // It may be gone already, and there is nobody to tell: the caller reports that the disk is full.
    drop(remove_file(beside(database, "ballast")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballast_is_set_aside_once_and_given_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("ledger.redb");
        set_aside(&database);
        let kept = || beside(&database, "ballast").metadata().map(|kept| kept.len()).ok();
        assert_eq!(kept(), Some(BALLAST_BYTES as u64));
        set_aside(&database);
        release(&database);
        release(&database);
        assert_eq!(kept(), None);
    }
}
