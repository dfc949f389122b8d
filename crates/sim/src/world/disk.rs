//! The relay's disk: the rows that survive, written one turn's changes at a time.
//!
//! Owns what a store would keep, as plain maps. Must not know why a row changes.

use ostler_core::approval::Approval;
use ostler_core::decision::Change;
use ostler_core::device::{Device, Invite, KeyEpoch};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, InviteId, LeaseId, RunId};
use ostler_core::ledger::Rows;
use ostler_core::run::{Life, Spec};
use ostler_core::worker::Advert;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    pub(crate) specs: BTreeMap<RunId, Arc<Spec>>,
    pub(crate) bodies: BTreeMap<RunId, Vec<u8>>,
    pub(crate) lives: BTreeMap<RunId, Life>,
    pub(crate) approvals: BTreeMap<ApprovalId, Approval>,
    pub(crate) keys: BTreeMap<(DeviceId, String), RunId>,
    pub(crate) devices: BTreeMap<DeviceId, Device>,
    pub(crate) invites: BTreeMap<InviteId, Invite>,
    pub(crate) epochs: Vec<KeyEpoch>,
    pub(crate) adverts: BTreeMap<DeviceId, Advert>,
    pub(crate) results: BTreeMap<LeaseId, Vec<u8>>,
    pub(crate) late: Vec<(LeaseId, DeviceId, Digest)>,
    /// Turns on disk.
    pub(crate) turns: u64,
}

impl Disk {
    pub(crate) fn write(&mut self, change: Change) {
        match change {
            Change::Spec(spec) => drop(self.specs.insert(spec.id, spec)),
            Change::Body(run, body) => drop(self.bodies.insert(run, body)),
            Change::Life(run, life) | Change::Settle(run, life) => drop(self.lives.insert(run, life)),
            Change::Forget(run) => self.forget(run),
            Change::Result(lease, bytes) => drop(self.results.insert(lease, bytes)),
            Change::Late(lease, device, digest, _) => self.late.push((lease, device, digest)),
            Change::Approval(approval) => drop(self.approvals.insert(approval.id, approval)),
            Change::Key(device, key, run) => drop(self.keys.insert((device, key), run)),
            Change::FreeKey(device, key) => drop(self.keys.remove(&(device, key))),
            Change::Device(device) => drop(self.devices.insert(device.id, device)),
            Change::Invite(invite) => drop(self.invites.insert(invite.id, invite)),
            Change::DropInvite(invite) => drop(self.invites.remove(&invite)),
            Change::KeyEpoch(epoch) => self.epochs.push(epoch),
            Change::Advert(device, advert) => drop(self.adverts.insert(device, advert)),
        }
    }

    fn forget(&mut self, run: RunId) {
        self.specs.remove(&run);
        self.bodies.remove(&run);
        self.lives.remove(&run);
        self.approvals.retain(|_, approval| approval.lease.run != run);
    }

    /// What a relay that starts now would load.
    pub(crate) fn rows(&self) -> Rows {
        let runs = |settled: bool| {
            let lives = self.lives.iter().filter(move |(_, life)| life.is_settled() == settled);
            lives.filter_map(|(run, life)| Some((Arc::clone(self.specs.get(run)?), life.clone()))).collect()
        };
        Rows {
            live: runs(false),
            settled: runs(true),
            approvals: self.approvals.values().cloned().collect(),
            keys: self.keys.iter().map(|((device, key), run)| (*device, key.clone(), *run)).collect(),
            devices: self.devices.values().cloned().collect(),
            invites: self.invites.values().cloned().collect(),
            epochs: self.epochs.clone(),
            adverts: self.adverts.iter().map(|(device, advert)| (*device, advert.clone())).collect(),
        }
    }
}
