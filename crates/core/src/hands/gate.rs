//! The gate before one asked action: opened by its own verdict, for its own digest, under its own epoch, once.
//!
//! ```text
//! Waiting ─ verdict: approve ─▶ Open ─ pass ─▶ Closed        any refusal, denial or withdrawal: Waiting | Open ─▶ Closed
//! ```
//!
//! Owns when an action may start. Must not know signatures (a [`Claims`] that exists was verified by the identity room,
//! on this runner), processes or relays. What it does not know it denies.

use crate::approval::Choice;
use crate::ids::{ApprovalId, Digest, Incarnation, LeaseId};
use crate::mutant::Mutant;
use crate::time::Timestamp;

/// What was asked: every part must come back in the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The relay's life in which it was asked.
    pub incarnation: Incarnation,
    /// The lease under which it was asked.
    pub lease: LeaseId,
    /// The question.
    pub approval: ApprovalId,
    /// Digest of the exact action that waits.
    pub digest: Digest,
}

/// What a verified verdict says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// The question it answers.
    pub question: Question,
    /// What the person chose.
    pub choice: Choice,
    /// Not to be used from then on, in Unix milliseconds as it was signed.
    pub expires_at: Timestamp,
}

/// Why an action may not start, or a verdict is not for this gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// Nobody has approved it (yet).
    #[error("nobody has approved this action: wait for a verdict")]
    Waiting,
    /// Denied, used up, or its attempt is over.
    #[error("this action was denied, or has used its approval: ask again")]
    Closed,
    /// The verdict answers another question, or was given in another life of the relay.
    #[error("the verdict answers another question: decide this one")]
    OtherQuestion,
    /// The verdict was given under another attempt.
    #[error("the verdict belongs to another attempt: decide again")]
    OtherEpoch,
    /// The action is not the one that was asked about.
    #[error("the action has changed since it was asked about: ask again")]
    OtherAction,
    /// The verdict is too old.
    #[error("the verdict has expired: decide again")]
    Expired,
    /// The lease may be another's by now.
    #[error("the lease is not known to be ours any more: start nothing")]
    Fenced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Waiting,
    Open { until: Timestamp },
    Closed,
}

/// The gate of one asked action.
#[derive(Debug, Clone)]
pub struct Gate {
    question: Question,
    stand: Stand,
    mutant: Option<Mutant>,
}

impl Gate {
    /// A gate that waits for the verdict on `question`.
    #[must_use]
    pub const fn new(question: Question) -> Self {
        Self { question, stand: Stand::Waiting, mutant: None }
    }

    /// What was asked.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// True until it is decided.
    #[must_use]
    pub const fn waits(&self) -> bool {
        matches!(self.stand, Stand::Waiting)
    }

    /// Takes a verified verdict. The first one for exactly this question decides; the same again changes nothing.
    ///
    /// # Errors
    /// When the verdict is not for this gate, or comes after it closed; the gate then stands as it stood.
    pub fn decide(&mut self, claims: &Claims, now: Timestamp) -> Result<Choice, GateError> {
        self.fits(&claims.question)?;
        if claims.expires_at <= now {
            return Err(GateError::Expired);
        }
        match (self.stand, claims.choice) {
            (Stand::Closed, _) => return Err(GateError::Closed),
            (Stand::Waiting, Choice::Approve) => self.stand = Stand::Open { until: claims.expires_at },
            (Stand::Waiting | Stand::Open { .. }, Choice::Reject) => self.stand = Stand::Closed,
            (Stand::Open { .. }, Choice::Approve) => {}
        }
        assert!(!self.waits(), "a verdict that was taken has decided");
        Ok(claims.choice)
    }

