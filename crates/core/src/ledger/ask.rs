//! Ask: a runner puts a question about one exact action. Asking twice is asking once.

use super::{Ledger, Turn};
use crate::approval::{Approval, ApprovalState, LapsePolicy, SlotPolicy};
use crate::command::{Asking, Whom};
use crate::decision::{Answer, Change, Effect, Refusal};
use crate::ids::{ApprovalId, DeviceId, LeaseId};
use crate::limits::{ACTION_BYTES_MAX, ASKING_MAX};
use crate::mutant::Mutant;
use crate::run::State;
use crate::time::Timestamp;

/// What a run that asks too much at once is told: people answer in minutes, not milliseconds.
const ASKING_RETRY_MS: u64 = 60_000;

impl Ledger {
    /// When an unanswered approval must be looked at.
    fn approval_wake(approval: &Approval) -> Option<Timestamp> {
        match approval.lapse {
            LapsePolicy::Deny { after_ms } => Some(approval.asked_at.plus(after_ms)),
            LapsePolicy::Escalate { after_ms } if !approval.escalated => Some(approval.asked_at.plus(after_ms)),
            LapsePolicy::Hold | LapsePolicy::Escalate { .. } => None,
        }
    }

    /// What one approval still owes: a prompt, a verdict on its way, or a denial.
    pub(super) fn owed_to_approval(&self, approval: &Approval) -> Option<Effect> {
        let run = self.runs.get(&approval.lease.run)?;
        let current = run.life.fences(approval.lease, approval.worker);
        let seated = matches!(run.life.state(), State::Leased(_));
        match &approval.state {
            ApprovalState::Pending => {
                Self::approval_wake(approval).map(|at| Effect::Wake(Whom::Approval(approval.id), at))
            }
            ApprovalState::Decided(_) if current && seated => Some(Effect::Deliver(approval.worker, approval.id)),
            ApprovalState::Lapsed { .. } if current && seated => Some(Effect::Deny(approval.worker, approval.id)),
            ApprovalState::Decided(_) | ApprovalState::Lapsed { .. } | ApprovalState::Withdrawn { .. } => None,
        }
    }
}

