//! The whole, again and again: rows against memory, what is owed against timers, and the end.

use crate::law::Law;
use crate::seen::Situation;
use crate::world::{Happening, OPERATORS, World};
use ostler_core::approval::LapsePolicy;
use ostler_core::command::Whom;
use ostler_core::ids::{ApprovalId, LeaseId};
use ostler_core::ledger::Ledger;
use ostler_core::run::{Run, State};
use std::collections::BTreeSet;

/// How often the whole is looked at, in true milliseconds.
const EVERY_MS: u64 = 400;
/// A slot that is taken for longer by nothing has leaked.
const LEAK_MS: u64 = 30_000;

impl World {
    pub(crate) fn check_standing(&mut self) {
        self.hold_to(Law::I10, self.oracle.acknowledged_exist(&self.relay.disk));
        self.hold_to(Law::I13, self.oracle.acknowledged_stand(&self.relay.disk));
        if self.relay.at_rest()
            && let Some(ledger) = &self.relay.ledger
        {
            let (same, owed, asked) =
                (self.rows_are_state(ledger), self.owed_has_prompt(ledger), self.asked_is_current());
            self.hold_to(Law::I14, same);
            self.hold_to(Law::Owed, owed);
            self.hold_to(Law::Asked, asked);
            self.check_leaks();
        }
        self.note_owners();
        self.revive_some();
        if self.healed {
            self.see_to_the_rest();
        }
        if self.out_of_time() {
            let stuck = self.stuck();
            return self.broken(Law::I35, stuck);
        }
        self.after(EVERY_MS, Happening::Check);
    }

    /// I36: recovery from the same rows gives the same state.
    pub(crate) fn check_recovery(&mut self, loaded: &Ledger) {
        let same = self.rows_are_state(loaded);
        self.hold_to(Law::I36, same);
    }

    /// I14 and I18: the rows and the live state say the same; seats follow from leases.
    fn rows_are_state(&self, ledger: &Ledger) -> Result<(), String> {
        let disk = &self.relay.disk;
        for run in ledger.runs() {
            if disk.lives.get(&run.spec.id) != Some(&run.life) || disk.specs.get(&run.spec.id) != Some(&run.spec) {
                return Err(format!("{} is {:?} in memory and not on disk", run.spec.id, run.life.state()));
            }
        }
        let missing = disk.lives.iter().find(|(run, life)| !life.is_settled() && ledger.run(**run).is_none());
        if let Some((run, _)) = missing {
            return Err(format!("{run} is on disk and not in memory"));
        }
        if let Some(spec) = disk.specs.keys().find(|run| !disk.lives.contains_key(run)) {
            return Err(format!("{spec} is in no state"));
        }
        if let Some(other) = ledger.approvals().find(|known| disk.approvals.get(&known.id) != Some(known)) {
            return Err(format!("{} is {:?} in memory and not on disk", other.id, other.state));
        }
        if ledger.devices().ne(disk.devices.values()) || ledger.epochs() != disk.epochs.as_slice() {
            return Err("devices or keys differ in memory and on disk".to_owned());
        }
        self.seats_follow(ledger)
    }

    fn seats_follow(&self, ledger: &Ledger) -> Result<(), String> {
        for worker in ledger.workers() {
            let of = |parked: bool| -> BTreeSet<_> {
                let lives = self.relay.disk.lives.iter();
                let own = lives.filter(|(_, life)| life.lease().is_some_and(|lease| lease.worker == worker.id));
                own.filter(|(_, life)| matches!(life.state(), State::Parked { .. }) == parked)
                    .map(|(run, _)| *run)
                    .collect()
            };
            if worker.seated != of(false) || worker.parked != of(true) {
                return Err(format!("the seats of {} do not follow from its leases", worker.id.short()));
            }
        }
        Ok(())
    }

