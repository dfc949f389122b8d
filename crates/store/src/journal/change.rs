//! One change of a journal as records.

use super::JournalChange;
use crate::error::StoreError;
use crate::tables::journal::{AskV1, CursorV1, HeldV1, OutboxV1, ReportV1};
use crate::tables::{Table, open, raw, record};
use ostler_core::ids::LeaseId;
use redb::{ReadableTable, WriteTransaction};

pub(super) fn write(txn: &WriteTransaction, change: &JournalChange) -> Result<(), StoreError> {
    match change {
        JournalChange::Held(held) => put::<HeldV1>(txn, &held.lease, held),
        JournalChange::Spooled(lease, cursor) => put::<CursorV1>(txn, lease, cursor),
        JournalChange::Event(lease, n, sealed) => put::<OutboxV1>(txn, &(*lease, *n), sealed),
        JournalChange::EventsKept(lease, through) => drop_events(txn, *lease, *through),
        JournalChange::Report(lease, sealed) => put::<ReportV1>(txn, lease, sealed),
        JournalChange::ReportKept(lease) => remove::<ReportV1>(txn, lease),
        JournalChange::Ask(approval, lease, question) => put::<AskV1>(txn, approval, &(*lease, question.clone())),
        JournalChange::Answered(approval) => remove::<AskV1>(txn, approval),
        JournalChange::Forget(lease) => forget(txn, *lease),
    }
}

fn put<T: Table>(txn: &WriteTransaction, key: &T::Key, row: &T::Row) -> Result<(), StoreError> {
    let key = T::key(key);
    txn.open_table(raw::<T>())?.insert(key.as_slice(), record::<T>(&key, row).as_slice())?;
    Ok(())
}

fn remove<T: Table>(txn: &WriteTransaction, key: &T::Key) -> Result<(), StoreError> {
    txn.open_table(raw::<T>())?.remove(T::key(key).as_slice())?;
    Ok(())
}

fn drop_events(txn: &WriteTransaction, lease: LeaseId, through: u64) -> Result<(), StoreError> {
    let (from, to) = (OutboxV1::key(&(lease, 0)), OutboxV1::key(&(lease, through)));
    txn.open_table(raw::<OutboxV1>())?.retain_in(from.as_slice()..=to.as_slice(), |_, _| false)?;
    Ok(())
}

fn forget(txn: &WriteTransaction, lease: LeaseId) -> Result<(), StoreError> {
    remove::<HeldV1>(txn, &lease)?;
    remove::<CursorV1>(txn, &lease)?;
    remove::<ReportV1>(txn, &lease)?;
    drop_events(txn, lease, u64::MAX)?;
    let mut asks = txn.open_table(raw::<AskV1>())?;
    let mut over = Vec::new();
    for item in asks.iter()? {
        let (key, ask) = item?;
        if open::<AskV1>(key.value(), ask.value())?.1.0 == lease {
            over.push(key.value().to_vec());
        }
    }
    for key in over {
        asks.remove(key.as_slice())?;
    }
    Ok(())
}
