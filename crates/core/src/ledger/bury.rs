//! Bury, revive, discard, and the housekeeping of what is long over.

use super::Turn;
use crate::decision::{Answer, Change, Refusal};
use crate::failure::{Cause, Counts, Failure, FailureClass};
use crate::ids::{ApprovalId, RunId};
use crate::run::{AttemptEnd, Outcome, Run, State};

impl Turn<'_> {
    /// The system gives the run up; its body and causes stay.
    pub(super) fn bury(&mut self, id: RunId, cause: Cause) {
        let held = self.life(id).lease().is_some_and(|lease| self.ledger.index.deadline(lease.id).is_some());
        assert!(!held, "a run is buried when its lease has ended");
        self.ledger.tally.buried += 1;
        self.enter(id, State::Dead { cause, at: self.now });
    }

    pub(super) fn poisoned(&mut self, id: RunId) -> Result<Answer, Refusal> {
        let run = self.ledger.runs.get(&id).ok_or(Refusal::NoRun(id))?;
        if matches!(run.life.state(), State::Settled(_) | State::Dead { .. }) {
            return Ok(Answer::Done);
        }
        if let Some(lease) = run.life.lease() {
            let worker = lease.worker;
            let failure = Failure::new(FailureClass::Infra, "its actor on the relay crashed repeatedly");
            self.end_lease(id, AttemptEnd::Failed(failure), None, false);
            self.bury(id, Cause::Crashed);
            self.fill(worker);
        } else {
            self.bury(id, Cause::Crashed);
        }
        Ok(Answer::Done)
    }

    /// Another chance, with fresh budgets and the history kept.
    pub(super) fn revive(&mut self, id: RunId) -> Result<Answer, Refusal> {
        self.dead(id)?;
        let now = self.now;
        let life = self.amend(id);
        life.generation = life.generation.saturating_add(1);
        life.counts = Counts::default();
        life.queued_at = now;
        assert!(life.generation > 0, "a revived run has had a life before");
        self.ready(id);
        Ok(Answer::Done)
    }

    /// Thrown away, by a person. Its row stays for the usual time: a submission that is sent again must find it, or the run
    /// would live twice under the same epochs.
    pub(super) fn discard(&mut self, id: RunId) -> Result<Answer, Refusal> {
        self.dead(id)?;
        self.settle(id, Outcome::Cancelled, None);
        Ok(Answer::Done)
    }

    fn dead(&self, id: RunId) -> Result<(), Refusal> {
        let run = self.ledger.runs.get(&id).ok_or(Refusal::NoRun(id))?;
        match run.life.state() {
            State::Dead { .. } => Ok(()),
            state @ (State::Held { .. }
            | State::Ready
            | State::Leased(_)
            | State::Parked { .. }
            | State::Settled(_)) => Err(Refusal::NotDead(state.word().to_owned())),
        }
    }

    /// Forgets, in memory, what settled long ago; frees its idempotency key and drops invitations nobody can use any more.
    pub(super) fn sweep(&mut self) -> Result<Answer, Refusal> {
        let (now, retained_ms) = (self.now, self.ledger.policy.settled_retained_ms);
        let old = |run: &&Run| match run.life.state() {
            State::Settled(settlement) => now.since(settlement.at) > retained_ms,
            State::Held { .. } | State::Ready | State::Leased(_) | State::Parked { .. } | State::Dead { .. } => false,
        };
        let over: Vec<RunId> = self.ledger.runs.values().filter(old).map(|run| run.spec.id).collect();
        for id in over {
            self.evict(id);
        }
        let spent: Vec<_> = self.ledger.invites.values().filter(|i| i.expires_at <= now).map(|i| i.id).collect();
        for id in spent {
            self.ledger.invites.remove(&id);
            self.changes.push(Change::DropInvite(id));
        }
        Ok(Answer::Done)
    }

    fn evict(&mut self, id: RunId) {
        let Some(run) = self.ledger.runs.remove(&id) else { return };
        assert!(run.life.is_settled(), "only what is over is forgotten");
        self.ledger.index.leave(&run);
        let asked: Vec<ApprovalId> = self.ledger.index.asked(id).collect();
        for approval in asked {
            self.ledger.approvals.remove(&approval);
        }
        self.ledger.index.forget_run(id);
        if let Some(key) = &run.spec.header.key {
            self.ledger.keys.remove(&(run.spec.submitter, key.clone()));
            self.changes.push(Change::FreeKey(run.spec.submitter, key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, RUN, Stage, failed, lease, report, submit};
    use crate::command::Command::{Accept, Discard, Elapsed, Poisoned, Revive, Sweep};
    use crate::command::Whom;
    use crate::failure::FailureClass;

    fn dead() -> Stage {
        let mut stage = Stage::with(&[ANNA]);
        stage.check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, report(ANNA, 1, failed(FailureClass::Agent)), "Ok(Reported", "held"),
            (60_000, Elapsed(Whom::Run(RUN)), "Ok(Done", "offered"),
            (0, report(ANNA, 2, failed(FailureClass::Task)), "Ok(Reported", "dead"),
        ]);
        stage
    }

    #[test]
    fn a_dead_letter_is_revived_with_fresh_budgets_and_a_new_epoch() {
        let mut stage = dead();
        stage.check(vec![
            (0, Revive(RUN), "Ok(Done", "offered"),
            (0, Revive(RUN), "Err(NotDead", "offered"),
            (0, Discard(RUN), "Err(NotDead", "offered"),
            (0, Accept(ANNA, lease(3)), "Ok(Done", "running"),
            (0, report(ANNA, 3, failed(FailureClass::Agent)), "Ok(Reported", "held"),
        ]);
        assert_eq!(stage.ledger.run(RUN).map(|run| run.life.generation), Some(1));
    }

    #[test]
    fn a_discarded_run_is_not_born_again_by_a_submission_sent_twice() {
        dead().check(vec![
            (0, Discard(RUN), "Ok(Done", "cancelled"),
            (0, submit(), "Ok(Submitted { run: run_070w3ge1r70w3ge1r70w3ge1r7, fresh: false", "cancelled"),
            (0, Discard(RUN), "Err(NotDead", "cancelled"),
        ]);
    }

    #[test]
    fn a_run_that_kills_its_actor_is_buried_and_what_is_long_over_is_forgotten() {
        Stage::with(&[ANNA]).check(vec![
            (0, Poisoned(RUN), "Err(NoRun", "none"),
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Poisoned(RUN), "Ok(Done", "dead"),
            (0, Poisoned(RUN), "Ok(Done", "dead"),
            (0, Discard(RUN), "Ok(Done", "cancelled"),
            (24 * 3_600_000, Sweep, "Ok(Done", "cancelled"),
            (1, Sweep, "Ok(Done", "none"),
        ]);
    }
}
