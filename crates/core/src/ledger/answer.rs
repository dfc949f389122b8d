//! Answer: the first durable decision wins, and everybody later is told whose it was.

use super::Turn;
use crate::approval::{ApprovalState, Decided};
use crate::command::Answering;
use crate::decision::{Answer, Effect, Refusal};
use crate::device::Role;
use crate::ids::{DeviceId, LeaseId, RunId};
use crate::limits::VERDICT_BYTES_MAX;
use crate::mutant::Mutant;
use crate::run::State;

impl Turn<'_> {
    pub(super) fn answer(&mut self, answering: Answering) -> Result<Answer, Refusal> {
        let Answering { id, by, digest, choice, verdict } = answering;
        super::within("the verdict", verdict.len(), VERDICT_BYTES_MAX)?;
        self.permit(by, Role::decides)?;
        let approval = self.ledger.approvals.get(&id).ok_or(Refusal::NoApproval(id))?;
        match &approval.state {
            ApprovalState::Pending => {}
            // The same verdict again: its answer was lost, not its effect.
            ApprovalState::Decided(first) if first.verdict == verdict => return Ok(Answer::Decided),
            ApprovalState::Decided(_) if self.ledger.sick(Mutant::DoubleDecide) => {}
            ApprovalState::Decided(first) => return Err(Refusal::AlreadyDecided(Box::new(first.clone()))),
            ApprovalState::Lapsed { .. } | ApprovalState::Withdrawn { .. } => return Err(Refusal::NotAsked),
        }
        if approval.digest != digest {
            return Err(Refusal::WrongDigest);
        }
        let (lease, worker) = (approval.lease, approval.worker);
        self.close(id, ApprovalState::Decided(Decided { choice, by, verdict, at: self.now }));
        if self.unpark(lease) {
            self.effects.push(Effect::Deliver(worker, id));
        }
        Ok(Answer::Decided)
    }

    /// Takes the slot again for a parked run that may go on. False when it must wait for a free slot: the verdict waits too.
    pub(super) fn unpark(&mut self, id: LeaseId) -> bool {
        let Some(run) = self.ledger.runs.get(&id.run) else { return false };
        let State::Parked { lease, .. } = run.life.state() else { return true };
        let lease = lease.clone();
        let Some(worker) = self.ledger.workers.get_mut(&lease.worker) else { return false };
        // Of a worker that is away nobody knows what it still executes: its slots are counted when it comes back.
        if worker.session.is_none() || worker.free() == 0 {
            self.enter(id.run, State::Parked { lease, due: true });
            return false;
        }
        let (left, seated) = (worker.parked.remove(&id.run), worker.seated.insert(id.run));
        assert!(left && seated, "a parked run takes a slot again");
        assert!(worker.seated.len() <= worker.advert.slots as usize, "a slot was free");
        self.enter(id.run, State::Leased(lease));
        true
    }

    /// A worker has room: runs that wait to go on there come before new ones, and get the verdicts that waited with them.
    pub(super) fn unpark_due(&mut self, worker: DeviceId) {
        let Some(known) = self.ledger.workers.get(&worker) else { return };
        let due = |run: &RunId| matches!(self.ledger.runs[run].life.state(), State::Parked { due: true, .. });
        let waiting: Vec<RunId> = known.parked.iter().copied().filter(due).collect();
        for run in waiting {
            let lease = self.life(run).lease().expect("a parked run has a lease").id;
            if !self.unpark(lease) {
                return;
            }
            let owed: Vec<Effect> = self.ledger.asked_by(run).filter_map(|a| self.ledger.owed_to_approval(a)).collect();
            self.effects.extend(owed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, APPROVAL, BOSS, Stage, answer, ask, attach, header, lease, submit, submit_as};
    use crate::approval::{Choice, LapsePolicy, SlotPolicy};
    use crate::command::Command::{Accept, Cancel, Detach, Revoke, Stopped};
    use crate::decision::Effect;
    use crate::ids::{RunId, SessionId};

    #[test]
    fn the_first_decision_wins_and_only_for_what_was_asked() {
        let mut stage = Stage::with(&[ANNA]);
        stage.check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, answer(BOSS, 5, Choice::Approve, 1), "Err(NoApproval", "running"),
            (0, ask(ANNA, 1, LapsePolicy::Hold), "Ok(Done", "running"),
            (0, answer(ANNA, 5, Choice::Approve, 1), "Err(NotPaired", "running"),
            (0, answer(BOSS, 6, Choice::Approve, 1), "Err(WrongDigest", "running"),
            (0, answer(BOSS, 5, Choice::Approve, 1), "Ok(Decided", "running"),
            (0, answer(BOSS, 5, Choice::Approve, 1), "Ok(Decided", "running"),
            (0, answer(BOSS, 5, Choice::Reject, 2), "Err(AlreadyDecided", "running"),
        ]);
    }

    #[test]
    fn nobody_decides_for_a_run_that_is_over_or_with_a_revoked_key() {
        let asked = || {
            let mut stage = Stage::with(&[ANNA]);
            stage.check(vec![
                (0, submit(), "Ok(Submitted", "offered"),
                (0, ask(ANNA, 1, LapsePolicy::Hold), "Ok(Done", "offered"),
            ]);
            stage
        };
        asked().check(vec![
            (0, Cancel(super::super::stage::RUN), "Ok(Cancelled", "cancelled"),
            (0, answer(BOSS, 5, Choice::Approve, 1), "Err(NotAsked", "cancelled"),
        ]);
        asked().check(vec![
            (0, Revoke(BOSS, vec![1]), "Ok(Done", "offered"),
            (0, answer(BOSS, 5, Choice::Approve, 1), "Err(NotPaired", "offered"),
        ]);
    }

    #[test]
    fn a_verdict_waits_for_the_slot_that_its_run_gave_back() {
        let mut stage = Stage::with(&[ANNA]);
        let parking = crate::run::Header { slot: SlotPolicy::Park, ..header() };
        let other = RunId([9; 16]);
        stage.check(vec![
            (0, submit_as(super::super::stage::RUN, parking), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, ask(ANNA, 1, LapsePolicy::Hold), "Ok(Done", "parked"),
            (0, submit_as(other, header()), "Ok(Submitted", "parked"),
            (0, answer(BOSS, 5, Choice::Approve, 1), "Ok(Decided", "parked"),
        ]);
        assert!(!stage.effects.contains(&Effect::Deliver(ANNA, APPROVAL)), "the slot is another's");
        stage.check(vec![(0, Cancel(other), "Ok(Cancelled", "parked")]);
        let freed = crate::ids::LeaseId { run: other, epoch: 1 };
        stage.check(vec![(0, crate::command::Command::Stopped(ANNA, freed), "Ok(Done", "running")]);
        assert!(stage.effects.contains(&Effect::Deliver(ANNA, APPROVAL)), "the slot is its own again");
    }

    #[test]
    fn a_verdict_for_a_runner_that_is_away_waits_until_it_says_what_it_holds() {
        let mut stage = Stage::with(&[ANNA]);
        let parking = crate::run::Header { slot: SlotPolicy::Park, ..header() };
        let stale = crate::ids::LeaseId { run: RunId([9; 16]), epoch: 1 };
        stage.check(vec![
            (0, submit_as(super::super::stage::RUN, parking), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, ask(ANNA, 1, LapsePolicy::Hold), "Ok(Done", "parked"),
            (0, Detach(ANNA, SessionId([1; 16])), "Ok(Done", "parked"),
            (0, answer(BOSS, 5, Choice::Approve, 1), "Ok(Decided", "parked"),
            (0, attach(ANNA, 2, &[lease(1), stale]), "Ok(Attached", "parked"),
            (0, Stopped(ANNA, stale), "Ok(Done", "running"),
        ]);
        assert!(stage.effects.contains(&Effect::Deliver(ANNA, APPROVAL)));
    }
}
