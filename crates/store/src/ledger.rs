//! The ledger's file: every row of a fleet.
//!
//! ```text
//! commit(changes) ─▶ Batch: one put or removal per record, sorted ─▶ one transaction, one or two fsyncs
//! load            ─▶ life_v1 whole, lately_v1 since a time, and what hangs on those runs
//! ```
//!
//! Owns the mapping from changes to records. Must not know why a change was decided.

mod batch;
mod load;
mod point;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod whole;

use crate::error::{OpenError, StoreError};
use crate::file::{self, Ballast, Durability};
use crate::shelf::{Reads, Shelf};
use crate::tables::meta::Kind;
use batch::Batch;
use ostler_core::decision::Change;
use ostler_core::ids::Incarnation;
use ostler_core::ledger::Rows;
use ostler_core::time::Timestamp;
use point::Points;
use redb::Database;
use std::path::Path;
use std::sync::Arc;
pub(crate) use whole::verify as verify_whole;

/// A [`Shelf`] on redb: a file, or memory for tests and benches.
#[derive(Debug)]
pub struct LedgerFile {
    db: Arc<Database>,
    incarnation: Incarnation,
    durability: Durability,
    ballast: Ballast,
}

impl LedgerFile {
    /// Makes a new file for a new life of a relay; `incarnation` is 64 bits of chance.
    ///
    /// # Errors
    /// [`OpenError::Exists`] when there is a file, and whatever the disk says.
    pub fn create(path: &Path, incarnation: Incarnation) -> Result<Self, OpenError> {
        let db = file::create(path, file::new_meta(Kind::Ledger, incarnation))?;
        Ok(Self::on(db, incarnation, Ballast::beside(path)))
    }

    /// Opens a file, repairs it after a crash and brings it to the newest schema. A damaged file may make this panic or
    /// abort: [`check()`](crate::check()) it in a child process first.
    ///
    /// # Errors
    /// A file that is missing, foreign, newer, in use, denied or damaged; each says what to do.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (db, meta) = file::open(path, Kind::Ledger)?;
        Ok(Self::on(db, meta.incarnation, Ballast::beside(path)))
    }

    /// The same, in memory.
    ///
    /// # Errors
    /// Never in practice: memory has no disk to fail.
    pub fn in_memory(incarnation: Incarnation) -> Result<Self, StoreError> {
        let meta = file::new_meta(Kind::Ledger, incarnation);
        Ok(Self::on(file::on_backend(redb::backends::InMemoryBackend::new(), meta)?, incarnation, Ballast::none()))
    }

    fn on(db: Database, incarnation: Incarnation, ballast: Ballast) -> Self {
        Self { db: Arc::new(db), incarnation, durability: Durability::default(), ballast }
    }

    /// Commits differently from now on; the default is what was measured to be best.
    pub const fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        let batch = Batch::of(changes);
        let txn = file::begin(&self.db, self.durability)?;
        batch.write(&txn)?;
        Ok(txn.commit()?)
    }
}

impl Shelf for LedgerFile {
    fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn load(&self, settled_since: Timestamp) -> Result<Rows, StoreError> {
        load::rows(&self.db, settled_since)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.ballast.spend_on(self.write(changes))
    }

    fn reads(&self) -> Arc<dyn Reads> {
        Arc::new(Points::of(Arc::clone(&self.db)))
    }
}
