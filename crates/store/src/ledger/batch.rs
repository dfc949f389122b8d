//! A batch of changes as records: the last word on each, sorted by key.
//!
//! A run that moves five times in one batch is written once, and neighbours are written together. Forgetting comes first,
//! because all that a forgotten run had in this very batch was dropped while it was gathered.

use crate::error::StoreError;
use crate::tables::fleet::{advert::AdvertV1, device::DeviceV1, epoch::EpochV1, invite::InviteV1, key::KeyV1};
use crate::tables::run::lately::{LATELY_MS, LatelyV1};
use crate::tables::run::{approval::ApprovalV1, body::BodyV1, late::LateV1, life::LifeV1, run_key};
use crate::tables::run::{result::ResultV1, settled::SettledV1, spec::SpecV1};
use crate::tables::{Raw, Table, after, raw, record};
use ostler_core::decision::Change;
use ostler_core::ids::RunId;
use ostler_core::run::{Life, State};
use ostler_core::time::Timestamp;
use redb::WriteTransaction;
use std::collections::{BTreeMap, BTreeSet};

/// Old entries of `lately_v1` removed for each new one: pruning keeps up, and never makes a commit long.
const PRUNED_PER_SETTLEMENT: usize = 2;

/// Tables whose keys start with a run and go when it is forgotten.
const HANGS_ON_RUN: [&str; 7] =
    [SpecV1::NAME, LifeV1::NAME, SettledV1::NAME, BodyV1::NAME, ResultV1::NAME, LateV1::NAME, ApprovalV1::NAME];

/// Records to put (or, where nothing stands, to remove), by table.
#[derive(Default)]
pub(super) struct Batch {
    tables: BTreeMap<&'static str, BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
    forgotten: BTreeSet<RunId>,
    settled: usize,
    newest: Timestamp,
}

impl Batch {
    pub(super) fn of(changes: &[Change]) -> Self {
        let mut batch = Self::default();
        for change in changes {
            batch.take(change);
        }
        batch
    }

    fn take(&mut self, change: &Change) {
        match change {
            Change::Spec(spec) => self.put::<SpecV1>(&spec.id, spec),
            Change::Body(run, sealed) => self.put::<BodyV1>(run, sealed),
            Change::Life(run, life) => self.put::<LifeV1>(run, life),
            Change::Settle(run, life) => self.settle(*run, life),
            Change::Forget(run) => self.forget(*run),
            Change::Result(lease, sealed) => self.put::<ResultV1>(lease, sealed),
            Change::Late(lease, worker, digest, sealed) => {
                self.put::<LateV1>(&(*lease, *digest), &(*worker, sealed.clone()));
            }
            Change::Approval(approval) => self.put::<ApprovalV1>(&(approval.lease.run, approval.id), approval),
            Change::Key(device, text, run) => self.put::<KeyV1>(&(*device, text.clone()), run),
            Change::FreeKey(device, text) => self.remove::<KeyV1>(&(*device, text.clone())),
            Change::Device(device) => self.put::<DeviceV1>(&device.id, device),
            Change::Invite(invite) => self.put::<InviteV1>(&invite.id, invite),
            Change::DropInvite(invite) => self.remove::<InviteV1>(invite),
            Change::KeyEpoch(epoch) => self.put::<EpochV1>(&epoch.number, epoch),
            Change::Advert(device, advert) => self.put::<AdvertV1>(device, advert),
        }
    }

    fn put<T: Table>(&mut self, key: &T::Key, row: &T::Row) {
        let key = T::key(key);
        let record = record::<T>(&key, row);
        self.tables.entry(T::NAME).or_default().insert(key, Some(record));
    }

    fn remove<T: Table>(&mut self, key: &T::Key) {
        self.tables.entry(T::NAME).or_default().insert(T::key(key), None);
    }

    fn settle(&mut self, run: RunId, life: &Life) {
        self.remove::<LifeV1>(&run);
        self.put::<SettledV1>(&run, life);
        if let State::Settled(settlement) = life.state() {
            self.put::<LatelyV1>(&(settlement.at, run), &());
            self.settled += 1;
            self.newest = self.newest.max(settlement.at);
        }
    }

    fn forget(&mut self, run: RunId) {
        let (from, to) = (run_key(&run), after(&run_key(&run)));
        for table in HANGS_ON_RUN {
            let Some(records) = self.tables.get_mut(table) else { continue };
            records.retain(|key, _| *key < from || (!to.is_empty() && *key >= to));
        }
        self.forgotten.insert(run);
    }

    pub(super) fn write(&self, txn: &WriteTransaction) -> Result<(), StoreError> {
        if !self.forgotten.is_empty() {
            HANGS_ON_RUN.into_iter().try_for_each(|table| self.forget_in(txn, Raw::new(table)))?;
        }
        for (table, records) in &self.tables {
            let mut table = txn.open_table(Raw::new(table))?;
            for (key, record) in records {
                match record {
                    Some(record) => table.insert(key.as_slice(), record.as_slice())?,
                    None => table.remove(key.as_slice())?,
                };
            }
        }
        if self.settled > 0 { self.prune(txn) } else { Ok(()) }
    }

    fn forget_in(&self, txn: &WriteTransaction, table: Raw<'_>) -> Result<(), StoreError> {
        let mut table = txn.open_table(table)?;
        for run in &self.forgotten {
            let (from, to) = (run_key(run), after(&run_key(run)));
            if to.is_empty() {
                table.retain_in(from.as_slice().., |_, _| false)?;
            } else {
                table.retain_in(from.as_slice()..to.as_slice(), |_, _| false)?;
            }
        }
        Ok(())
    }

    /// Removes the oldest entries of `lately_v1` that no start will ask for any more.
    fn prune(&self, txn: &WriteTransaction) -> Result<(), StoreError> {
        let horizon = self.newest.0.saturating_sub(LATELY_MS).to_be_bytes();
        let mut table = txn.open_table(raw::<LatelyV1>())?;
        let old = table.extract_from_if(..horizon.as_slice(), |_, _| true)?;
        for entry in old.take(self.settled * PRUNED_PER_SETTLEMENT) {
            entry?;
        }
        Ok(())
    }
}
