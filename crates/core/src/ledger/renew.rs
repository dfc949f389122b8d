//! Renew: one heartbeat per worker renews all its leases, in memory. It never revives what is over.

use super::Turn;
use crate::decision::{Answer, Refusal, Why};
use crate::ids::{DeviceId, LeaseId};
use crate::lease::{Lease, Phase};
use crate::mutant::Mutant;
use crate::run::{Outcome, State};

impl Turn<'_> {
    pub(super) fn beat(&mut self, worker: DeviceId, leases: &[LeaseId]) -> Result<Answer, Refusal> {
        let now = self.now;
        let known = self.ledger.workers.get_mut(&worker).ok_or(Refusal::NotPaired)?;
        known.seen_at = now;
        known.resting = false;
        let (mut renewed, mut lost) = (Vec::new(), Vec::new());
        for lease in leases {
            if self.ledger.sick(Mutant::RenewRevives) {
                self.revive_lease(worker, *lease);
            }
            if self.fence(*lease, worker).is_ok() {
                self.hold(*lease);
                renewed.push(*lease);
            } else {
                lost.push((*lease, self.why_over(*lease)));
            }
        }
        assert_eq!(renewed.len() + lost.len(), leases.len(), "each lease of a beat is answered");
        self.fill(worker);
        Ok(Answer::Beaten { renewed, lost, lease_ttl_ms: self.ledger.policy.lease_ttl_ms })
    }

    /// Why a lease is not its holder's any more.
    pub(super) fn why_over(&self, lease: LeaseId) -> Why {
        let Some(run) = self.ledger.runs.get(&lease.run) else { return Why::Unknown };
        match run.life.state() {
            State::Settled(settlement) if settlement.outcome == Outcome::Cancelled => Why::Cancelled,
            State::Settled(_)
            | State::Held { .. }
            | State::Ready
            | State::Leased(_)
            | State::Parked { .. }
            | State::Dead { .. } => Why::Fenced,
        }
    }

    /// The planted defect `RenewRevives`: a heartbeat brings a lease back that is over.
    fn revive_lease(&mut self, worker: DeviceId, id: LeaseId) {
        let waiting =
            self.ledger.runs.get(&id.run).is_some_and(|run| run.life.lease().is_none() && !run.life.is_settled());
        if waiting {
            let phase = Phase::Held { since: self.now };
            self.enter(id.run, State::Leased(Lease { id, worker, granted_at: self.now, phase }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, BELA, Stage, failed, lease, report, submit};
    use crate::command::Command::{Accept, Beat};
    use crate::failure::FailureClass;

    #[test]
    fn a_beat_renews_what_is_its_senders_and_revives_nothing() {
        Stage::with(&[ANNA]).check(vec![
            (0, Beat(BELA, vec![]), "Err(NotPaired", "none"),
            (0, Beat(ANNA, vec![lease(1)]), "Ok(Beaten { renewed: [], lost: [(LeaseId", "none"),
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Beat(ANNA, vec![lease(2)]), "Ok(Beaten { renewed: [], lost: [(LeaseId", "offered"),
            (0, Beat(ANNA, vec![lease(1)]), "Ok(Beaten { renewed: [LeaseId", "running"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, report(ANNA, 1, failed(FailureClass::Infra)), "Ok(Reported", "held"),
            (0, Beat(ANNA, vec![lease(1)]), "Ok(Beaten { renewed: [], lost: [(LeaseId", "held"),
        ]);
    }
}
