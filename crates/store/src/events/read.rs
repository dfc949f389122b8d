//! Reading events, always verifying the chain; and scrubbing, which reads all of it.

use super::{EventLog, Scrubbed, Slice, Stored, Tail, chain};
use crate::error::StoreError;
use crate::tables::events::{End, EventV1, Link, TailV1};
use crate::tables::{Table, Walk, after, get, scan};
use ostler_core::ids::{Digest, LeaseId, RunId};
use redb::{Database, ReadTransaction, ReadableDatabase};

/// What a record adds to its sealed bytes: integrity, chain, numbers, key, and its place in a page.
const RECORD_BYTES: u64 = 128;

impl EventLog {
    /// Events of a run from number `from` on, at most `limit` of them and about `bytes_max` sealed bytes (always at least
    /// one, when there is one). Each is verified against the chain.
    ///
    /// # Errors
    /// [`StoreError::BrokenChain`] or [`StoreError::Damaged`] at the first record that cannot be trusted.
    pub fn read(&self, run: RunId, from: u64, limit: usize, bytes_max: usize) -> Result<Slice, StoreError> {
        let txn = self.db.begin_read()?;
        let from = from.max(1);
        let end = get::<TailV1>(&txn, &run)?.unwrap_or_default();
        if from < end.from {
            return Ok(Slice::Truncated { from: end.from });
        }
        let mut events = Vec::new();
        let mut bytes = 0;
        for link in links(&txn, run, &end, from)?.take(limit) {
            let (seq, link) = link?;
            bytes += link.sealed.len();
            if bytes > bytes_max && !events.is_empty() {
                break;
            }
            let Link { hash, epoch, n, at, sealed } = link;
            events.push(Stored { seq, lease: LeaseId { run, epoch }, n, at, sealed, hash });
        }
        Ok(Slice::Events(events))
    }

    /// Where a run's events end; all zero when it never had one.
    ///
    /// # Errors
    /// A record that cannot be read or trusted.
    pub fn tail(&self, run: RunId) -> Result<Tail, StoreError> {
        let End { seq, hash, from, epochs, bytes, .. } =
            get::<TailV1>(&self.db.begin_read()?, &run)?.unwrap_or_default();
        Ok(Tail { seq, hash, from, epochs, bytes })
    }

    /// Verifies whole runs, from `cursor` on in order of their ids, until about `bytes_max` sealed bytes were read.
    ///
    /// # Errors
    /// Only when the disk cannot be read: damage is a finding.
    pub fn scrub(&self, cursor: Option<RunId>, bytes_max: u64) -> Result<Scrubbed, StoreError> {
        let txn = self.db.begin_read()?;
        let from = cursor.map(|run| TailV1::key(&run)).unwrap_or_default();
        let mut scrubbed = Scrubbed { records: 0, next: None, damaged: None };
        let mut bytes = 0;
        for tail in scan::<TailV1>(&txn, &from, &[])? {
            let found = tail.and_then(|(run, end)| {
                if bytes >= bytes_max {
                    scrubbed.next = Some(run);
                    return Ok(0);
                }
                bytes += end.bytes.max(1);
                verify(&txn, run, &end)
            });
            match found {
                Ok(records) => scrubbed.records += records,
                Err(error) if is_finding(&error) => scrubbed.damaged = scrubbed.damaged.or(Some(error)),
                Err(error) => return Err(error),
            }
            if scrubbed.next.is_some() {
                break;
            }
        }
        Ok(scrubbed)
    }
}

const fn is_finding(error: &StoreError) -> bool {
    match error {
        StoreError::Damaged { .. } | StoreError::BrokenChain { .. } | StoreError::Corrupt(_) => true,
        StoreError::DiskFull | StoreError::Disk(_) | StoreError::Closed => false,
    }
}

/// Links of a run from `from` to its end, each following from the one before; the end must be where the tail says.
fn links(
    txn: &ReadTransaction,
    run: RunId,
    end: &End,
    from: u64,
) -> Result<impl Iterator<Item = Result<(u64, Link), StoreError>> + use<>, StoreError> {
    let mut before = before(txn, run, end, from)?;
    let mut expected = from;
    let (last, last_hash) = (end.seq, end.hash);
    let broken = move |seq| StoreError::BrokenChain { run, seq };
    let mut rows = scan::<EventV1>(txn, &EventV1::key(&(run, from)), &after(&run.0))?;
    Ok(std::iter::from_fn(move || {
        if expected > last {
            return None;
        }
        let seq = expected;
        expected += 1;
        let link = rows.next().unwrap_or(Err(broken(seq))).and_then(|((_, found), link)| {
            let ends_well = seq < last || link.hash == last_hash;
            let whole = found == seq && ends_well && chain::follows(&before, run, seq, &link);
            if whole { Ok((seq, link)) } else { Err(broken(seq)) }
        });
        match &link {
            Ok((_, link)) => before = link.hash,
            Err(_) => expected = u64::MAX,
        }
        Some(link)
    }))
}

/// The chain's hash just before `from`.
fn before(txn: &ReadTransaction, run: RunId, end: &End, from: u64) -> Result<Digest, StoreError> {
    if from <= end.from {
        return Ok(end.anchor);
    }
    if from > end.seq {
        return Ok(end.hash);
    }
    let link = get::<EventV1>(txn, &(run, from - 1))?;
    link.map(|link| link.hash).ok_or(StoreError::BrokenChain { run, seq: from - 1 })
}

fn verify(txn: &ReadTransaction, run: RunId, end: &End) -> Result<u64, StoreError> {
    links(txn, run, end, end.from)?.try_fold(0, |records, link| link.map(|_| records + 1))
}

/// Every chain of the log; records that do not even decode were found before.
pub(crate) fn verify_all(txn: &ReadTransaction, walk: &mut Walk) -> Result<(), StoreError> {
    for tail in scan::<TailV1>(txn, &[], &[])? {
        let Ok((run, end)) = tail else { continue };
        if let Err(error @ StoreError::BrokenChain { .. }) = verify(txn, run, &end) {
            walk.damaged.push(error);
        }
    }
    Ok(())
}

/// Bytes that the kept events take, about: what is sealed, and what each record adds.
pub(super) fn bytes_kept(db: &Database) -> Result<u64, StoreError> {
    let txn = db.begin_read()?;
    scan::<TailV1>(&txn, &[], &[])?.try_fold(0, |sum, tail| {
        let end = tail?.1;
        Ok(sum + end.bytes + (end.seq + 1 - end.from) * RECORD_BYTES)
    })
}
