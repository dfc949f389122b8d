//! Verdicts: one person's choice about one exact action, signed, good once.
//!
//! ```text
//! in clear  { relay incarnation, run, epoch, approval, action digest, choice, expiry }   the relay routes and records it
//! sealed    { message }                                                                 only the fleet reads it
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
use ostler_core::approval::{Action, Choice};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, LeaseId};
use serde::{Deserialize, Serialize};

/// Longest message, in bytes of UTF-8: a reason, not a document.
pub const MESSAGE_BYTES_MAX: usize = 4096;
const SEALED_BYTES_MAX: usize = MESSAGE_BYTES_MAX + SEAL_OVERHEAD_BYTES;
/// Longest verdict: its message, its chain, and under 256 bytes of ids and signature.
pub const VERDICT_BYTES_MAX: usize = SEALED_BYTES_MAX + CHAIN_BYTES_MAX + 256;

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
    message: Vec<u8>,
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
    /// A signed verdict on `question`, its message sealed to the fleet.
    ///
    /// # Errors
    /// When the message is too long.
    pub fn sign(
        signer: &Signer<'_>,
        keyring: &Keyring,
        question: &Expected,
        choice: Choice,
        message: &str,
        expires_at_unix_ms: u64,
    ) -> Result<Vec<u8>, VerdictError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(VerdictError::TooLong);
        }
        let Expected { incarnation, lease, approval, digest } = *question;
        let message = keyring.seal(&purpose(lease, approval), message.as_bytes());
        let signed = Signed { incarnation, lease, approval, digest, choice, expires_at_unix_ms, message };
        Ok(statement::sign(signer, Domain::Verdict, &signed))
    }

    /// The verdict in `bytes`, if an operator of the fleet gave it as the answer to exactly this question.
    ///
    /// # Errors
    /// See [`VerdictError`]; then nothing may be done in its name.
    pub fn verify(bytes: &[u8], question: &Expected, trust: &Trust<'_>) -> Result<Self, VerdictError> {
        let (member, signed): (_, Signed) = statement::open(bytes, VERDICT_BYTES_MAX, Domain::Verdict, trust)?;
        let Signed { incarnation, lease, approval, digest, choice, expires_at_unix_ms, message } = signed;
        let checks = [
            (incarnation == question.incarnation, VerdictError::Incarnation),
            (lease.run == question.lease.run, VerdictError::Run),
            (lease.epoch == question.lease.epoch, VerdictError::Epoch(lease.epoch)),
            (approval == question.approval, VerdictError::Approval),
            (digest == question.digest, VerdictError::Digest),
            (trust.now_unix_ms < expires_at_unix_ms, VerdictError::Expired),
            (message.len() <= SEALED_BYTES_MAX, VerdictError::TooLong),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, error)) => Err(error),
            None => Ok(Self { choice, by: member.device, lease, approval, sealed: message }),
        }
    }

    /// What the person wrote.
    ///
    /// # Errors
    /// When the keyring lacks the epoch. Text that is not UTF-8 is shown with replacement characters.
    pub fn message(&self, keyring: &Keyring) -> Result<String, OpenError> {
        let plain = keyring.open(&purpose(self.lease, self.approval), &self.sealed)?;
        Ok(String::from_utf8_lossy(&plain).into_owned())
    }
}

fn purpose(lease: LeaseId, approval: ApprovalId) -> Purpose {
    Purpose::Message { run: lease.run, epoch: lease.epoch, approval }
}
