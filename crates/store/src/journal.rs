//! A runner's journal: what it holds and still owes the relay, so that a runner that is killed and started again goes on
//! where it was.
//!
//! ```text
//! Held ─▶ Event, Spooled (one transaction) ─▶ Report ─▶ EventsKept, ReportKept ─▶ Forget
//!            └─ Ask ─▶ Answered
//! ```
//!
//! Everything goes when the relay has acknowledged it. Must not know what is sealed, nor talk to anybody.

mod change;
#[cfg(test)]
mod tests;

use crate::error::{OpenError, StoreError};
use crate::file::{self, Ballast, Durability};
use crate::tables::journal::{AskV1, CursorV1, HeldV1, OutboxV1, ReportV1};
use crate::tables::meta::Kind;
use crate::tables::run::lease_key;
use crate::tables::{Table, after, all, raw, scan};
use ostler_core::ids::{ApprovalId, Incarnation, LeaseId};
use ostler_core::time::Timestamp;
use redb::{Database, ReadTransaction, ReadableDatabase};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A lease that the runner holds, with what it needs to take its attempt up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalledLease {
    /// Run and epoch.
    pub lease: LeaseId,
    /// How far the attempt is.
    pub stage: Stage,
    /// Where its shim listens and spools.
    pub shim_dir: PathBuf,
    /// The sealed body, as it was offered.
    pub task: Vec<u8>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// No agent was started.
    Preparing,
    /// The shim owns an agent.
    Running,
    /// The agent ended; its work is brought home.
    Finishing,
    /// The report is written.
    Reported,
}

/// How far a lease's spool was turned into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolCursor {
    /// Bytes of the spool that are in events.
    pub spool_offset: u64,
    /// The number of the next event.
    pub next_n: u64,
}

/// One row to write or remove. A batch of them is one transaction: an event and the cursor that covers it go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalChange {
    /// A lease as it now stands.
    Held(JournalledLease),
    /// The cursor of a lease's spool.
    Spooled(LeaseId, SpoolCursor),
    /// An event, by its number within the lease.
    Event(LeaseId, u64, Vec<u8>),
    /// The relay has this event and all before it.
    EventsKept(LeaseId, u64),
    /// The report that ends a lease, as it is sent.
    Report(LeaseId, Vec<u8>),
    /// The relay has the report.
    ReportKept(LeaseId),
    /// A question, as it is sent.
    Ask(ApprovalId, LeaseId, Vec<u8>),
    /// A question has its answer, or needs none any more.
    Answered(ApprovalId),
    /// The lease is over: everything of it goes, what was not acknowledged included.
    Forget(LeaseId),
}

/// All that a runner starts from; events are read by [`Journal::events`], because there may be many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalRows {
    /// Leases held.
    pub leases: Vec<JournalledLease>,
    /// Their spools' cursors.
    pub cursors: Vec<(LeaseId, SpoolCursor)>,
    /// Events not acknowledged: first and last number by lease.
    pub pending: Vec<(LeaseId, u64, u64)>,
    /// Reports not acknowledged.
    pub reports: Vec<(LeaseId, Vec<u8>)>,
    /// Questions without an answer.
    pub asks: Vec<(ApprovalId, LeaseId, Vec<u8>)>,
}

/// The journal. Clones share the file; commits are ordered by redb.
#[derive(Debug, Clone)]
pub struct Journal {
    db: Arc<Database>,
    durability: Durability,
    ballast: Ballast,
}

impl Journal {
    /// Makes a new journal.
    ///
    /// # Errors
    /// [`OpenError::Exists`] when there is a file, and whatever the disk says.
    pub fn create(path: &Path) -> Result<Self, OpenError> {
        Ok(Self::on(file::create(path, file::new_meta(Kind::Journal, Incarnation(0)))?, Ballast::beside(path)))
    }

    /// Opens a journal and repairs it after a crash.
    ///
    /// # Errors
    /// A file that is missing, foreign, newer, in use, denied or damaged; each says what to do.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self::on(file::open(path, Kind::Journal)?.0, Ballast::beside(path)))
    }

    /// A journal in memory, for tests.
    ///
    /// # Errors
    /// Never in practice: memory has no disk to fail.
    pub fn in_memory() -> Result<Self, StoreError> {
        let meta = file::new_meta(Kind::Journal, Incarnation(0));
        Ok(Self::on(file::on_backend(redb::backends::InMemoryBackend::new(), meta)?, Ballast::none()))
    }

    fn on(db: Database, ballast: Ballast) -> Self {
        Self { db: Arc::new(db), durability: Durability::default(), ballast }
    }

    /// Writes a batch in one transaction, in order; durable when it returns.
    ///
    /// # Errors
    /// Nothing of the batch may be taken as kept, and the journal must be dropped.
    pub fn commit(&self, changes: &[JournalChange]) -> Result<(), StoreError> {
        self.ballast.spend_on(self.write(changes))
    }

    fn write(&self, changes: &[JournalChange]) -> Result<(), StoreError> {
        let txn = file::begin(&self.db, self.durability)?;
        changes.iter().try_for_each(|change| change::write(&txn, change))?;
        Ok(txn.commit()?)
    }

    /// All rows but the events themselves.
    ///
    /// # Errors
    /// A record that cannot be read or trusted.
    pub fn load(&self) -> Result<JournalRows, StoreError> {
        let txn = self.db.begin_read()?;
        let asks = all::<AskV1>(&txn)?;
        Ok(JournalRows {
            leases: all::<HeldV1>(&txn)?.into_iter().map(|(_, held)| held).collect(),
            cursors: all::<CursorV1>(&txn)?,
            pending: pending(&txn)?,
            reports: all::<ReportV1>(&txn)?,
            asks: asks.into_iter().map(|(approval, (lease, question))| (approval, lease, question)).collect(),
        })
    }

    /// Events of a lease that are not acknowledged, from number `from` on: at most about `bytes_max` sealed bytes, and at
    /// least one when there is one.
    ///
    /// # Errors
    /// A record that cannot be read or trusted.
    pub fn events(&self, lease: LeaseId, from: u64, bytes_max: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let txn = self.db.begin_read()?;
        let (start, end) = (OutboxV1::key(&(lease, from)), after(&lease_key(&lease)));
        let mut events = Vec::new();
        let mut bytes = 0;
        for event in scan::<OutboxV1>(&txn, &start, &end)? {
            let ((_, n), sealed) = event?;
            bytes += sealed.len();
            if bytes > bytes_max && !events.is_empty() {
                break;
            }
            events.push((n, sealed));
        }
        Ok(events)
    }
}

/// First and last number by lease, from keys alone.
fn pending(txn: &ReadTransaction) -> Result<Vec<(LeaseId, u64, u64)>, StoreError> {
    use redb::ReadableTable;
    let mut pending: Vec<(LeaseId, u64, u64)> = Vec::new();
    for item in txn.open_table(raw::<OutboxV1>())?.iter()? {
        let (key, _) = item?;
        let (lease, n) = OutboxV1::unkey(key.value()).ok_or_else(|| crate::tables::damaged::<OutboxV1>(key.value()))?;
        match pending.last_mut() {
            Some((last, _, to)) if *last == lease => *to = n,
            Some(_) | None => pending.push((lease, n, n)),
        }
    }
    Ok(pending)
}
