//! How an attempt with a conversing agent is judged.
//!
//! Owns the classes of what agents and providers say. Never from the exit code alone, which is 0 for many failures.

use super::words::sentence;
use crate::adapter::{End, Outcome};
use crate::command::judge;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::usage::LimitKind;

/// The code of a failure that means: the session to be resumed does not exist any more. The same attempt may be started
/// afresh, with what [`crate::Resume::otherwise`] says.
pub const SESSION_GONE: &str = "session gone";
/// The code of a failure that only a person mends, by signing in on the runner.
pub const SIGNED_OUT: &str = "not signed in";

/// What an agent said about its own end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The work is done; the agent's last words.
    Done(String),
    /// It is not: what the ledger decides by, and words that may quote the agent.
    Not(Failure, String),
}

impl Verdict {
    /// A failure with a code in clear.
    pub(crate) fn not(class: FailureClass, code: &str, words: impl Into<String>) -> Self {
        Self::Not(Failure::new(class, code), words.into())
    }

    /// Whether this is the failure with `code`.
    pub(crate) fn is(&self, code: &str) -> bool {
        matches!(self, Self::Not(failure, _) if failure.code == code)
    }
}

/// What a status of the model's provider means for the run; none when it says nothing about it.
pub(crate) fn provider(status: u64) -> Option<(FailureClass, &'static str)> {
    match status {
        401 | 403 => Some((FailureClass::Infra, SIGNED_OUT)),
        402 | 429 | 529 => Some((FailureClass::Limit, "provider limit")),
        500..=599 => Some((FailureClass::Limit, "provider unavailable")),
        _ => None,
    }
}

/// What the provider does not give when it answers with `status`.
pub(crate) fn limit(status: u64) -> Option<LimitKind> {
    match status {
        401 | 403 => Some(LimitKind::SignIn),
        402 => Some(LimitKind::Quota),
        429 => Some(LimitKind::Rate),
        500..=599 => Some(LimitKind::Overloaded),
        _ => None,
    }
}

/// The outcome of an attempt whose process ended. An agent that ended without a verdict broke its protocol.
pub(crate) fn outcome(verdict: Option<Verdict>, end: End) -> Outcome {
    match verdict {
        Some(Verdict::Done(words)) => Outcome::Succeeded { message: sentence(&words) },
        Some(Verdict::Not(failure, words)) => Outcome::Failed { failure, message: sentence(&words) },
        None => unspoken(end),
    }
}

fn unspoken(end: End) -> Outcome {
    match judge(end) {
        Outcome::Succeeded { .. } => Outcome::Failed {
            failure: Failure::new(FailureClass::Agent, "no verdict"),
            message: "the agent exited without saying whether it was done".to_owned(),
        },
        Outcome::Failed { failure, message } if failure.class == FailureClass::Task => {
            Outcome::Failed { failure: Failure { class: FailureClass::Agent, ..failure }, message }
        }
        other @ Outcome::Failed { .. } => other,
    }
}
