//! The event log: what attempts said, sealed, numbered without gaps, and chained by hash, in a file and under a writer of its
//! own, so that a flood of output never delays a decision.
//!
//! ```text
//! append(entries) ─▶ per (run, epoch): numbering::accept ─▶ Kept{seq} | Known | Gap{expected}
//!                    h(seq) = BLAKE3(h(seq-1) ‖ run ‖ seq ‖ epoch ‖ n ‖ at ‖ sealed)
//! retain          ─▶ the oldest removable runs lose their events, not their tail: readers are told `Truncated{from}`
//! ```
//!
//! Must not know what is sealed inside, nor which runs are live: whoever calls [`EventLog::retain`] says so.

mod append;
mod chain;
mod read;
mod retain;
#[cfg(test)]
mod tests;

use crate::copy;
use crate::error::OpenError;
use crate::file::{self, Ballast, Durability};
use crate::tables::meta::Kind;
use ostler_core::ids::{Digest, Incarnation, LeaseId, RunId};
use ostler_core::time::Timestamp;
use redb::Database;
use std::path::Path;
use std::sync::Arc;

pub(crate) use read::verify_all;
pub use retain::{Removed, Retention};

/// Below this size a file is never compacted: there is nothing to win.
const COMPACT_BYTES_MIN: u64 = 64 << 20;
/// A file this many times larger than what it keeps is compacted at the next open; pages are never quite full.
const COMPACT_FACTOR: u64 = 3;

/// One event to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The lease it was said under.
    pub lease: LeaseId,
    /// Its number within the lease, from 1.
    pub n: u64,
    /// When the relay received it.
    pub at: Timestamp,
    /// The sealed event.
    pub sealed: Vec<u8>,
}

/// What became of one entry. `Kept` and `Known` are to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It is durable, under this number within its run.
    Kept {
        /// From 1, without gaps.
        seq: u64,
    },
    /// It was durable already.
    Known,
    /// It was not kept: an earlier one is missing.
    Gap {
        /// The number that must come first.
        expected: u64,
    },
}

/// A kept event, its chain verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Number within the run, from 1.
    pub seq: u64,
    /// The lease it was said under.
    pub lease: LeaseId,
    /// Its number within the lease.
    pub n: u64,
    /// When the relay received it.
    pub at: Timestamp,
    /// The sealed event.
    pub sealed: Vec<u8>,
    /// The chain's hash with this event.
    pub hash: Digest,
}

/// A part of a run's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slice {
    /// In order; empty when there is nothing at or after the number asked for.
    Events(Vec<Stored>),
    /// What was asked for was removed by retention: the first number still kept, or the next to be given.
    Truncated {
        /// Ask from here.
        from: u64,
    },
}

/// Where a run's events end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// The last number; zero when there was never an event.
    pub seq: u64,
    /// The chain's hash there.
    pub hash: Digest,
    /// The first number still kept.
    pub from: u64,
    /// The last n of each epoch, oldest epoch first.
    pub epochs: Vec<(u64, u64)>,
    /// Sealed bytes kept.
    pub bytes: u64,
}

/// What a stretch of scrubbing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrubbed {
    /// Records verified.
    pub records: u64,
    /// Where to go on; none at the end of the log.
    pub next: Option<RunId>,
    /// The first record that cannot be trusted; scrubbing goes on with the next run.
    pub damaged: Option<crate::error::StoreError>,
}

/// The log. Clones share the file; appends are ordered by redb.
#[derive(Debug, Clone)]
pub struct EventLog {
    db: Arc<Database>,
    incarnation: Incarnation,
    durability: Durability,
    ballast: Ballast,
}

impl EventLog {
    /// Makes a new log beside a new ledger, with the same `incarnation`.
    ///
    /// # Errors
    /// [`OpenError::Exists`] when there is a file, and whatever the disk says.
    pub fn create(path: &Path, incarnation: Incarnation) -> Result<Self, OpenError> {
        let db = file::create(path, file::new_meta(Kind::Events, incarnation))?;
        Ok(Self::on(db, incarnation, Ballast::beside(path)))
    }

    /// Opens a log, repairs it after a crash, and gives disk space back when most of the file is free (which may take
    /// seconds). [`check()`](crate::check()) it in a child process first.
    ///
    /// # Errors
    /// A file that is missing, foreign, newer, in use, denied or damaged; each says what to do.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (mut db, meta) = file::open(path, Kind::Events)?;
        give_space_back(&mut db, path, COMPACT_BYTES_MIN)?;
        Ok(Self::on(db, meta.incarnation, Ballast::beside(path)))
    }

    /// A log in memory, for tests and benches.
    ///
    /// # Errors
    /// Never in practice: memory has no disk to fail.
    pub fn in_memory() -> Result<Self, crate::error::StoreError> {
        let meta = file::new_meta(Kind::Events, Incarnation(0));
        Ok(Self::on(file::on_backend(redb::backends::InMemoryBackend::new(), meta)?, Incarnation(0), Ballast::none()))
    }

    fn on(db: Database, incarnation: Incarnation, ballast: Ballast) -> Self {
        Self { db: Arc::new(db), incarnation, durability: Durability::default(), ballast }
    }

    /// Which life of the database this is. A log serves only the ledger with the same: beside an older ledger, it would
    /// take the events of a granted epoch for known.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Copies a consistent snapshot to `target` while events come in. Copy the log before the ledger.
    ///
    /// # Errors
    /// A `target` that exists, a disk that is full, a record that cannot be trusted.
    pub fn backup(&self, target: &Path) -> Result<(), OpenError> {
        copy::snapshot(&self.db, target)
    }
}

/// Compacts a file that is larger than `bytes_min` and mostly free. It needs the file for itself, so it is done at open.
fn give_space_back(db: &mut Database, path: &Path, bytes_min: u64) -> Result<(), OpenError> {
    let taken = path.metadata().map_err(|error| OpenError::io(path, &error))?.len();
    if taken <= bytes_min {
        return Ok(());
    }
    let kept = read::bytes_kept(db).map_err(|error| OpenError::store(path, error))?;
    if taken / COMPACT_FACTOR > kept {
        db.compact().map_err(|error| OpenError::store(path, error.into()))?;
    }
    Ok(())
}