    fn fits(&self, answered: &Question) -> Result<(), GateError> {
        let asked = &self.question;
        let stale = answered.lease.run == asked.lease.run && answered.lease.epoch != asked.lease.epoch;
        if stale && self.sick(Mutant::VerdictOutlivesEpoch) {
            return Ok(());
        }
        let checks = [
            (!stale, GateError::OtherEpoch),
            (answered.incarnation == asked.incarnation, GateError::OtherQuestion),
            (answered.lease == asked.lease, GateError::OtherQuestion),
            (answered.approval == asked.approval, GateError::OtherQuestion),
            (answered.digest == asked.digest, GateError::OtherAction),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Denied: nobody will answer, or the attempt is over. A closed gate never opens again.
    pub const fn deny(&mut self) {
        self.stand = Stand::Closed;
    }

    /// Asked right before the action whose bytes digest to `digest` starts; `may_act` is the lease's word
    /// ([`crate::holding::Holding::may_act`]). Success uses the approval up.
    ///
    /// # Errors
    /// Then nothing may start. Only [`GateError::Waiting`] and [`GateError::Fenced`] leave the approval usable.
    pub fn pass(&mut self, digest: Digest, may_act: bool, now: Timestamp) -> Result<(), GateError> {
        if self.sick(Mutant::NoGate) {
            self.stand = Stand::Closed;
            return Ok(());
        }
        let until = match self.stand {
            Stand::Waiting => return Err(GateError::Waiting),
            Stand::Closed => return Err(GateError::Closed),
            Stand::Open { until } => until,
        };
        if !may_act {
            return Err(GateError::Fenced);
        }
        self.stand = Stand::Closed;
        if until <= now {
            return Err(GateError::Expired);
        }
        if digest != self.question.digest {
            return Err(GateError::OtherAction);
        }
        assert_eq!(self.stand, Stand::Closed, "an approval is used once");
        Ok(())
    }

    fn sick(&self, mutant: Mutant) -> bool {
        cfg!(feature = "mutants") && self.mutant == Some(mutant)
    }

    /// Plants a defect: the simulator proves that it would be found.
    #[cfg(feature = "mutants")]
    pub const fn infect(&mut self, mutant: Option<Mutant>) {
        self.mutant = mutant;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    const NOW: Timestamp = Timestamp(100);
    const LATER: Timestamp = Timestamp(200);
    const DIGEST: Digest = Digest([4; 32]);

    fn question() -> Question {
        let lease = LeaseId { run: RunId([1; 16]), epoch: 3 };
        Question { incarnation: Incarnation(7), lease, approval: ApprovalId([2; 16]), digest: DIGEST }
    }

    fn claims(choice: Choice) -> Claims {
        Claims { question: question(), choice, expires_at: LATER }
    }

    #[test]
    fn only_its_own_verdict_opens_it() {
        let right = question();
        let cases = [
            (Question { incarnation: Incarnation(8), ..right }, GateError::OtherQuestion),
            (Question { lease: LeaseId { run: RunId([9; 16]), epoch: 3 }, ..right }, GateError::OtherQuestion),
            (Question { lease: LeaseId { epoch: 2, ..right.lease }, ..right }, GateError::OtherEpoch),
            (Question { approval: ApprovalId([9; 16]), ..right }, GateError::OtherQuestion),
            (Question { digest: Digest([9; 32]), ..right }, GateError::OtherAction),
        ];
        for (question, error) in cases {
            let mut gate = Gate::new(right);
            let wrong = Claims { question, ..claims(Choice::Approve) };
            assert_eq!(gate.decide(&wrong, NOW), Err(error));
            assert_eq!(gate.pass(DIGEST, true, NOW), Err(GateError::Waiting));
            assert_eq!(gate.decide(&claims(Choice::Approve), NOW), Ok(Choice::Approve));
            assert_eq!(gate.pass(DIGEST, true, NOW), Ok(()));
        }
    }

    #[test]
    fn an_approval_is_used_once_in_time_for_its_own_bytes_by_its_own_lease() {
        let open = || {
            let mut gate = Gate::new(question());
            assert_eq!(gate.decide(&claims(Choice::Approve), NOW), Ok(Choice::Approve));
            gate
        };
        let mut gate = open();
        assert_eq!(gate.pass(DIGEST, false, NOW), Err(GateError::Fenced));
        assert_eq!(gate.pass(DIGEST, true, NOW), Ok(()));
        assert_eq!(gate.pass(DIGEST, true, NOW), Err(GateError::Closed));
        assert_eq!(gate.decide(&claims(Choice::Approve), NOW), Err(GateError::Closed));
        assert_eq!(open().pass(DIGEST, true, LATER), Err(GateError::Expired));
        let mut changed = open();
        assert_eq!(changed.pass(Digest([5; 32]), true, NOW), Err(GateError::OtherAction));
        assert_eq!(changed.pass(DIGEST, true, NOW), Err(GateError::Closed), "a changed action asks again");
        assert_eq!(Gate::new(question()).decide(&claims(Choice::Approve), LATER), Err(GateError::Expired));
    }

    #[test]
    fn absent_denied_and_rejected_all_mean_no() {
        let mut gate = Gate::new(question());
        assert!(gate.waits());
        assert_eq!(gate.pass(DIGEST, true, NOW), Err(GateError::Waiting));
        gate.deny();
        assert_eq!(gate.decide(&claims(Choice::Approve), NOW), Err(GateError::Closed));
        let mut gate = Gate::new(question());
        assert_eq!(gate.decide(&claims(Choice::Reject), NOW), Ok(Choice::Reject));
        assert_eq!(gate.pass(DIGEST, true, NOW), Err(GateError::Closed));
    }
}
