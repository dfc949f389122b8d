//! Bury, revive, discard, and the housekeeping of what is long over.

use super::Turn;
use crate::decision::{Answer, Change, Refusal};
use crate::failure::{Cause, Counts, Failure, FailureClass};
use crate::ids::{ApprovalId, RunId};
use crate::run::{AttemptEnd, Run, State};

impl Turn<'_> {
    /// The system gives the run up; its body and causes stay.
    pub(super) fn bury(&mut self, id: RunId, cause: Cause) {
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
        self.ready(id);
        Ok(Answer::Done)
    }

    /// Thrown away, by a person.
    pub(super) fn discard(&mut self, id: RunId) -> Result<Answer, Refusal> {
        self.dead(id)?;
        self.evict(id);
        self.changes.push(Change::Forget(id));
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
