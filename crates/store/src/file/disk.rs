//! Disks for tests: one that forgets what was not synced, one that fills up, one that flips a bit.
//!
//! ```text
//! write, set_len ─▶ volatile ─ sync_data ─▶ durable
//! crash at operation k: the k-th and all later fail; what lies on disk is durable + any subset of the volatile sectors
//! ```

use redb::StorageBackend;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

/// The unit in which unsynced writes are lost or kept.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
struct Platter {
    durable: Vec<u8>,
    volatile: Vec<u8>,
    operations: u64,
    fails_at: Option<u64>,
    full_at: Option<u64>,
}

/// Shared, so that a test keeps the platter when the database on it is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let platter = Platter { durable: bytes.clone(), volatile: bytes, ..Platter::default() };
        Self(Arc::new(Mutex::new(platter)))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().expect("no test panics while it holds the platter")
    }

    /// Mutating operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.platter().operations
    }

    /// From mutating operation `at` on, nothing works any more.
    pub(crate) fn crash_at(&self, at: u64) {
        self.platter().fails_at = Some(at);
    }

    /// No file grows past this many bytes.
    pub(crate) fn full_at(&self, bytes: u64) {
        self.platter().full_at = Some(bytes);
    }

    /// What was acknowledged by a sync, and of the rest every sector that `survives` takes.
    pub(crate) fn after_crash(&self, survives: impl Fn(usize) -> bool) -> Vec<u8> {
        let platter = self.platter();
        let mut left = platter.durable.clone();
        left.resize(left.len().max(platter.volatile.len()), 0);
        let sectors = left.chunks_mut(SECTOR).zip(platter.volatile.chunks(SECTOR));
        for (_, (kept, lost)) in sectors.enumerate().filter(|(sector, _)| survives(*sector)) {
            kept[..lost.len()].copy_from_slice(lost);
        }
        left
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.platter().volatile.clone()
    }

    fn mutate(&self) -> Result<MutexGuard<'_, Platter>, Error> {
        let mut platter = self.platter();
        platter.operations += 1;
        match platter.fails_at {
            Some(at) if platter.operations >= at => Err(Error::other("the machine lost power")),
            Some(_) | None => Ok(platter),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.platter().volatile.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let offset = usize::try_from(offset).map_err(Error::other)?;
        let platter = self.platter();
        let bytes = platter.volatile.get(offset..offset + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut platter = self.mutate()?;
        if platter.full_at.is_some_and(|full| len > full) {
            return Err(ErrorKind::StorageFull.into());
        }
        platter.volatile.resize(usize::try_from(len).map_err(Error::other)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut platter = self.mutate()?;
        platter.durable = platter.volatile.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let offset = usize::try_from(offset).map_err(Error::other)?;
        let mut platter = self.mutate()?;
        let end = offset + data.len();
        if platter.volatile.len() < end {
            platter.volatile.resize(end, 0);
        }
        platter.volatile[offset..end].copy_from_slice(data);
        Ok(())
    }
}
