//! Verdicts: one person's choice about one exact action, signed, good once.
//!
//! ```text
//! in clear  { relay incarnation, run, epoch, approval, action digest, choice, expiry }   the relay routes and records it
//! sealed    { remark }                                                                  only the fleet reads it
//! signed    all of it, by an operator's device, whose chain is inside
//! ```
//!
//! Owns the bytes and every reason to refuse them. Must not know how an approval is decided once (the ledger), or what
//! the runner does next. The runner verifies before it acts; the relay verifies too, but nobody relies on that.

use crate::canon;
use crate::grant::{CHAIN_BYTES_MAX, Trust};
use crate::key::Domain;
use crate::seal::{Keyring, OpenError, Purpose, SEAL_OVERHEAD_BYTES};
use crate::statement::{self, Signer, StatementError};
use ostler_core::approval::{Action, Choice, Remark};
use ostler_core::device::Role;
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, LeaseId};
use serde::{Deserialize, Serialize};

/// Longest remark, encoded: a reason and a rule, not a document.
const MESSAGE_BYTES_MAX: usize = 4096;
/// The longest message, sealed and padded to the next KiB.
const SEALED_BYTES_MAX: usize = (MESSAGE_BYTES_MAX + SEAL_OVERHEAD_BYTES).next_multiple_of(1024);
/// Longest verdict: its message, its chain, and under 256 bytes of ids and signature.
const VERDICT_BYTES_MAX: usize = SEALED_BYTES_MAX + CHAIN_BYTES_MAX + 256;
const _: () = assert!(VERDICT_BYTES_MAX <= ostler_core::limits::VERDICT_BYTES_MAX);

const ACTION_CONTEXT: &str = "ostler 2026-11 action digest v1";

/// The digest that is shown, decided and executed: BLAKE3 over the action's one encoding, in a domain of its own.
#[must_use]
pub fn action_digest(action: &Action) -> Digest {
    Digest(blake3::derive_key(ACTION_CONTEXT, &canon::encode(action)))
}

/// The question a verdict must be the answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The relay's life in which it was asked.
    pub incarnation: Incarnation,
    /// The lease under which it was asked.
    pub lease: LeaseId,
    /// The question.
    pub approval: ApprovalId,
    /// The digest of the action that waits.
    pub digest: Digest,
}

/// Why a verdict is refused. None of these lets the action start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerdictError {
    /// Damaged, not signed by a member, or by one who may not decide.
    #[error("the verdict is refused: {0}")]
    Statement(#[from] StatementError),
    /// Made in another life of the relay.
    #[error("the verdict was given before the relay was restored: decide again")]
    Incarnation,
    /// About another run.
    #[error("the verdict is about another run")]
    Run,
    /// About an earlier or later attempt.
    #[error("the verdict is about attempt {0} of this run: decide again")]
    Epoch(u64),
    /// About another question.
    #[error("the verdict is about another approval")]
    Approval,
    /// About another action.
    #[error("the verdict is about another action: what waits has changed since, decide again")]
    Digest,
    /// Too old.
    #[error("the verdict has expired: decide again")]
    Expired,
    /// The message is over its bound.
    #[error("the message is longer than 4096 bytes: shorten it")]
    TooLong,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    incarnation: Incarnation,
    lease: LeaseId,
    approval: ApprovalId,
    digest: Digest,
    choice: Choice,
    expires_at_unix_ms: u64,
    remark: Vec<u8>,
}

/// A verified verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What was chosen.
    pub choice: Choice,
    /// Whose device signed.
    pub by: DeviceId,
    lease: LeaseId,
    approval: ApprovalId,
    sealed: Vec<u8>,
}

impl Verdict {
    /// A signed verdict on `question`, its remark sealed to the fleet.
    ///
    /// # Errors
    /// When the remark is too long.
    pub fn sign(
        signer: &Signer<'_>,
        keyring: &Keyring,
        question: &Expected,
        choice: Choice,
        remark: &Remark,
        expires_at_unix_ms: u64,
    ) -> Result<Vec<u8>, VerdictError> {
        let plain = canon::encode(remark);
        if plain.len() > MESSAGE_BYTES_MAX {
            return Err(VerdictError::TooLong);
        }
        let Expected { incarnation, lease, approval, digest } = *question;
        let remark = keyring.seal(&purpose(lease, approval), &plain);
        let signed = Signed { incarnation, lease, approval, digest, choice, expires_at_unix_ms, remark };
        Ok(statement::sign(signer, Domain::Verdict, &signed))
    }

