//! Accept and decline: the runner's word on an offer. A declined offer is not an attempt.

use super::Turn;
use crate::decision::{Answer, Refusal};
use crate::ids::{DeviceId, LeaseId, RunId};
use crate::lease::Phase;
use crate::limits::NOTE_CHARS_MAX;
use crate::run::{AttemptEnd, Hold, State};

impl Turn<'_> {
    pub(super) fn accept(&mut self, worker: DeviceId, lease: LeaseId) -> Result<Answer, Refusal> {
        self.fence(lease, worker)?;
        self.hold(lease);
        Ok(Answer::Done)
    }

    /// Confirms (again) that the lease's runner has it: under the same epoch, for a full TTL.
    pub(super) fn hold(&mut self, lease: LeaseId) {
        let now = self.now;
        let current = self.life(lease.run).lease().expect("a fenced run has a lease").phase;
        let confirmed = match current {
            Phase::Offered => Some(Phase::Held { since: now }),
            Phase::Orphaned { since, .. } => {
                self.ledger.tally.returned += 1;
                Some(Phase::Held { since })
            }
            Phase::Held { .. } => None,
        };
        if let Some(phase) = confirmed {
            self.amend(lease.run).lease_mut().expect("a fenced run has a lease").phase = phase;
        }
        let phase = self.life(lease.run).lease().map(|lease| lease.phase);
        assert!(matches!(phase, Some(Phase::Held { .. })), "a confirmed lease is held");
        let ttl_ms = self.ledger.lease_ms();
        self.due(lease, now.plus(ttl_ms));
    }

    pub(super) fn decline(&mut self, worker: DeviceId, lease: LeaseId, code: &str) -> Result<Answer, Refusal> {
        self.fence(lease, worker)?;
        if self.life(lease.run).lease().is_none_or(|l| l.phase != Phase::Offered) {
            return Err(Refusal::StaleLease);
        }
        self.unoffered(lease.run, code.chars().take(NOTE_CHARS_MAX).collect(), true);
        self.fill(worker);
        Ok(Answer::Done)
    }

    /// The offer came to nothing: to another worker at once, or after a pause when there is none.
    pub(super) fn unoffered(&mut self, run: RunId, note: String, confirmed: bool) {
        let lease = self.end_lease(run, AttemptEnd::Declined(note), None, confirmed);
        assert_eq!(lease.phase, Phase::Offered, "only an offer comes to nothing");
        let life = self.amend(run);
        life.avoid = Some(lease.worker);
        let row = life.history.iter().rev().take_while(|a| matches!(a.end, AttemptEnd::Declined(_))).count();
        if self.best_worker(run).is_some_and(|other| other != lease.worker) {
            return self.ready(run);
        }
        let backoff = self.ledger.policy.infra_backoff;
        let pause = backoff.delay_ms(u32::try_from(row).unwrap_or(u32::MAX), self.dice);
        self.enter(run, State::Held { until: self.now.plus(pause), why: Hold::Backoff });
    }

    /// Only the current lease, in its own worker's hands, may act on a run.
    pub(super) fn fence(&self, lease: LeaseId, worker: DeviceId) -> Result<(), Refusal> {
        let held = self.ledger.runs.get(&lease.run).is_some_and(|run| run.life.fences(lease, worker));
        if held { Ok(()) } else { Err(Refusal::StaleLease) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, BELA, Stage, lease, submit};
    use crate::command::Command::{Accept, Decline, Elapsed};
    use crate::command::Whom;

    #[test]
    fn an_offer_is_accepted_by_its_own_worker_under_its_own_epoch() {
        Stage::with(&[ANNA]).check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Accept(BELA, lease(1)), "Err(StaleLease", "offered"),
            (0, Accept(ANNA, lease(2)), "Err(StaleLease", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, Decline(ANNA, lease(1), "no".into()), "Err(StaleLease", "running"),
        ]);
    }

    #[test]
    fn a_declined_offer_goes_to_another_or_waits_and_is_no_attempt() {
        let mut stage = Stage::with(&[ANNA, BELA]);
        stage.check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Decline(ANNA, lease(1), "full".into()), "Ok(Done", "offered"),
            (0, Decline(BELA, lease(2), "full".into()), "Ok(Done", "offered"),
        ]);
        let mut alone = Stage::with(&[ANNA]);
        alone.check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Decline(ANNA, lease(1), "full".into()), "Ok(Done", "held"),
            (6_000, Elapsed(Whom::Run(super::super::stage::RUN)), "Ok(Done", "offered"),
        ]);
        assert_eq!(alone.ledger.run(super::super::stage::RUN).map(|run| run.life.counts.attempts), Some(0));
    }
}
