//! The relay's disk: the rows that survive, written one turn's changes at a time; and the crash and the recovery.
//!
//! ```text
//! up ─ crash: the batch under way is on disk, or is not ─▶ down ─▶ loading ─▶ up, and everything owed is taken up again
//!                                                                    └─ crash inside the recovery ─▶ down
//! ```
//!
//! Owns what a store would keep, as plain maps. Must not know why a row changes.

use super::relay::{From, INCARNATION};
use super::{Happening, World};
use crate::Defect;
use crate::law::Law;
use crate::seen::Situation;
use ostler_core::approval::Approval;
use ostler_core::command::Command;
use ostler_core::decision::Change;
use ostler_core::device::{Device, Invite, KeyEpoch};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, InviteId, LeaseId, RunId};
use ostler_core::ledger::{Ledger, Rows};
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

impl World {
    fn load(&self) -> Ledger {
        let (policy, rows) = (self.options.policy.clone(), self.relay.disk.rows());
        Ledger::load_infected(INCARNATION, policy, rows, self.relay_reads(), self.mutant())
    }

    pub(crate) fn start_relay(&mut self) {
        self.relay.ledger = Some(self.load());
        self.relay.up = true;
        self.oracle.presence.clear();
    }

    /// Power is lost. What was being committed may or may not have reached the disk.
    pub(crate) fn crash_relay(&mut self) {
        let reached = self.chance(50);
        let flight = std::mem::take(&mut self.relay.flight);
        if !flight.is_empty() {
            self.note(if reached { Situation::CrashBeforeReply } else { Situation::CrashBeforeCommit });
        }
        if reached {
            flight.iter().for_each(|staged| self.write(staged));
        }
        self.relay.life += 1;
        self.relay.up = false;
        self.relay.ledger = None;
        self.relay.frozen_until = 0;
        self.relay.staged.clear();
        self.relay.timers.clear();
        self.relay.sessions.clear();
        self.relay.targets.clear();
        self.relay.log.lose_pending();
        for conn in 0..self.conns.len() {
            self.cut(conn);
        }
        let down = 20 + self.roll(4_000);
        self.after(down, Happening::Restart { life: self.relay.life });
    }

    /// The relay's machine sleeps. When it wakes, it finds that its clock went on, and owes everybody that time.
    pub(crate) fn pause_relay(&mut self, ms: u64) {
        self.note(Situation::RelayPaused);
        self.relay.frozen_until = self.now + ms;
        let life = self.relay.life;
        self.after(ms, Happening::Thaw { life, stood_ms: ms });
    }

    pub(crate) fn thawed(&mut self, life: u32, stood_ms: u64) {
        if life == self.relay.life && self.relay.up && stood_ms > ostler_core::limits::GAP_MS {
            self.command(Command::Gap(stood_ms), From::Nobody);
        }
    }

    pub(crate) fn restart(&mut self, life: u32) {
        if life != self.relay.life {
            return;
        }
        if !self.healed && self.chance(30) {
            // The wall clock was set while nobody looked: minutes either way, or a day ahead.
            let leap = if self.chance(10) { 86_400_000 } else { i64::try_from(self.roll(4_000)).unwrap_or(0) - 2_000 };
            self.relay.offset_ms += leap;
            self.note(Situation::ClockLeap);
        }
        let loading = 1 + self.roll(200);
        if !self.healed && self.relay.recoveries_cut < 3 && self.chance(15) {
            self.note(Situation::CrashInRecovery);
            self.relay.recoveries_cut += 1;
            if self.relay.recoveries_cut > 1 {
                self.note(Situation::CrashInRecoveryTwice);
            }
            let first = self.load();
            self.check_recovery(&first);
            self.relay.life += 1;
            return self.after(loading, Happening::Restart { life: self.relay.life });
        }
        self.relay.recoveries_cut = 0;
        self.after(loading, Happening::Recovered { life });
    }

    pub(crate) fn recovered(&mut self, life: u32) {
        if life != self.relay.life || self.relay.up {
            return;
        }
        self.start_relay();
        if self.has_defect(Defect::NoResume) {
            return;
        }
        let owed = self.relay.ledger.as_ref().map(Ledger::resume).unwrap_or_default();
        for effect in owed {
            self.have(effect);
        }
        let again = self.load();
        self.check_recovery(&again);
        let held: Vec<LeaseId> = self.relay.disk.lives.values().filter_map(|life| life.lease()).map(|l| l.id).collect();
        self.oracle.recovered(self.now + self.options.policy.lease_ttl_ms, &held);
        self.hold_to(Law::I10, self.oracle.acknowledged_exist(&self.relay.disk));
    }
}