    /// Whatever is owed has a timer that will prompt it.
    fn owed_has_prompt(&self, ledger: &Ledger) -> Result<(), String> {
        let timers = &self.relay.timers;
        for run in ledger.runs() {
            let whom = match run.life.state() {
                State::Held { .. } => Whom::Run(run.spec.id),
                State::Leased(lease) | State::Parked { lease, .. } => Whom::Lease(lease.id),
                State::Ready if run.spec.header.start_within_ms.is_some() && never_started(run) => {
                    Whom::Run(run.spec.id)
                }
                State::Ready | State::Settled(_) | State::Dead { .. } => continue,
            };
            if !timers.contains_key(&whom) {
                return Err(format!("nothing will prompt {whom:?}"));
            }
        }
        let waits = |lapse: &LapsePolicy, escalated: bool| match lapse {
            LapsePolicy::Deny { .. } => true,
            LapsePolicy::Escalate { .. } => !escalated,
            LapsePolicy::Hold => false,
        };
        let mut open = ledger.approvals().filter(|known| known.is_pending() && waits(&known.lapse, known.escalated));
        match open.find(|known| !timers.contains_key(&Whom::Approval(known.id))) {
            Some(known) => Err(format!("nothing will prompt {}", known.id)),
            None => Ok(()),
        }
    }

    /// A question that waits belongs to a current lease.
    fn asked_is_current(&self) -> Result<(), String> {
        let disk = &self.relay.disk;
        let stale =
            |lease: LeaseId| disk.lives.get(&lease.run).and_then(|life| life.lease()).is_none_or(|now| now.id != lease);
        match disk.approvals.values().find(|known| known.is_pending() && stale(known.lease)) {
            Some(known) => Err(format!("{} still waits, and {} is over", known.id, known.lease)),
            None => Ok(()),
        }
    }

    /// I33, in the outer world: a slot taken by a lease that its connected runner does not know is lost work.
    fn check_leaks(&mut self) {
        let Some(ledger) = &self.relay.ledger else { return };
        let mut current = BTreeSet::new();
        for worker in ledger.workers().filter(|worker| worker.session.is_some()) {
            let Some(runner) = self.runners.iter().find(|runner| runner.device == worker.id) else { continue };
            if runner.frozen_until > self.now || runner.conn.is_none() {
                continue;
            }
            let known =
                |lease: &LeaseId| runner.agents.contains_key(lease) || runner.journal.results.contains_key(lease);
            current.extend(worker.stopping.iter().filter(|lease| !known(lease)).map(|lease| (worker.id, *lease)));
        }
        let now = self.now;
        self.oracle.leaks.retain(|leak, _| current.contains(leak));
        for leak in current {
            let since = *self.oracle.leaks.entry(leak).or_insert(now);
            if now - since > LEAK_MS {
                let (worker, lease) = leak;
                return self.broken(Law::I33, format!("{} has a slot that waits for {lease} for ever", worker.short()));
            }
        }
    }

    fn note_owners(&mut self) {
        let mut held: Vec<LeaseId> = Vec::new();
        for runner in &self.runners {
            held.extend(runner.mind.holding.leases());
        }
        let runs: BTreeSet<_> = held.iter().map(|lease| lease.run).collect();
        if runs.len() < held.len() {
            self.note(Situation::TwoOwners);
        }
    }

    /// After the heal: somebody answers every question, and no runner is left draining.
    fn see_to_the_rest(&mut self) {
        let pending = self.relay.disk.approvals.values().filter(|known| known.is_pending()).map(|known| known.id);
        let pending: Vec<ApprovalId> = pending.collect();
        for approval in pending {
            self.after(1, Happening::Decide { approval, by: OPERATORS[0] });
        }
        let draining = |ledger: &Ledger| ledger.workers().filter(|w| w.draining).map(|w| w.id).collect::<Vec<_>>();
        let draining = self.relay.ledger.as_ref().map(draining).unwrap_or_default();
        for at in 0..self.runners.len() {
            if draining.contains(&self.runners[at].device) && !self.runners[at].revoked {
                self.lighten(at);
            }
        }
    }
}

/// A run that did start is not late any more.
fn never_started(run: &Run) -> bool {
    run.life.history.iter().all(|attempt| attempt.started_at.is_none())
}
