//! Numbered steps from one schema to the next, run in order, all in one transaction.
//!
//! ```text
//! schema n ─STEPS[n-1]─▶ n+1 ─ … ─▶ NEWEST ; a newer file is refused before this is reached
//! ```
//!
//! A step is added when a table changes shape: it reads the old name and writes the new one. Steps are never edited.

use super::{Durability, begin, write_meta};
use crate::error::StoreError;
use crate::tables::meta::Meta;
use redb::{Database, WriteTransaction};

/// The schema that this release writes.
pub(crate) const NEWEST: u32 = 1 + STEPS.len() as u32;

/// From schema `index + 1` to `index + 2`.
pub(super) type Step = fn(&WriteTransaction, Meta) -> Result<(), StoreError>;

/// Every step there ever was. Schema 1 is the first release.
pub(super) const STEPS: &[Step] = &[];

/// Brings a file through all steps it has not seen. A crash in between leaves the old schema whole.
pub(super) fn migrate(db: &Database, meta: Meta, steps: &[Step]) -> Result<Meta, StoreError> {
    let seen = meta.schema.saturating_sub(1) as usize;
    let ahead = steps.get(seen..).unwrap_or_default();
    if ahead.is_empty() {
        return Ok(meta);
    }
    let txn = begin(db, Durability::Quick)?;
    let mut meta = meta;
    for step in ahead {
        step(&txn, meta)?;
        meta.schema += 1;
    }
    write_meta(&txn, meta)?;
    txn.commit()?;
    Ok(meta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{new_meta, on_backend};
    use crate::tables::meta::Kind;
    use ostler_core::ids::Incarnation;
    use redb::{ReadableDatabase, ReadableTable, TableDefinition};

    const WORDS: TableDefinition<'_, &str, &str> = TableDefinition::new("words");

    fn append(txn: &WriteTransaction, word: &str) -> Result<(), StoreError> {
        let mut table = txn.open_table(WORDS)?;
        let so_far = table.get("all")?.map(|kept| kept.value().to_owned()).unwrap_or_default();
        table.insert("all", format!("{so_far}{word} ").as_str())?;
        Ok(())
    }

    #[test]
    fn steps_run_once_and_in_order() {
        let meta = new_meta(Kind::Ledger, Incarnation(1));
        let db = on_backend(redb::backends::InMemoryBackend::new(), meta).expect("a database in memory");
        let steps: [Step; 3] =
            [|txn, _| append(txn, "two"), |txn, _| append(txn, "three"), |txn, _| append(txn, "four")];
        let old = Meta { schema: 2, ..meta };
        let new = migrate(&db, old, &steps).expect("two steps");
        assert_eq!(new.schema, 4);
        assert_eq!(migrate(&db, new, &steps).expect("no steps"), new);
        let txn = db.begin_read().expect("a read");
        let words = txn.open_table(WORDS).expect("the steps' table");
        assert_eq!(words.get("all").expect("a read").expect("their words").value(), "three four ");
    }

    #[test]
    fn a_failed_step_changes_nothing() {
        let meta = new_meta(Kind::Ledger, Incarnation(1));
        let db = on_backend(redb::backends::InMemoryBackend::new(), meta).expect("a database in memory");
        let steps: [Step; 2] = [|txn, _| append(txn, "two"), |_, _| Err(StoreError::DiskFull)];
        assert_eq!(migrate(&db, meta, &steps), Err(StoreError::DiskFull));
        let txn = db.begin_read().expect("a read");
        assert!(txn.open_table(WORDS).is_err(), "the first step must not have stayed");
    }
}