    /// The verdict in `bytes`, if an operator of the fleet gave it as the answer to exactly this question.
    ///
    /// # Errors
    /// See [`VerdictError`]; then nothing may be done in its name.
    pub fn verify(bytes: &[u8], question: &Expected, trust: &Trust<'_>) -> Result<Self, VerdictError> {
        let (member, signed): (_, Signed) =
            statement::open(bytes, VERDICT_BYTES_MAX, Domain::Verdict, Role::decides, trust)?;
        let Signed { incarnation, lease, approval, digest, choice, expires_at_unix_ms, remark } = signed;
        let checks = [
            (incarnation == question.incarnation, VerdictError::Incarnation),
            (lease.run == question.lease.run, VerdictError::Run),
            (lease.epoch == question.lease.epoch, VerdictError::Epoch(lease.epoch)),
            (approval == question.approval, VerdictError::Approval),
            (digest == question.digest, VerdictError::Digest),
            (trust.now_unix_ms < expires_at_unix_ms, VerdictError::Expired),
            (remark.len() <= SEALED_BYTES_MAX, VerdictError::TooLong),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, error)) => Err(error),
            None => Ok(Self { choice, by: member.device, lease, approval, sealed: remark }),
        }
    }

    /// What the person wrote.
    ///
    /// # Errors
    /// When the keyring lacks the epoch, or what was sealed is no remark.
    pub fn remark(&self, keyring: &Keyring) -> Result<Remark, OpenError> {
        let plain = keyring.open(&purpose(self.lease, self.approval), &self.sealed)?;
        canon::decode(&plain, MESSAGE_BYTES_MAX).ok_or(OpenError::Tampered)
    }
}

