//! What a ledger starts from: everything live, what settled lately, and what hangs on those runs.
//!
//! The cost grows with what is live, not with history.

use crate::error::StoreError;
use crate::tables::fleet::{advert::AdvertV1, device::DeviceV1, epoch::EpochV1, invite::InviteV1, key::KeyV1};
use crate::tables::run::lately::LatelyV1;
use crate::tables::run::{approval::ApprovalV1, life::LifeV1, run_key, settled::SettledV1, spec::SpecV1};
use crate::tables::{Table, all, damaged, get, scan, under};
use ostler_core::approval::Approval;
use ostler_core::ids::RunId;
use ostler_core::ledger::Rows;
use ostler_core::run::{Life, Spec};
use ostler_core::time::Timestamp;
use redb::{Database, ReadTransaction, ReadableDatabase};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn rows(db: &Database, settled_since: Timestamp) -> Result<Rows, StoreError> {
    let txn = db.begin_read()?;
    let live = all::<LifeV1>(&txn)?
        .into_iter()
        .map(|(run, life)| with_spec(&txn, run, life))
        .collect::<Result<Vec<_>, _>>()?;
    let settled = settled(&txn, settled_since)?;
    let loaded: BTreeSet<RunId> = live.iter().chain(&settled).map(|(spec, _)| spec.id).collect();
    let values = |pairs: Vec<_>| pairs.into_iter().map(|(_, row)| row).collect();
    Ok(Rows {
        approvals: approvals(&txn, &loaded)?,
        keys: all::<KeyV1>(&txn)?
            .into_iter()
            .filter(|(_, run)| loaded.contains(run))
            .map(|((device, text), run)| (device, text, run))
            .collect(),
        devices: values(all::<DeviceV1>(&txn)?),
        invites: all::<InviteV1>(&txn)?.into_iter().map(|(_, invite)| invite).collect(),
        epochs: all::<EpochV1>(&txn)?.into_iter().map(|(_, epoch)| epoch).collect(),
        adverts: all::<AdvertV1>(&txn)?,
        live,
        settled,
    })
}

/// A life without its spec is damage: they were written in one transaction.
fn with_spec(txn: &ReadTransaction, run: RunId, life: Life) -> Result<(Arc<Spec>, Life), StoreError> {
    let spec = get::<SpecV1>(txn, &run)?.ok_or_else(|| damaged::<SpecV1>(&run_key(&run)))?;
    Ok((Arc::new(spec), life))
}

fn settled(txn: &ReadTransaction, since: Timestamp) -> Result<Vec<(Arc<Spec>, Life)>, StoreError> {
    let from = LatelyV1::key(&(since, RunId([0; 16])));
    let mut settled = Vec::new();
    for entry in scan::<LatelyV1>(txn, &from, &[])? {
        let ((_, run), ()) = entry?;
        // An entry outlives a run that was forgotten.
        if let Some(life) = get::<SettledV1>(txn, &run)? {
            settled.push(with_spec(txn, run, life)?);
        }
    }
    Ok(settled)
}

fn approvals(txn: &ReadTransaction, loaded: &BTreeSet<RunId>) -> Result<Vec<Approval>, StoreError> {
    let mut approvals = Vec::new();
    for run in loaded {
        approvals.extend(under::<ApprovalV1>(txn, &run_key(run))?.into_iter().map(|(_, approval)| approval));
    }
    Ok(approvals)
}
