//! Retention: old events of finished runs make room for new ones.
//!
//! A run loses all its events or none: half a story is evidence of nothing. Its tail stays, so that its numbers go on and its
//! readers are told.

use super::EventLog;
use crate::error::StoreError;
use crate::file;
use crate::tables::events::{End, EventV1, TailV1};
use crate::tables::{Table, all, raw, record};
use ostler_core::ids::RunId;
use ostler_core::time::Timestamp;
use redb::{ReadableDatabase, WriteTransaction};

/// Sealed bytes removed in one transaction, about: what a commit may hold up appends for.
const BYTES_PER_COMMIT: u64 = 64 << 20;

/// What may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Runs whose last event is older lose their events.
    pub older_than: Timestamp,
    /// Sealed bytes kept in all; past it the oldest go first.
    pub bytes_max: u64,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Runs that lost their events.
    pub runs: u64,
    /// Sealed bytes freed for reuse; the file shrinks at the next open.
    pub bytes: u64,
    /// True when more is due: call again.
    pub more: bool,
}

impl EventLog {
    /// Removes events of runs that `removable` takes, oldest first, in one bounded transaction. `removable` must never
    /// take a live run: [`Reads::is_live`](crate::Reads::is_live) knows.
    ///
    /// # Errors
    /// A record that cannot be trusted, or a disk that failed: then the log must be dropped.
    pub fn retain(&self, rule: Retention, removable: impl Fn(RunId) -> bool) -> Result<Removed, StoreError> {
        let (due, removed) = self.due(rule, removable)?;
        if !due.is_empty() {
            self.ballast.spend_on(self.cut(due))?;
        }
        Ok(removed)
    }

    /// Whose events go, with their tails as they were seen.
    fn due(
        &self,
        rule: Retention,
        removable: impl Fn(RunId) -> bool,
    ) -> Result<(Vec<(RunId, End)>, Removed), StoreError> {
        let mut tails = all::<TailV1>(&self.db.begin_read()?)?;
        let mut kept: u64 = tails.iter().map(|(_, end)| end.bytes).sum();
        tails.retain(|(_, end)| end.from <= end.seq);
        tails.sort_by_key(|(_, end)| end.last_at);
        let mut removed = Removed::default();
        let mut due = Vec::new();
        for (run, end) in tails {
            if end.last_at >= rule.older_than && kept <= rule.bytes_max {
                break;
            }
            if !removable(run) {
                continue;
            }
            if removed.bytes >= BYTES_PER_COMMIT {
                removed.more = true;
                break;
            }
            kept -= end.bytes;
            removed.runs += 1;
            removed.bytes += end.bytes;
            due.push((run, end));
        }
        Ok((due, removed))
    }

    fn cut(&self, due: Vec<(RunId, End)>) -> Result<(), StoreError> {
        let txn = file::begin(&self.db, self.durability)?;
        due.into_iter().try_for_each(|(run, end)| truncate(&txn, run, end))?;
        Ok(txn.commit()?)
    }
}

/// An event appended since the tail was read stays: it follows from the anchor.
fn truncate(txn: &WriteTransaction, run: RunId, seen: End) -> Result<(), StoreError> {
    let mut events = txn.open_table(raw::<EventV1>())?;
    let (from, to) = (EventV1::key(&(run, 0)), EventV1::key(&(run, seen.seq + 1)));
    events.retain_in(from.as_slice()..to.as_slice(), |_, _| false)?;
    let mut end = super::append::read_end(txn, run)?;
    end.from = seen.seq + 1;
    end.anchor = seen.hash;
    end.bytes -= seen.bytes;
    let key = TailV1::key(&run);
    txn.open_table(raw::<TailV1>())?.insert(key.as_slice(), record::<TailV1>(&key, &end).as_slice())?;
    Ok(())
}