fn purpose(lease: LeaseId, approval: ApprovalId) -> Purpose {
    Purpose::Message { run: lease.run, epoch: lease.epoch, approval }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, SOON, Someone, damaged, founder, trust};
    use crate::grant::ChainError;
    use ostler_core::approval::{Deed, Program, Risk};
    use ostler_core::ids::RunId;

    fn action() -> Action {
        Action {
            kind: "deploy".to_owned(),
            risk: Risk::High,
            deed: Deed::Program(Program {
                path: "/usr/bin/make".to_owned(),
                digest: Digest([4; 32]),
                argv: vec!["make".to_owned(), "deploy".to_owned()],
                files: vec![(1, Digest([5; 32]))],
                env_names: vec!["PATH".to_owned()],
            }),
            directory: "/srv".to_owned(),
            title: String::new(),
        }
    }

    fn program(action: &mut Action) -> &mut Program {
        let Deed::Program(program) = &mut action.deed else { panic!("a program") };
        program
    }

    fn question() -> Expected {
        Expected {
            incarnation: Incarnation(7),
            lease: LeaseId { run: RunId::from_parts(NOW, [1; 10]), epoch: 3 },
            approval: ApprovalId::from_parts(NOW, [2; 10]),
            digest: action_digest(&action()),
        }
    }

    fn sign(who: &Someone, keyring: &Keyring, choice: Choice) -> Vec<u8> {
        Verdict::sign(&who.signer(), keyring, &question(), choice, &Remark::words("fine by me"), SOON).expect("signed")
    }

    #[test]
    fn a_verdict_says_who_chose_what_and_only_the_fleet_reads_why() {
        let boss = founder();
        let (ring, second) = (boss.ring().0, boss.enrol(Role::Operator, &[]));
        for (who, choice) in [(&boss, Choice::Approve), (&second, Choice::Reject)] {
            let bytes = sign(who, &ring, choice);
            assert!(bytes.len() <= VERDICT_BYTES_MAX && !bytes.windows(4).any(|w| w == b"fine"));
            let verdict = Verdict::verify(&bytes, &question(), &trust(boss.fleet)).expect("holds");
            assert_eq!((verdict.choice, verdict.by), (choice, who.id()));
            assert_eq!(verdict.remark(&ring), Ok(Remark::words("fine by me")));
            assert_eq!(verdict.remark(&founder().ring().0), Err(OpenError::Tampered));
        }
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let boss = founder();
        let bytes = sign(&boss, &boss.ring().0, Choice::Reject);
        for bytes in damaged(&bytes) {
            assert!(Verdict::verify(&bytes, &question(), &trust(boss.fleet)).is_err());
        }
    }

    #[test]
    fn an_answer_to_another_question_is_refused_by_its_own_name() {
        let boss = founder();
        let bytes = sign(&boss, &boss.ring().0, Choice::Approve);
        let right = question();
        let run = RunId::from_parts(NOW, [9; 10]);
        let cases = [
            (Expected { incarnation: Incarnation(8), ..right }, VerdictError::Incarnation),
            (Expected { lease: LeaseId { run, ..right.lease }, ..right }, VerdictError::Run),
            (Expected { lease: LeaseId { epoch: 4, ..right.lease }, ..right }, VerdictError::Epoch(3)),
            (Expected { approval: ApprovalId::from_parts(NOW, [9; 10]), ..right }, VerdictError::Approval),
            (Expected { digest: Digest([0; 32]), ..right }, VerdictError::Digest),
        ];
        for (expected, error) in cases {
            assert_eq!(Verdict::verify(&bytes, &expected, &trust(boss.fleet)), Err(error));
        }
        let late = Verdict::verify(&bytes, &right, &Trust::new(boss.fleet, SOON));
        assert_eq!(late, Err(VerdictError::Expired));
    }

    #[test]
    fn nobody_but_an_operator_decides_and_a_runner_never_approves_itself() {
        let boss = founder();
        let ring = boss.ring().0;
        for role in [Role::Runner, Role::Viewer, Role::Gateway] {
            let cheat = boss.enrol(role, &[]);
            let refused = Verdict::verify(&sign(&cheat, &ring, Choice::Approve), &question(), &trust(boss.fleet));
            assert_eq!(refused, Err(VerdictError::Statement(StatementError::Role { device: cheat.id(), role })));
        }
        let runner = boss.enrol(Role::Runner, &[]);
        let borrowed = Someone { fleet: boss.fleet, key: runner.key.clone(), chain: boss.chain.clone() };
        let refused = Verdict::verify(&sign(&borrowed, &ring, Choice::Approve), &question(), &trust(boss.fleet));
        assert_eq!(refused, Err(VerdictError::Statement(StatementError::Signature)), "another's chain");
        let foreign = founder();
        let refused = Verdict::verify(&sign(&foreign, &ring, Choice::Approve), &question(), &trust(boss.fleet));
        assert!(matches!(
            refused,
            Err(VerdictError::Statement(StatementError::Chain(ChainError::Signature { link: 0 })))
        ));
        let elsewhere = Someone { fleet: founder().fleet, key: boss.key.clone(), chain: boss.chain.clone() };
        let refused = Verdict::verify(&sign(&elsewhere, &ring, Choice::Approve), &question(), &trust(boss.fleet));
        assert_eq!(refused, Err(VerdictError::Statement(StatementError::Signature)), "signed for another fleet");
        let is_revoked = |id: &DeviceId| *id == boss.id();
        let distrust = Trust { is_revoked: &is_revoked, ..trust(boss.fleet) };
        assert!(Verdict::verify(&sign(&boss, &ring, Choice::Approve), &question(), &distrust).is_err());
    }

    #[test]
    fn an_approval_signed_as_something_else_is_none() {
        let boss = founder();
        let Expected { incarnation, lease, approval, digest } = question();
        let signed = Signed {
            incarnation,
            lease,
            approval,
            digest,
            choice: Choice::Approve,
            expires_at_unix_ms: SOON,
            remark: vec![],
        };
        let bytes = statement::sign(&boss.signer(), Domain::Tombstone, &signed);
        let refused = Verdict::verify(&bytes, &question(), &trust(boss.fleet));
        assert_eq!(refused, Err(VerdictError::Statement(StatementError::Signature)));
    }

    #[test]
    fn a_long_message_fits_up_to_its_bound() {
        let boss = founder();
        let ring = boss.ring().0;
        let say = |len: usize| {
            Verdict::sign(&boss.signer(), &ring, &question(), Choice::Reject, &Remark::words(&"x".repeat(len)), SOON)
        };
        let around = canon::encode(&Remark::words(&"x".repeat(MESSAGE_BYTES_MAX / 2))).len() - MESSAGE_BYTES_MAX / 2;
        let fits = MESSAGE_BYTES_MAX - around;
        let bytes = say(fits).expect("fits");
        assert!(Verdict::verify(&bytes, &question(), &trust(boss.fleet)).is_ok());
        assert_eq!(say(fits + 1), Err(VerdictError::TooLong));
    }

    #[test]
    fn any_change_of_an_action_is_another_action() {
        let plain = action_digest(&action());
        assert_eq!(plain, action_digest(&action()));
        assert_eq!(
            plain.to_string(),
            "b3_0q3bvxbqt11pvky79n89w9s7msetxh45098w7m579wa7f0n6eks7",
            "old verdicts name this digest"
        );
        let changes: [fn(&mut Action); 10] = [
            |a| a.kind.push('x'),
            |a| a.risk = Risk::Low,
            |a| program(a).path.push('x'),
            |a| program(a).digest.0[0] ^= 1,
            |a| program(a).argv = vec!["make".to_owned(), "dep".to_owned(), "loy".to_owned()],
            |a| program(a).argv[1].push(' '),
            |a| program(a).files[0].1.0[0] ^= 1,
            |a| a.directory.push('x'),
            |a| program(a).env_names.push("HOME".to_owned()),
            |a| a.deed = Deed::Command { line: "make deploy".to_owned() },
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut changed = action();
            change(&mut changed);
            assert_ne!(action_digest(&changed), plain, "change {at}");
        }
    }
}
