//! Judging an offer: may anybody ask for this, and can it be done here?
//!
//! ```text
//! does not open, bad task     ─▶ accepted and reported failed at once, with the reason sealed: people read it, nobody loops
//! not signed for this run     ─▶ the same, class policy: whoever wrote it may not hand out work
//! not fit for this machine    ─▶ the same, class infra: another runner may do better, within the run's own budget
//! noop                        ─▶ accepted and reported done, in one commit
//! ```

use super::owed::Owed;
use crate::runner::stable::Shared;
use ostler_agents::{LaunchError, Protocol};
use ostler_core::command::ReportedEnd;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::ids::{DeviceId, LeaseId};
use ostler_core::limits::RULES_MAX;
use ostler_core::task::Task;
use ostler_identity::{Purpose, verify_body};
use ostler_store::{JournalledLease, Stage};

/// What becomes of an offer.
pub(super) enum Judged {
    /// An attempt is to be made.
    Start,
    /// It is over already.
    Over(Owed),
}

/// Why a body is not executed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("the task cannot be opened: {0}")]
    Sealed(#[from] ostler_identity::OpenError),
    #[error("the task is not signed by anybody who may submit work: {0}")]
    Unsigned(#[from] ostler_identity::StatementError),
    #[error("the task was signed by {signed}, but the relay says that {said} submitted it")]
    Submitter { signed: DeviceId, said: DeviceId },
    #[error("the task was written by a release this runner does not know: update the runner")]
    Foreign,
    #[error("this runner is not what the task requires: {0}")]
    Requirements(String),
    #[error("the run's policy cannot be obeyed: {0}; `ostler policy test --policy FILE` finds what is wrong")]
    Policy(String),
    #[error(transparent)]
    Agent(#[from] LaunchError),
    #[error("the agent `{0}` is not installed on this runner: install it, or require `agent.{0}`")]
    NotInstalled(String),
    #[error("the agent `{agent}` is not ready on this runner ({lacks}){how}")]
    NotReady { agent: String, lacks: String, how: String },
}

impl Unfit {
    /// Class and code, in clear.
    pub(crate) fn failure(&self) -> Failure {
        let (class, code) = match self {
            Self::Sealed(ostler_identity::OpenError::UnknownEpoch { .. }) => (FailureClass::Infra, "unknown key epoch"),
            Self::Sealed(_) => (FailureClass::Policy, "sealed for another fleet or run"),
            Self::Unsigned(_) | Self::Submitter { .. } => (FailureClass::Policy, "unsigned"),
            Self::Foreign => (FailureClass::Infra, "newer than this runner"),
            Self::Requirements(_) => (FailureClass::Infra, "requirements not met"),
            Self::Policy(_) => (FailureClass::Task, "policy refused"),
            Self::Agent(_) => (FailureClass::Task, "agent unknown"),
            Self::NotInstalled(_) => (FailureClass::Infra, "agent not installed"),
            Self::NotReady { .. } => (FailureClass::Infra, "agent not ready"),
        };
        Failure::new(class, code)
    }
}

/// The task in a sealed body, if an operator or a gateway signed it for this very run.
pub(crate) fn open(stable: &Shared, lease: LeaseId, body: &[u8]) -> Result<(DeviceId, Task), Unfit> {
    let signed = stable.member.keyring().open(&Purpose::Body { run: lease.run }, body)?;
    let now = stable.clock.now_ms();
    let (member, task) = stable.member.trusting(now, |trust| verify_body(&signed, lease.run, trust))?;
    match postcard::take_from_bytes::<Task>(&task) {
        Ok((task, [])) => Ok((member.device, task)),
        Ok(_) | Err(_) => Err(Unfit::Foreign),
    }
}

fn fit(stable: &Shared, (lease, said): (LeaseId, DeviceId), body: &[u8]) -> Result<Task, Unfit> {
    let (signed, task) = open(stable, lease, body)?;
    if signed != said {
        return Err(Unfit::Submitter { signed, said });
    }
    ruled(&task)?;
    let advert = stable.advert.borrow();
    let misses = task.requirements.misses(&advert.offers);
    if !misses.is_empty() {
        let words: Vec<String> = misses.iter().map(ToString::to_string).collect();
        return Err(Unfit::Requirements(words.join(", ")));
    }
    stable.catalog.adapter(&task.agent)?;
    let entry = stable.catalog.find(&task.agent).filter(|entry| entry.protocol != Protocol::Builtin);
    let Some(entry) = entry else { return Ok(task) };
    let offered = |kind: &str| advert.offers.get(&format!("{kind}.{}", entry.name));
    match (offered("agent"), offered("lacks")) {
        (Some(_), _) => Ok(task),
        (None, Some(lacks)) => {
            let how = if entry.sign_in.how.is_empty() { String::new() } else { format!(": {}", entry.sign_in.how) };
            Err(Unfit::NotReady { agent: task.agent, lacks: lacks.to_string(), how })
        }
        (None, None) => Err(Unfit::NotInstalled(task.agent)),
    }
}

/// A policy that makes no sense would decide something that nobody meant.
fn ruled(task: &Task) -> Result<(), Unfit> {
    if task.rules.len() > RULES_MAX {
        return Err(Unfit::Policy(format!("{} rules, more than {RULES_MAX}", task.rules.len())));
    }
    task.rules.iter().try_for_each(|rule| rule.check().map_err(|error| Unfit::Policy(error.to_string())))
}

/// Decides what becomes of an offer.
pub(super) fn judge(stable: &Shared, lease: LeaseId, submitter: DeviceId, body: &[u8]) -> Judged {
    match fit(stable, (lease, submitter), body) {
        Ok(task) if task.agent == "noop" => {
            let words = "nothing was to be done";
            Judged::Over(Owed::new(&stable.member.keyring(), lease, ReportedEnd::Succeeded, words, false))
        }
        Ok(_) => Judged::Start,
        Err(unfit) => {
            tracing::warn!(run = %lease.run, lease = %lease, why = %unfit, "an offered run is not executed");
            Judged::Over(Owed::refusal(&stable.member.keyring(), lease, unfit.failure(), &unfit.to_string()))
        }
    }
}

/// The lease's row as it is accepted.
pub(super) fn row(stable: &Shared, lease: LeaseId, body: Vec<u8>) -> JournalledLease {
    let shim_dir = stable.shim_dir(lease);
    JournalledLease { lease, stage: Stage::Preparing, shim_dir, task: body, created_at: stable.now() }
}
