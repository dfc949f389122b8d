//! The disk below: what one fsync costs here and now, and what happens to a file's pages.

use crate::{Error, clock};
use rustix::fs::{Advice, fadvise, fdatasync};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// A page as a database writes one.
const PAGE: [u8; 4096] = [7; 4096];
/// Pages the probe goes round in: written before, so that no fsync pays for a growing file.
const PAGES: u64 = 64;

/// Writes a page now and then and waits until the disk has it: the least that anything durable costs.
pub(crate) struct Probe {
    file: File,
    turn: u64,
}

impl Probe {
    pub(crate) fn beside(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("fsync.probe");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        (0..PAGES).try_for_each(|page| file.write_all_at(&PAGE, page * PAGE.len() as u64))?;
        file.sync_all()?;
        Ok(Self { file, turn: 0 })
    }

    /// One page, one fsync.
    pub(crate) fn fsync(&mut self) -> Result<Duration, Error> {
        self.turn += 1;
        self.file.write_all_at(&PAGE, self.turn % PAGES * PAGE.len() as u64)?;
        let started = clock::now();
        fdatasync(&self.file)?;
        Ok(started.elapsed())
    }
}

/// Writes a file out and has the system forget its pages, as after a start of the machine.
pub(crate) fn forget_pages(path: &Path) -> Result<(), Error> {
    let file = File::open(path)?;
    file.sync_all()?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}