impl Turn<'_> {
    pub(super) fn ask(&mut self, worker: DeviceId, asking: Asking) -> Result<Answer, Refusal> {
        let Asking { id, lease, digest, risk, lapse, sealed } = asking;
        super::within("the sealed action", sealed.len(), ACTION_BYTES_MAX)?;
        self.fence(lease, worker)?;
        if let Some(known) = self.ledger.approvals.get(&id) {
            if known.lease != lease || known.digest != digest {
                return Err(Refusal::WrongDigest);
            }
            self.effects.extend(self.ledger.owed_to_approval(known));
            return Ok(Answer::Done);
        }
        if self.ledger.asked_by(lease.run).filter(|a| a.is_pending()).count() >= ASKING_MAX {
            return Err(Refusal::Busy { retry_after_ms: ASKING_RETRY_MS });
        }
        let (asked_at, state) = (self.now, ApprovalState::Pending);
        self.keep(Approval { id, lease, worker, digest, risk, sealed, lapse, asked_at, escalated: false, state });
        self.ledger.index.note_asked(lease.run, id);
        self.effects.push(Effect::Inbox(id));
        self.effects.push(Effect::Changed(lease.run));
        self.park(lease);
        Ok(Answer::Done)
    }

    /// Gives the slot back while a person thinks, if the run wants that.
    fn park(&mut self, id: LeaseId) {
        let run = &self.ledger.runs[&id.run];
        if run.spec.header.slot != SlotPolicy::Park {
            return;
        }
        let State::Leased(lease) = run.life.state() else { return };
        let lease = lease.clone();
        let owner = lease.worker;
        self.enter(id.run, State::Parked { lease, due: false });
        if let Some(worker) = self.ledger.workers.get_mut(&owner) {
            let (left, parked) = (worker.seated.remove(&id.run), worker.parked.insert(id.run));
            assert!(left && parked, "a run gives back the slot it had");
        }
        self.fill(owner);
    }

    pub(super) fn withdraw(&mut self, worker: DeviceId, id: ApprovalId) -> Result<Answer, Refusal> {
        let approval = self.ledger.approvals.get(&id).ok_or(Refusal::NoApproval(id))?;
        let lease = approval.lease;
        self.fence(lease, worker)?;
        if approval.is_pending() {
            self.close(id, ApprovalState::Withdrawn { at: self.now });
            self.unpark(lease);
        }
        Ok(Answer::Done)
    }

    /// A lease that is over takes its open questions with it.
    pub(super) fn withdraw_all(&mut self, lease: LeaseId) {
        if self.ledger.sick(Mutant::AskOutlivesLease) {
            return;
        }
        let open: Vec<ApprovalId> = self.ledger.asked_by(lease.run).filter(|a| a.is_pending()).map(|a| a.id).collect();
        for id in open {
            self.close(id, ApprovalState::Withdrawn { at: self.now });
        }
    }

    pub(super) fn approval_elapsed(&mut self, id: ApprovalId) {
        let Some(approval) = self.ledger.approvals.get(&id).filter(|a| a.is_pending()) else { return };
        let Some(at) = Ledger::approval_wake(approval) else { return };
        if at > self.now {
            return self.effects.push(Effect::Wake(Whom::Approval(id), at));
        }
        let (lease, worker) = (approval.lease, approval.worker);
        match approval.lapse {
            LapsePolicy::Deny { .. } => {
                self.close(id, ApprovalState::Lapsed { at: self.now });
                // Like a verdict, a denial lets the run go on: it too waits for the slot.
                if self.unpark(lease) {
                    self.effects.push(Effect::Deny(worker, id));
                }
            }
            LapsePolicy::Escalate { .. } => {
                let louder = Approval { escalated: true, ..approval.clone() };
                self.keep(louder);
                self.effects.push(Effect::Inbox(id));
            }
            LapsePolicy::Hold => {}
        }
    }

    /// Ends the waiting of one question.
    pub(super) fn close(&mut self, id: ApprovalId, state: ApprovalState) {
        let Some(approval) = self.ledger.approvals.get(&id) else { return };
        let closed = Approval { state, ..approval.clone() };
        assert!(!closed.is_pending(), "a closed question waits for nobody");
        self.effects.push(Effect::Rest(Whom::Approval(id)));
        self.effects.push(Effect::Changed(closed.lease.run));
        self.keep(closed);
    }

    fn keep(&mut self, approval: Approval) {
        self.changes.push(Change::Approval(approval.clone()));
        if approval.is_pending() {
            let wake = Ledger::approval_wake(&approval).map(|at| Effect::Wake(Whom::Approval(approval.id), at));
            self.effects.extend(wake);
        }
        self.ledger.approvals.insert(approval.id, approval);
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, APPROVAL, Stage, ask, header, lease, submit, submit_as};
    use crate::approval::{LapsePolicy, SlotPolicy};
    use crate::command::Command::{Accept, Elapsed, Withdraw};
    use crate::command::Whom;
    use crate::decision::Effect;
    use crate::ids::RunId;

    const PROMPT: crate::command::Command = Elapsed(Whom::Approval(APPROVAL));

    #[test]
    fn asking_twice_is_asking_once_and_only_the_holder_asks() {
        let mut stage = Stage::with(&[ANNA]);
        stage.check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, ask(ANNA, 2, LapsePolicy::Hold), "Err(StaleLease", "running"),
            (0, ask(ANNA, 1, LapsePolicy::Hold), "Ok(Done", "running"),
            (0, ask(ANNA, 1, LapsePolicy::Hold), "Ok(Done", "running"),
            (0, Withdraw(ANNA, APPROVAL), "Ok(Done", "running"),
        ]);
        assert_eq!(stage.ledger.approvals().count(), 1);
        assert!(stage.ledger.approvals().all(|approval| !approval.is_pending()));
    }

    #[test]
    fn an_unanswered_question_is_denied_or_asked_louder_when_its_time_is_over() {
        let cases = [
            (LapsePolicy::Deny { after_ms: 500 }, Effect::Deny(ANNA, APPROVAL), false),
            (LapsePolicy::Escalate { after_ms: 500 }, Effect::Inbox(APPROVAL), true),
        ];
        for (lapse, effect, open) in cases {
            let mut stage = Stage::with(&[ANNA]);
            stage.check(vec![
                (0, submit(), "Ok(Submitted", "offered"),
                (0, ask(ANNA, 1, lapse), "Ok(Done", "offered"),
                (499, PROMPT, "Ok(Done", "offered"),
            ]);
            assert!(!stage.effects.contains(&effect), "too early for {lapse:?}");
            stage.check(vec![(1, PROMPT, "Ok(Done", "offered")]);
            assert!(stage.effects.contains(&effect), "{lapse:?}");
            stage.check(vec![(900, PROMPT, "Ok(Done", "offered")]);
            assert!(!stage.effects.contains(&effect), "once only: {lapse:?}");
            assert_eq!(stage.ledger.approval(APPROVAL).map(crate::approval::Approval::is_pending), Some(open));
        }
    }

    #[test]
    fn a_denial_waits_for_the_slot_that_its_run_gave_back() {
        let mut stage = Stage::with(&[ANNA]);
        let parking = crate::run::Header { slot: SlotPolicy::Park, ..header() };
        let (denial, other) = (Effect::Deny(ANNA, APPROVAL), RunId([9; 16]));
        stage.check(vec![
            (0, submit_as(super::super::stage::RUN, parking), "Ok(Submitted", "offered"),
            (0, ask(ANNA, 1, LapsePolicy::Deny { after_ms: 500 }), "Ok(Done", "parked"),
            (0, submit_as(other, header()), "Ok(Submitted", "parked"),
            (500, PROMPT, "Ok(Done", "parked"),
        ]);
        assert!(!stage.effects.contains(&denial), "the slot is another's");
        let stale = crate::ids::LeaseId { run: other, epoch: 1 };
        stage.check(vec![(0, crate::command::Command::Decline(ANNA, stale, "no".into()), "Ok(Done", "offered")]);
        assert!(stage.effects.contains(&denial), "the slot is its own again");
    }
}
