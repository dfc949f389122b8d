//! Is every run of a ledger whole? A spec, a body, and one life, live or settled: they come and go together.

use crate::error::StoreError;
use crate::tables::run::{body::BodyV1, life::LifeV1, settled::SettledV1, spec::SpecV1};
use crate::tables::{Table, Walk, damaged, raw};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

pub(crate) fn verify(txn: &ReadTransaction, walk: &mut Walk) -> Result<(), StoreError> {
    let bodies = txn.open_table(raw::<BodyV1>())?;
    let (live, settled) = (txn.open_table(raw::<LifeV1>())?, txn.open_table(raw::<SettledV1>())?);
    let mut runs = 0;
    for spec in txn.open_table(raw::<SpecV1>())?.iter()? {
        let key = spec?.0;
        runs += 1;
        if bodies.get(key.value())?.is_none() {
            walk.damaged.push(damaged::<BodyV1>(key.value()));
        }
        if live.get(key.value())?.is_some() == settled.get(key.value())?.is_some() {
            walk.damaged.push(damaged::<LifeV1>(key.value()));
        }
    }
    for (table, counted) in [(LifeV1::NAME, live.len()? + settled.len()?), (BodyV1::NAME, bodies.len()?)] {
        if counted != runs {
            let what = format!("{runs} runs, but {counted} records of {table}");
            walk.damaged.push(StoreError::Corrupt(what));
        }
    }
    Ok(())
}
