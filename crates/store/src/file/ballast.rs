//! The ballast: bytes set aside beside a database, so that a full disk leaves room to clean up.
//!
//! ```text
//! open ─▶ set aside, if there is plenty of room ─▶ a commit finds the disk full ─▶ given back ─▶ start again, clean up
//! ```
//!
//! On a full disk even deleting needs pages. Must not know what is cleaned up.

use super::beside;
use crate::error::StoreError;
use std::fs::{File, remove_file};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Enough for the commits that cancel, settle and forget; small enough for a small disk.
const BALLAST_BYTES: usize = 8 << 20;
/// The ballast is taken only where this many times as much is free: else a start after a full disk would take back at
/// once what was given for cleaning up.
const ROOM_FACTOR: usize = 4;

/// The ballast of one database; in memory there is none.
#[derive(Debug, Clone)]
pub(crate) struct Ballast(Option<Arc<PathBuf>>);

impl Ballast {
    /// Sets the ballast aside, unless it is there already or room is short: running goes before ballast.
    pub(crate) fn beside(database: &Path) -> Self {
        let path = beside(database, "ballast");
        let there = path.metadata().is_ok_and(|kept| kept.len() == BALLAST_BYTES as u64);
        let ballast = Self(Some(Arc::new(path)));
        if !there && ballast.take().is_err() {
            ballast.give_back();
        }
        ballast
    }

    pub(crate) const fn none() -> Self {
        Self(None)
    }

    fn take(&self) -> std::io::Result<()> {
        let Some(path) = &self.0 else { return Ok(()) };
        let mut file = File::create(path.as_path())?;
        // Not a hole: the blocks must be taken now.
        file.write_all(&vec![0x5a; BALLAST_BYTES * ROOM_FACTOR])?;
        file.set_len(BALLAST_BYTES as u64)?;
        file.sync_all()
    }

    fn give_back(&self) {
        if let Some(path) = &self.0 {
            // It may be gone already, and there is nobody to tell: the caller reports that the disk is full.
            drop(remove_file(path.as_path()));
        }
    }

    /// Passes on what a commit came to, giving the ballast back when the disk was full.
    pub(crate) fn spend_on<T>(&self, committed: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(committed, Err(StoreError::DiskFull)) {
            self.give_back();
        }
        committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballast_is_kept_until_a_disk_is_full() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("ledger.redb");
        let kept = || beside(&database, "ballast").metadata().map(|kept| kept.len()).ok();
        let ballast = Ballast::beside(&database);
        assert_eq!(ballast.spend_on(Err::<(), _>(StoreError::Closed)), Err(StoreError::Closed));
        assert_eq!(kept(), Some(BALLAST_BYTES as u64));
        assert_eq!(ballast.spend_on(Err::<(), _>(StoreError::DiskFull)), Err(StoreError::DiskFull));
        assert_eq!(kept(), None);
    }
}
