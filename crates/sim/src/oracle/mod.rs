//! The oracle: what everybody was told, and whether the world kept its word.
//!
//! Owns memory of its own, built from what left the relay and what reached the disk; it believes neither the ledger nor the
//! runners.
//!
//! ```text
//! turn      each turn as it reaches the disk, against the rows before it
//! decision  each decision as it is made: who was granted what
//! effect    each act of a runner in the outer world
//! standing  the whole, again and again, and at the end
//! ```

mod decision;
mod effect;
mod standing;
mod turn;

use crate::law::Law;
use crate::seen::Seen;
use crate::world::{Disk, Staged};
use ostler_core::command::Command;
use ostler_core::decision::Answer;
use ostler_core::ids::{ApprovalId, DeviceId, Digest, LeaseId, RunId};
use ostler_core::run::{Outcome, State};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use crate::world::Nature;

/// A law that does not hold, and why.
pub(crate) type Checked = Result<(), (Law, String)>;

/// What the oracle remembers.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// What a run's attempts are like.
    pub(crate) natures: BTreeMap<RunId, Nature>,
    /// Workers connected, and whether they drain, as commands said.
    pub(crate) presence: BTreeMap<DeviceId, bool>,
    /// Submissions that were acknowledged.
    submitted: BTreeMap<RunId, Digest>,
    cancelled: BTreeSet<RunId>,
    reported: BTreeMap<LeaseId, Digest>,
    decided: BTreeMap<ApprovalId, Vec<u8>>,
    revoked: BTreeSet<DeviceId>,
    discarded: BTreeSet<RunId>,
    /// Until when, in true time, a lease was promised.
    promised: BTreeMap<LeaseId, u64>,
    /// Reports that reached the disk.
    accepted: BTreeMap<LeaseId, Digest>,
    /// Leases ended by a command, at once: their runners may act until they hear of it.
    fiat: BTreeSet<LeaseId>,
    failures: BTreeMap<RunId, u32>,
    latest_effect: BTreeMap<RunId, u64>,
    used: BTreeSet<ApprovalId>,
    leaks: BTreeMap<(DeviceId, LeaseId), u64>,
    pub(crate) seen: Seen,
}

impl Oracle {
    pub(crate) fn nature(&self, run: RunId) -> Nature {
        self.natures.get(&run).copied().unwrap_or_default()
    }

    /// Notes what an answer that leaves has promised.
    fn acknowledge(&mut self, staged: &Staged, ttl_ms: u64) {
        let Ok(answer) = &staged.decision.answer else { return };
        let until = staged.at + ttl_ms;
        match (&staged.command, answer) {
            (Command::Submit(submission), Answer::Submitted { run, .. }) => {
                self.submitted.insert(*run, submission.digest);
            }
            (Command::Cancel(run), Answer::Cancelled) => drop(self.cancelled.insert(*run)),
            (Command::Discard(run), _) => drop(self.discarded.insert(*run)),
            (Command::Report(_, report), Answer::Reported) => {
                self.reported.insert(report.lease, report.digest);
            }
            (Command::Answer(answering), Answer::Decided) => {
                self.decided.insert(answering.id, answering.verdict.clone());
            }
            (Command::Revoke(device, _), _) => drop(self.revoked.insert(*device)),
            (Command::Accept(_, lease), _) => self.promise(&[*lease], until),
            (_, Answer::Beaten { renewed, .. }) => self.promise(renewed, until),
            (_, Answer::Attached { keep, .. }) => self.promise(keep, until),
            _ => {}
        }
    }

    fn promise(&mut self, leases: &[LeaseId], until: u64) {
        for lease in leases {
            let known = self.promised.entry(*lease).or_insert(until);
            *known = until.max(*known);
        }
    }

    /// A restarted relay owes every live lease a full TTL.
    pub(crate) fn recovered(&mut self, until: u64, held: &[LeaseId]) {
        self.promise(held, until);
    }

    /// I10: an acknowledged submission exists, with the same digest.
    pub(crate) fn acknowledged_exist(&self, disk: &Disk) -> Result<(), String> {
        let gone = |run: &RunId| self.discarded.contains(run);
        for (run, digest) in self.submitted.iter().filter(|(run, _)| !gone(run)) {
            match disk.specs.get(run) {
                Some(spec) if spec.digest == *digest && disk.bodies.contains_key(run) => {}
                Some(_) => return Err(format!("{run} was acknowledged and has another digest")),
                None => return Err(format!("{run} was acknowledged and is gone")),
            }
        }
        Ok(())
    }

    /// I13: an acknowledged settlement, decision or revocation never reverts.
    fn acknowledged_stand(&self, disk: &Disk) -> Result<(), String> {
        for run in &self.cancelled {
            let cancelled = disk.lives.get(run).is_some_and(|life| match life.state() {
                State::Settled(settlement) => settlement.outcome == Outcome::Cancelled,
                State::Held { .. } | State::Ready | State::Leased(_) | State::Parked { .. } | State::Dead { .. } => {
                    false
                }
            });
            if !cancelled {
                return Err(format!("{run} was cancelled, and is not any more"));
            }
        }
        for lease in self.reported.keys().filter(|lease| !self.discarded.contains(&lease.run)) {
            if !disk.results.contains_key(lease) {
                return Err(format!("the result of {lease} was acknowledged, and is gone"));
            }
        }
        for (approval, verdict) in self.decided.iter() {
            use ostler_core::approval::ApprovalState;
            match disk.approvals.get(approval).map(|known| &known.state) {
                Some(ApprovalState::Decided(decided)) if decided.verdict == *verdict => {}
                None => {}
                Some(_) => return Err(format!("{approval} was decided, and is not any more")),
            }
        }
        match self.revoked.iter().find(|id| disk.devices.get(id).is_none_or(|device| device.revoked.is_none())) {
            Some(device) => Err(format!("{device} was revoked, and is not any more")),
            None => Ok(()),
        }
    }

    pub(crate) fn all_ended(&self, disk: &Disk) -> bool {
        disk.lives.values().all(|life| matches!(life.state(), State::Settled(_) | State::Dead { .. }))
    }

    /// What did not end, in words.
    pub(crate) fn stuck(&self, disk: &Disk) -> String {
        let live = |state: &State| !matches!(state, State::Settled(_) | State::Dead { .. });
        let found = disk.lives.iter().find(|(_, life)| live(life.state()));
        found.map_or_else(|| "nothing".to_owned(), |(run, life)| format!("{run} is still {:?}", life.state()))
    }
}
