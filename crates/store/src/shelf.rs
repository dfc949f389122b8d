//! The seam where another engine may come in: what the relay asks of whoever keeps its rows.
//!
//! Owns the two traits and their arguments; rows go in and rows come out, never closures. Must not know redb.

use crate::error::{OpenError, StoreError};
use ostler_core::approval::Approval;
use ostler_core::decision::Change;
use ostler_core::ids::{DeviceId, Digest, Incarnation, LeaseId, RunId};
use ostler_core::ledger::Rows;
use ostler_core::run::Run;
use ostler_core::time::Timestamp;
use std::path::Path;
use std::sync::Arc;

/// One writer's view: all rows at the start, then batch after batch.
pub trait Shelf: Send + 'static {
    /// Which life of the database this is.
    fn incarnation(&self) -> Incarnation;

    /// Every row a ledger starts from: all live runs, and the runs that settled at or after `settled_since` (at most 48 h
    /// before the newest settlement are still found). Keys that stand for no run loaded are left out.
    ///
    /// # Errors
    /// The first record that cannot be read or trusted.
    fn load(&self, settled_since: Timestamp) -> Result<Rows, StoreError>;

    /// Writes a batch in one transaction, in order; durable when it returns.
    ///
    /// # Errors
    /// Nothing of the batch may be taken as kept, and the shelf must be dropped.
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError>;

    /// A view for readers on other threads.
    fn reads(&self) -> Arc<dyn Reads>;
}

/// Point reads beside the writer. Each sees all that was committed before it began. They block on the disk.
pub trait Reads: Send + Sync {
    /// The sealed body of a run.
    ///
    /// # Errors
    /// As every read here: a record that cannot be read or trusted.
    fn body(&self, run: RunId) -> Result<Option<Vec<u8>>, StoreError>;

    /// The sealed result of an accepted report.
    ///
    /// # Errors
    /// A record that cannot be read or trusted.
    fn result(&self, lease: LeaseId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Any run that was not forgotten, however long ago it settled.
    ///
    /// # Errors
    /// A record that cannot be read or trusted.
    fn run(&self, run: RunId) -> Result<Option<Run>, StoreError>;

    /// A page of runs, newest first.
    ///
    /// # Errors
    /// A record that cannot be read or trusted.
    fn runs(&self, page: Page) -> Result<Vec<Run>, StoreError>;

    /// Ids of runs whose printed form starts with `text` (with or without `run_`), newest first; when none does, of the
    /// newest hundred thousand whose printed form ends with it, as listings print it. At most `limit`.
    ///
    /// # Errors
    /// A disk that cannot be read.
    fn find(&self, text: &str, limit: usize) -> Result<Vec<RunId>, StoreError>;

    /// True while the run is neither settled nor forgotten: nothing of it may be thrown away.
    ///
    /// # Errors
    /// A disk that cannot be read.
    fn is_live(&self, run: RunId) -> Result<bool, StoreError>;

    /// Reports of a run that came too late, by epoch.
    ///
    /// # Errors
    /// A record that cannot be read or trusted.
    fn late(&self, run: RunId) -> Result<Vec<LateReport>, StoreError>;

    /// Approvals of a run, oldest first.
    ///
    /// # Errors
    /// A record that cannot be read or trusted.
    fn approvals(&self, run: RunId) -> Result<Vec<Approval>, StoreError>;

    /// Copies a consistent snapshot to `target` while the writer goes on. Back up the event log *before* the ledger, so that
    /// the copy never holds events of an epoch that the copied ledger would grant again.
    ///
    /// # Errors
    /// A `target` that exists, a disk that is full, a record that cannot be trusted.
    fn backup(&self, target: &Path) -> Result<(), OpenError>;
}

/// Which runs to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only runs made at or after this, in Unix milliseconds by their makers' clocks.
    pub since_unix_ms: u64,
    /// Only runs older than this one: the last of the page before.
    pub before: Option<RunId>,
    /// At most this many.
    pub limit: usize,
}

impl Page {
    /// The newest `limit` runs.
    #[must_use]
    pub const fn newest(limit: usize) -> Self {
        Self { since_unix_ms: 0, before: None, limit }
    }
}

/// A report that came too late, kept as evidence and never applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateReport {
    /// The lease it was made under.
    pub lease: LeaseId,
    /// Who sent it.
    pub worker: DeviceId,
    /// Digest of the report.
    pub digest: Digest,
    /// The sealed result it carried.
    pub sealed: Vec<u8>,
}
