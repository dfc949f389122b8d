//! Lapse: what time does to runs, leases and approvals. A timer only prompts; state decides.
//!
//! ```text
//! Offered ─ accept time over ─▶ offered to another      Held ─ TTL over ─▶ Orphaned ─ grace over ─▶ lost (Infra)
//! ```

use super::{Ledger, Turn};
use crate::command::Whom;
use crate::decision::{Answer, Effect, Refusal};
use crate::failure::{Failure, FailureClass};
use crate::ids::{LeaseId, RunId};
use crate::lease::Phase;
use crate::limits::{BREAKER_SHARE, BREAKER_WORKERS, POISON_QUICK_MS};
use crate::mutant::Mutant;
use crate::run::{AttemptEnd, Outcome, Run, State};
use crate::time::Timestamp;

/// When a run that never started is given up; one that did start is not late any more.
fn expiry(run: &Run) -> Option<Timestamp> {
    let started = run.life.history.iter().any(|attempt| attempt.started_at.is_some());
    run.spec.header.start_within_ms.filter(|_| !started).map(|ms| run.spec.created_at.plus(ms))
}

impl Ledger {
    /// When a run wants to be looked at for its own sake.
    pub(crate) fn run_wake(&self, run: &Run) -> Option<Timestamp> {
        let expiry = expiry(run);
        match run.life.state() {
            State::Held { until, .. } => Some(expiry.map_or(*until, |at| at.min(*until))),
            State::Ready => expiry,
            State::Leased(_) | State::Parked { .. } | State::Settled(_) | State::Dead { .. } => None,
        }
    }

    /// How long a renewal lasts.
    pub(crate) fn lease_ms(&self) -> u64 {
        if self.sick(Mutant::ExpireEarly) { self.policy.lease_ttl_ms / 2 } else { self.policy.lease_ttl_ms }
    }

    /// Builds everything derived, and gives every live lease the time it needs to be found again.
    pub(super) fn index_all(&mut self, now: Timestamp) {
        let runs: Vec<RunId> = self.runs.keys().copied().collect();
        for id in runs {
            let run = &self.runs[&id];
            self.index.open_lane(run, self.workers.values());
            self.index.join(run);
            let Some(lease) = run.life.lease().cloned() else { continue };
            let allowance = self.policy.reconnect_allowance_ms;
            let fresh = match lease.phase {
                Phase::Offered => self.policy.accept_ms + allowance,
                Phase::Held { .. } => self.policy.lease_ttl_ms + allowance,
                Phase::Orphaned { .. } => self.policy.grace_ms,
            };
            let fresh = if self.sick(Mutant::NoRecoveryGrace) { 0 } else { fresh };
            self.index.set_deadline(lease.id, now.plus(fresh));
            let parked = matches!(run.life.state(), State::Parked { .. });
            self.admit_worker(lease.worker, crate::worker::Advert { offers: Default::default(), slots: 0 }, now);
            if let Some(worker) = self.workers.get_mut(&lease.worker) {
                let fresh = if parked { worker.parked.insert(id) } else { worker.seated.insert(id) };
                assert!(fresh, "a loaded run is seated once");
            }
        }
        for approval in self.approvals.values() {
            self.index.note_asked(approval.lease.run, approval.id);
        }
    }
}

