//! Append: entries get their numbers and their place in the chain, in one transaction.

use super::{Entry, EventLog, Placed, chain};
use crate::error::StoreError;
use crate::file;
use crate::tables::events::{End, EventV1, Link, TailV1};
use crate::tables::{Table, open, raw, record};
use ostler_core::ids::{Digest, LeaseId, RunId};
use ostler_core::numbering::{Numbered, accept};
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeMap;

impl EventLog {
    /// Keeps a batch in order, in one transaction, durable when this returns. One answer for each entry. A batch that holds
    /// nothing new costs no commit.
    ///
    /// # Errors
    /// Nothing of the batch may be acknowledged, and the log must be dropped.
    pub fn append(&self, entries: &[Entry]) -> Result<Vec<Placed>, StoreError> {
        self.ballast.spend_on(self.write(entries))
    }

    fn write(&self, entries: &[Entry]) -> Result<Vec<Placed>, StoreError> {
        let txn = file::begin(&self.db, self.durability)?;
        let mut ends = BTreeMap::new();
        let mut links = BTreeMap::new();
        let mut placed = Vec::with_capacity(entries.len());
        for entry in entries {
            let end = match ends.entry(entry.lease.run) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => place.insert(read_end(&txn, entry.lease.run)?),
            };
            placed.push(place(end, entry, &mut links));
        }
        if links.is_empty() {
            txn.abort()?;
            return Ok(placed);
        }
        write(&txn, &ends, &links)?;
        txn.commit()?;
        Ok(placed)
    }
}

pub(super) fn read_end(txn: &WriteTransaction, run: RunId) -> Result<End, StoreError> {
    let table = txn.open_table(raw::<TailV1>())?;
    let key = TailV1::key(&run);
    let Some(kept) = table.get(key.as_slice())? else { return Ok(End::default()) };
    open::<TailV1>(&key, kept.value()).map(|(_, end)| end)
}

fn place(end: &mut End, entry: &Entry, links: &mut BTreeMap<Vec<u8>, Link>) -> Placed {
    let LeaseId { run, epoch } = entry.lease;
    let at = end.epochs.binary_search_by_key(&epoch, |(known, _)| *known);
    match accept(at.ok().map(|at| end.epochs[at].1), entry.n) {
        Numbered::Duplicate => Placed::Known,
        Numbered::Gap { expected } => Placed::Gap { expected },
        Numbered::Next => {
            match at {
                Ok(at) => end.epochs[at].1 = entry.n,
                Err(at) => end.epochs.insert(at, (epoch, entry.n)),
            }
            let sealed = entry.sealed.clone();
            let mut link = Link { hash: Digest([0; 32]), epoch, n: entry.n, at: entry.at, sealed };
            end.seq += 1;
            link.hash = chain::hash(&end.hash, run, end.seq, &link);
            end.hash = link.hash;
            end.bytes += link.sealed.len() as u64;
            end.last_at = end.last_at.max(entry.at);
            links.insert(EventV1::key(&(run, end.seq)), link);
            Placed::Kept { seq: end.seq }
        }
    }
}

fn write(
    txn: &WriteTransaction,
    ends: &BTreeMap<RunId, End>,
    links: &BTreeMap<Vec<u8>, Link>,
) -> Result<(), StoreError> {
    let mut events = txn.open_table(raw::<EventV1>())?;
    for (key, link) in links {
        events.insert(key.as_slice(), record::<EventV1>(key, link).as_slice())?;
    }
    let mut tails = txn.open_table(raw::<TailV1>())?;
    for (run, end) in ends {
        let key = TailV1::key(run);
        tails.insert(key.as_slice(), record::<TailV1>(&key, end).as_slice())?;
    }
    Ok(())
}
