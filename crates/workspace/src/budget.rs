//! How much disk the workspace may use, how much it does, and the honest refusal.
//!
//! Must not know git. Sizes are what the disk gives (blocks), not what files claim: a sparse file costs little.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::clock::Stop;
use crate::error::Fault;

/// The bounds of a workspace. Every field in bytes unless its name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What mirrors and working trees may use together.
    pub disk_bytes_max: u64,
    /// What stays free on the disk whatever happens, so that the journal and the relay can still write.
    pub reserve_bytes: u64,
    /// The largest single file brought home; a larger one is reported and left behind.
    pub file_bytes_max: u64,
    /// All that one save may bring home.
    pub work_bytes_max: u64,
}

impl Default for Limits {
    /// 50 GiB in all, 2 GiB left free, 100 MiB a file (the push limit of the large forges), 4 GiB a save.
    fn default() -> Self {
        Self { disk_bytes_max: 50 << 30, reserve_bytes: 2 << 30, file_bytes_max: 100 << 20, work_bytes_max: 4 << 30 }
    }
}

/// What was measured, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In mirrors, quarantines and working trees.
    pub used_bytes: u64,
    /// The most they may use.
    pub max_bytes: u64,
    /// Free on the disk of the mirrors, for this user.
    pub free_bytes: u64,
    /// Kept free.
    pub reserve_bytes: u64,
}

/// Not enough room for what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no room for {what}: it needs about {needed_bytes} bytes; the workspace uses {} of {} bytes and the disk has {} free of which {} stay reserved. \
     Free disk, remove finished trees, or raise the limit in the runner's config",
    budget.used_bytes, budget.max_bytes, budget.free_bytes, budget.reserve_bytes
)]
pub struct Shortage {
    /// What was to be made.
    pub what: &'static str,
    /// An estimate from below.
    pub needed_bytes: u64,
    /// What was measured.
    pub budget: Budget,
}

impl Budget {
    /// Refuses what does not fit.
    pub(crate) fn admit(self, what: &'static str, needed_bytes: u64) -> Result<(), Shortage> {
        let over = self.used_bytes.saturating_add(needed_bytes) > self.max_bytes;
        let starved = needed_bytes.saturating_add(self.reserve_bytes) > self.free_bytes;
        if over || starved { Err(Shortage { what, needed_bytes, budget: self }) } else { Ok(()) }
    }
}

/// Bytes free for this user on the disk of `path`.
pub(crate) fn free_bytes(path: &Path) -> Result<u64, Fault> {
    let stat = rustix::fs::statvfs(path).map_err(|e| Fault::io("measure the disk of", path)(e.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes on disk under `path`, following no symlink. What vanishes or may not be read counts nothing.
///
/// # Errors
/// Only when it is told to stop.
pub fn measure(path: &Path, stop: &Stop<'_>) -> Result<u64, Fault> {
    let mut total = 0u64;
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        stop.check()?;
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            total = total.saturating_add(meta.blocks().saturating_mul(BLOCK_BYTES));
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(total)
}

/// The unit of `st_blocks`, whatever the file system's own block is (POSIX leaves it open, Linux and macOS say 512).
const BLOCK_BYTES: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_its_numbers() {
        let budget = Budget { used_bytes: 60, max_bytes: 100, free_bytes: 50, reserve_bytes: 20 };
        assert_eq!(budget.admit("a tree", 30), Ok(()));
        let over_free = budget.admit("a tree", 31).expect_err("the reserve must stay");
        assert_eq!(over_free.needed_bytes, 31);
        assert!(over_free.to_string().contains("31 bytes"));
        assert!(Budget { free_bytes: 500, ..budget }.admit("a tree", 41).is_err(), "the budget holds too");
    }
}