impl Turn<'_> {
    pub(super) fn elapsed(&mut self, whom: Whom) -> Result<Answer, Refusal> {
        match whom {
            Whom::Run(id) => self.run_elapsed(id),
            Whom::Lease(id) => self.lease_elapsed(id),
            Whom::Approval(id) => self.approval_elapsed(id),
        }
        Ok(Answer::Done)
    }

    pub(super) fn gap(&mut self, gap_ms: u64) -> Result<Answer, Refusal> {
        self.ledger.index.postpone(gap_ms, self.now);
        Ok(Answer::Done)
    }

    fn run_elapsed(&mut self, id: RunId) {
        let Some(run) = self.ledger.runs.get(&id) else { return };
        let expiry = expiry(run);
        let early = self.ledger.sick(Mutant::HoldIgnored);
        match run.life.state() {
            State::Held { .. } | State::Ready if expiry.is_some_and(|at| at <= self.now) => {
                self.settle(id, Outcome::Expired, None);
            }
            State::Held { until, .. } if *until <= self.now || early => self.ready(id),
            State::Held { until, .. } => self.effects.push(Effect::Wake(Whom::Run(id), *until)),
            State::Ready | State::Leased(_) | State::Parked { .. } | State::Settled(_) | State::Dead { .. } => {}
        }
    }

    fn lease_elapsed(&mut self, id: LeaseId) {
        let Some(deadline) = self.ledger.index.deadline(id) else { return };
        if deadline > self.now {
            return self.effects.push(Effect::Wake(Whom::Lease(id), deadline));
        }
        let Some(lease) = self.ledger.runs.get(&id.run).and_then(|run| run.life.lease()).cloned() else { return };
        assert_eq!(lease.id, id, "only the current lease has a deadline");
        match lease.phase {
            Phase::Offered => {
                self.rest(lease.worker);
                self.unoffered(id.run, "the offer was not answered in time".to_owned(), false);
            }
            Phase::Held { since } => self.orphan(id, lease.worker, since),
            Phase::Orphaned { .. } if self.ledger.sick(Mutant::OrphanForever) => {}
            Phase::Orphaned { .. } => self.lost(id.run, "its runner did not return within the grace", false),
        }
    }

    fn orphan(&mut self, id: LeaseId, worker: crate::ids::DeviceId, since: Timestamp) {
        let (now, ttl_ms) = (self.now, self.ledger.policy.lease_ttl_ms);
        let lapsing = self.ledger.index.lapsing(now, worker, ttl_ms);
        if lapsing >= BREAKER_WORKERS && lapsing * BREAKER_SHARE > self.ledger.workers.len() {
            // So many at once is the network's fault or ours: nobody's lease lapses until heartbeats return.
            return self.due(id, now.plus(ttl_ms));
        }
        self.rest(worker);
        let lease = self.amend(id.run).lease_mut().expect("an elapsed lease is its run's");
        lease.phase = Phase::Orphaned { since, lapsed_at: now };
        self.ledger.tally.lapsed += 1;
        self.due(id, now.plus(self.ledger.policy.grace_ms));
    }

    fn rest(&mut self, worker: crate::ids::DeviceId) {
        if let Some(worker) = self.ledger.workers.get_mut(&worker) {
            worker.resting = true;
        }
    }

    /// The attempt is lost for good: an infra failure, counted against run and runner together.
    pub(super) fn lost(&mut self, id: RunId, code: &str, confirmed: bool) {
        let failure = Failure::new(FailureClass::Infra, code);
        self.ledger.tally.lost += 1;
        let lease = self.end_lease(id, AttemptEnd::Failed(failure.clone()), None, confirmed);
        if let Some(since) = lease.phase.since() {
            let ended = match lease.phase {
                // It was last heard one TTL before it lapsed.
                Phase::Orphaned { lapsed_at, .. } => {
                    lapsed_at.since(since).saturating_sub(self.ledger.policy.lease_ttl_ms)
                }
                Phase::Offered | Phase::Held { .. } => self.now.since(since),
            };
            self.amend(id).counts.lost(lease.worker, ended < POISON_QUICK_MS);
        }
        self.failed(id, lease.worker, &failure, None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, BELA, RUN, Stage, attach, failed, header, lease, report, submit, submit_as};
    use crate::command::Command::{self, Accept, Beat, Detach, Elapsed, Gap};
    use crate::command::Whom;
    use crate::failure::FailureClass;
    use crate::ids::SessionId;
    use crate::run::Header;

    const LEASE: Command = Elapsed(Whom::Lease(lease(1)));
    const PROMPT: Command = Elapsed(Whom::Run(RUN));

    #[test]
    fn a_lease_that_is_not_renewed_is_orphaned_and_then_lost() {
        let running = || {
            let mut stage = Stage::with(&[ANNA]);
            stage.check(vec![
                (0, submit(), "Ok(Submitted", "offered"),
                (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
                (29_999, LEASE, "Ok(Done", "running"),
            ]);
            stage
        };
        running().check(vec![
            (1, LEASE, "Ok(Done", "orphaned"),
            (899_999, LEASE, "Ok(Done", "orphaned"),
            (1, LEASE, "Ok(Done", "held"),
            (0, Accept(ANNA, lease(1)), "Err(StaleLease", "held"),
        ]);
        running().check(vec![
            (1, LEASE, "Ok(Done", "orphaned"),
            (500_000, Beat(ANNA, vec![lease(1)]), "Ok(Beaten { renewed: [LeaseId", "running"),
            (29_999, LEASE, "Ok(Done", "running"),
        ]);
        running().check(vec![(0, Gap(60_000), "Ok(Done", "running"), (60_000, LEASE, "Ok(Done", "running")]);
    }

    #[test]
    fn an_offer_that_nobody_answers_goes_to_another_and_its_worker_rests() {
        Stage::with(&[ANNA, BELA]).check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (4_999, LEASE, "Ok(Done", "offered"),
            (1, LEASE, "Ok(Done", "offered"),
            (0, Accept(ANNA, lease(1)), "Err(StaleLease", "offered"),
            (0, Accept(BELA, lease(2)), "Ok(Done", "running"),
        ]);
        Stage::with(&[ANNA]).check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Detach(ANNA, SessionId([1; 16])), "Ok(Done", "offered"),
            (5_000, LEASE, "Ok(Done", "held"),
            (10_000, PROMPT, "Ok(Done", "ready"),
            (0, attach(ANNA, 2, &[]), "Ok(Attached", "offered"),
        ]);
    }

    #[test]
    fn a_run_waits_for_its_time_and_expires_when_it_was_not_started() {
        let held = Header { hold_ms: Some(1_000), ..header() };
        Stage::with(&[ANNA]).check(vec![
            (0, submit_as(RUN, held), "Ok(Submitted", "held"),
            (999, PROMPT, "Ok(Done", "held"),
            (1, PROMPT, "Ok(Done", "offered"),
        ]);
        let soon = Header { start_within_ms: Some(1_000), ..header() };
        Stage::empty().check(vec![
            (0, submit_as(RUN, soon.clone()), "Ok(Submitted", "ready"),
            (999, PROMPT, "Ok(Done", "ready"),
            (1, PROMPT, "Ok(Done", "expired"),
        ]);
        Stage::with(&[ANNA]).check(vec![
            (0, submit_as(RUN, soon.clone()), "Ok(Submitted", "offered"),
            (5_000, PROMPT, "Ok(Done", "offered"),
        ]);
        Stage::with(&[ANNA]).check(vec![
            (0, submit_as(RUN, soon), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, report(ANNA, 1, failed(FailureClass::Agent)), "Ok(Reported", "held"),
            (500_000, PROMPT, "Ok(Done", "offered"),
        ]);
    }
}
