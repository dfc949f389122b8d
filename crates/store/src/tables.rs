//! A table: a name with its version, an order of keys, a codec, and integrity of our own around each record.
//!
//! ```text
//! record = sum (8 bytes of BLAKE3 over table ‖ key ‖ row) ‖ row
//! ```
//!
//! redb serves flipped bits as data, so that every read here verifies. A row that changes shape gets a new table name and a
//! migration ([`crate::file`]). Must not know what rows mean.

pub(crate) mod events;
pub(crate) mod fleet;
pub(crate) mod journal;
pub(crate) mod meta;
#[cfg(test)]
mod round_trip;
pub(crate) mod run;

use crate::error::StoreError;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, TableError, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;

/// Bytes of integrity in front of each row: chance lets one in 2^64 damages pass.
const SUM_BYTES: usize = 8;

/// How redb sees every table of ours.
pub(crate) type Raw<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// One table of one file.
pub(crate) trait Table {
    /// Name and version on disk.
    const NAME: &'static str;
    /// What a record is found by; encodings sort as keys should.
    type Key;
    /// What is kept.
    type Row;

    fn key(key: &Self::Key) -> Vec<u8>;
    fn unkey(bytes: &[u8]) -> Option<Self::Key>;
    fn encode(row: &Self::Row) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Option<Self::Row>;
}

/// One record, decoded.
pub(crate) type Kept<T> = (<T as Table>::Key, <T as Table>::Row);

/// postcard, for rows that are structures.
pub(crate) fn pack<T: Serialize>(row: &T) -> Vec<u8> {
    postcard::to_allocvec(row).expect("rows hold only what postcard encodes, into memory")
}

/// The inverse of [`pack`]; trailing bytes are damage.
pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::take_from_bytes(bytes).ok().filter(|(_, rest)| rest.is_empty()).map(|(row, _)| row)
}

/// Splits a fixed-width part off the front of a key.
pub(crate) fn take<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(part, rest)| (*part, rest))
}

fn sum(table: &str, key: &[u8], row: &[u8]) -> [u8; SUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    // Lengths keep the three parts apart.
    hasher.update(&(table.len() as u64).to_le_bytes()).update(table.as_bytes());
    hasher.update(&(key.len() as u64).to_le_bytes()).update(key).update(row);
    *hasher.finalize().as_bytes().first_chunk().expect("a BLAKE3 digest has 32 bytes")
}

/// The record of a row, ready to be written under its encoded key.
pub(crate) fn record<T: Table>(key: &[u8], row: &T::Row) -> Vec<u8> {
    let row = T::encode(row);
    let mut record = Vec::with_capacity(SUM_BYTES + row.len());
    record.extend_from_slice(&sum(T::NAME, key, &row));
    record.extend_from_slice(&row);
    record
}

pub(crate) fn damaged<T: Table>(key: &[u8]) -> StoreError {
    let mut hex = String::with_capacity(key.len() * 2);
    for byte in key {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
    }
    StoreError::Damaged { table: T::NAME, key: hex }
}

/// Verifies and decodes one record.
pub(crate) fn open<T: Table>(key: &[u8], record: &[u8]) -> Result<Kept<T>, StoreError> {
    let whole = record.split_first_chunk().filter(|(kept, row)| **kept == sum(T::NAME, key, row));
    let decoded = whole.and_then(|(_, row)| T::unkey(key).zip(T::decode(row)));
    decoded.ok_or_else(|| damaged::<T>(key))
}

pub(crate) const fn raw<T: Table>() -> Raw<'static> {
    TableDefinition::new(T::NAME)
}

/// One row, if there is one.
pub(crate) fn get<T: Table>(txn: &ReadTransaction, key: &T::Key) -> Result<Option<T::Row>, StoreError> {
    let table = txn.open_table(raw::<T>())?;
    let key = T::key(key);
    let Some(record) = table.get(key.as_slice())? else { return Ok(None) };
    open::<T>(&key, record.value()).map(|(_, row)| Some(row))
}

/// Rows whose encoded keys lie in `[from, to)`, in order; an empty `to` has no end. Stops at the first error.
pub(crate) fn scan<T: Table>(
    txn: &ReadTransaction,
    from: &[u8],
    to: &[u8],
) -> Result<impl DoubleEndedIterator<Item = Result<Kept<T>, StoreError>> + use<T>, StoreError> {
    let table = txn.open_table(raw::<T>())?;
    let range = if to.is_empty() { table.range(from..)? } else { table.range(from..to.max(from))? };
    Ok(range.map(|item| {
        let (key, record) = item?;
        open::<T>(key.value(), record.value())
    }))
}

/// All rows, in order, and as many as redb counts: a damaged page can lose rows that no integrity of theirs would miss.
pub(crate) fn all<T: Table>(txn: &ReadTransaction) -> Result<Vec<Kept<T>>, StoreError> {
    let counted = txn.open_table(raw::<T>())?.len()?;
    let rows = scan::<T>(txn, &[], &[])?.collect::<Result<Vec<_>, _>>()?;
    if rows.len() as u64 == counted {
        return Ok(rows);
    }
    Err(StoreError::Corrupt(format!("{} should have {counted} records and has {}", T::NAME, rows.len())))
}

/// Rows whose encoded keys start with `prefix`.
pub(crate) fn under<T: Table>(txn: &ReadTransaction, prefix: &[u8]) -> Result<Vec<Kept<T>>, StoreError> {
    scan::<T>(txn, prefix, &after(prefix))?.collect()
}

/// The first key that does not start with `prefix`; empty when there is none.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// Makes sure that the table exists, so that a reader of a new file finds it empty.
pub(crate) fn found<T: Table>(txn: &WriteTransaction) -> Result<(), TableError> {
    txn.open_table(raw::<T>()).map(drop)
}

/// What a walk over one table found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) records: u64,
    pub(crate) damaged: Vec<StoreError>,
}

/// Verifies every record of a table.
pub(crate) fn walk<T: Table>(txn: &ReadTransaction, walk: &mut Walk) -> Result<(), StoreError> {
    let table = txn.open_table(raw::<T>())?;
    let mut found = 0;
    for item in table.iter()? {
        let (key, record) = item?;
        found += 1;
        if let Err(error) = open::<T>(key.value(), record.value()) {
            walk.damaged.push(error);
        }
    }
    walk.records += found;
    let counted = table.len()?;
    if found != counted {
        walk.damaged.push(StoreError::Corrupt(format!("{} should have {counted} records and has {found}", T::NAME)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_one() {
        assert_eq!(after(&[1, 2]), [1, 3]);
        assert_eq!(after(&[1, 255]), [2]);
        assert!(after(&[255, 255]).is_empty());
    }
}
