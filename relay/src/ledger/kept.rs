//! The ledger's file, kept open across restarts of the actor that writes it.
//!
//! ```text
//! open(life n) ─ the actor falls ─▶ open(life n + 1): what life n still had under way is refused
//!              ─ a commit fails ──▶ broken: nobody writes again; the actor cannot start, and the process ends
//! ```
//!
//! Owns the fence between two lives of the ledger's actor. Must not know what is written.

use ostler_core::decision::Change;
use ostler_core::ledger::Rows;
use ostler_core::time::Timestamp;
use ostler_store::{LedgerFile, Shelf, StoreError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

struct Inner {
    shelf: LedgerFile,
    life: u64,
    broken: bool,
}

/// The file, shared between one life of the actor and the next.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<Inner>>);

/// One life's right to write.
pub(crate) struct Pen {
    kept: Kept,
    life: u64,
}

impl Kept {
    pub(crate) fn new(shelf: LedgerFile) -> Self {
        Self(Arc::new(Mutex::new(Inner { shelf, life: 0, broken: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while writing has marked nothing as kept, and the pen that panicked is refused from then on.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a life: everything on disk, and the only pen that may write from now on.
    pub(crate) fn open(&self, settled_since: Timestamp) -> Result<(Rows, Pen), StoreError> {
        let mut inner = self.lock();
        if inner.broken {
            return Err(StoreError::Closed);
        }
        let rows = inner.shelf.load(settled_since)?;
        inner.life += 1;
        Ok((rows, Pen { kept: self.clone(), life: inner.life }))
    }
}

impl Pen {
    /// Writes a batch, if this is still the life that may.
    pub(crate) fn write(&mut self, changes: &[Change]) -> Result<usize, StoreError> {
        let mut inner = self.kept.lock();
        if inner.broken || inner.life != self.life {
            return Err(StoreError::Closed);
        }
        // Broken until proven whole: a panic on a damaged page must not leave a pen that writes on.
        inner.broken = true;
        inner.shelf.commit(changes)?;
        inner.broken = false;
        Ok(changes.len())
    }
}
