//! Backup of a file in use, and restore under a new incarnation.
//!
//! ```text
//! read transaction (a snapshot) ─▶ target.tmp, record by record, each verified ─▶ rename
//! ```
//!
//! Records are copied as they are; only `meta_v1` changes, in a restore. Must not know what the tables hold.

use crate::error::{OpenError, StoreError};
use crate::file::{Durability, begin, layout, make, open_any, write_meta};
use crate::tables::meta::{FILE, Kind, Meta, MetaV1};
use crate::tables::{Raw, Walk, get};
use ostler_core::ids::Incarnation;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};
use std::path::Path;

/// Records to a transaction of the copy: bounds what a commit holds in memory.
const RECORDS_PER_COMMIT: usize = 2_000;

/// Makes `target` out of `backup`, which stays. The restored database has a new `incarnation` (64 bits of chance), by which
/// runners and clients notice that history was rolled back. Any of the three kinds of file.
///
/// # Errors
/// A `target` that exists, a `backup` that is missing, foreign, newer or damaged, a disk that is full.
pub fn restore(backup: &Path, target: &Path, incarnation: Incarnation) -> Result<(), OpenError> {
    let (from, meta) = open_any(backup)?;
    write_copy(&from, target, Meta { incarnation, ..meta })
}

/// Copies what is committed now.
pub(crate) fn snapshot(from: &Database, target: &Path) -> Result<(), OpenError> {
    let meta = || -> Result<Meta, StoreError> {
        let meta = get::<MetaV1>(&from.begin_read()?, &FILE)?;
        meta.ok_or_else(|| StoreError::Corrupt("meta_v1 is empty".to_owned()))
    };
    let meta = meta().map_err(|error| OpenError::store(target, error))?;
    write_copy(from, target, meta)
}

fn write_copy(from: &Database, target: &Path, meta: Meta) -> Result<(), OpenError> {
    make(target, |to| {
        let txn = from.begin_read()?;
        verify(&txn, meta.kind)?;
        for slot in layout::of(meta.kind) {
            copy_table(&txn, to, slot.raw)?;
        }
        let last = begin(to, Durability::Quick)?;
        layout::found(meta.kind, &last)?;
        write_meta(&last, meta)?;
        Ok(last.commit()?)
    })
}

/// A copy of damaged records would hide the damage behind a fresh file.
fn verify(txn: &ReadTransaction, kind: Kind) -> Result<(), StoreError> {
    let mut walk = Walk::default();
    layout::walk(kind, txn, &mut walk)?;
    walk.damaged.into_iter().next().map_or(Ok(()), Err)
}

fn copy_table(txn: &ReadTransaction, to: &Database, table: Raw<'_>) -> Result<(), StoreError> {
    let from = txn.open_table(table)?;
    let mut records = from.iter()?.peekable();
    while records.peek().is_some() {
        let mut part = to.begin_write()?;
        // Only the last commit of a copy has to be durable: the file has no name before it.
        part.set_durability(redb::Durability::None).map_err(redb::Error::from)?;
        {
            let mut copy = part.open_table(table)?;
            for record in records.by_ref().take(RECORDS_PER_COMMIT) {
                let (key, value) = record?;
                copy.insert(key.value(), value.value())?;
            }
        }
        part.commit()?;
    }
    Ok(())
}
