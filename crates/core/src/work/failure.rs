//! Failure classes and what follows from each: the only place where a retry is decided.
//!
//! ```text
//! Infra   own budget, other runner preferred      Limit   held until the provider's reset, not an attempt
//! Agent   an attempt, backoff                     Policy  settled as failed
//! Task    settled as failed; an attempt when the  User    settled as cancelled
//!         run asked for several                   Absence ready again at once, not an attempt
//! ```

use crate::ids::DeviceId;
use crate::limits::{NOTE_CHARS_MAX, POISON_LOSSES, POISON_WORKERS};
use crate::policy::{Dice, Policy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Why an attempt failed, in kinds that differ in what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureClass {
    /// The runner, its machine or the link: lapsed lease, crash, full disk.
    Infra,
    /// The agent crashed or broke its protocol.
    Agent,
    /// The agent finished, and what it was asked for failed.
    Task,
    /// A provider's limit.
    Limit,
    /// Denied by policy or person.
    Policy,
    /// A person stopped it.
    User,
    /// The runner went away on purpose.
    Absence,
}

/// One failure, with words for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its class.
    pub class: FailureClass,
    /// A code or short cause in clear: no part of prompt, path or output belongs here.
    pub code: String,
    /// When the failing side said how long to wait.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// A failure with a cause, cut at [`NOTE_CHARS_MAX`] characters.
    #[must_use]
    pub fn new(class: FailureClass, code: &str) -> Self {
        Self { class, code: code.chars().take(NOTE_CHARS_MAX).collect(), retry_after_ms: None }
    }

    /// True when the run is best gone on with on the runner that reported this: a provider's limit and an absence leave a session
    /// there, and a runner that names a time for an infra failure means to do better itself.
    #[must_use]
    pub const fn returns(&self) -> bool {
        match self.class {
            FailureClass::Limit | FailureClass::Absence => true,
            FailureClass::Infra => self.retry_after_ms.is_some(),
            FailureClass::Agent | FailureClass::Task | FailureClass::Policy | FailureClass::User => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.code)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Infra => "infra",
            Self::Agent => "agent",
            Self::Task => "task",
            Self::Limit => "limit",
            Self::Policy => "policy",
            Self::User => "user",
            Self::Absence => "absence",
        })
    }
}

/// What a run has used up of its budgets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Attempts that count: ended by the agent or its task.
    pub attempts: u32,
    /// Infra failures.
    pub infra: u32,
    /// Time spent held by provider limits.
    pub limit_ms: u64,
    /// Runners that were lost while they executed it.
    pub lost_on: BTreeSet<DeviceId>,
    /// How often that happened.
    pub losses: u32,
    /// Runners that were lost soon after it started there.
    pub quickly_lost_on: BTreeSet<DeviceId>,
}

impl Counts {
    /// Notes that `worker` was lost while it executed the run.
    pub fn lost(&mut self, worker: DeviceId, quick: bool) {
        self.losses = self.losses.saturating_add(1);
        self.lost_on.insert(worker);
        assert!(self.lost_on.len() <= self.losses as usize, "each loss is on one runner");
        if quick {
            self.quickly_lost_on.insert(worker);
            assert!(self.quickly_lost_on.is_subset(&self.lost_on), "a quick loss is a loss");
        }
    }

    /// True when the run kills what touches it, whatever its budgets say.
    #[must_use]
    pub fn poison(&self) -> bool {
        (self.losses >= POISON_LOSSES && self.lost_on.len() >= POISON_WORKERS)
            || self.quickly_lost_on.len() >= POISON_WORKERS
    }
}

/// Why the system gave a run up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Its attempts are used up.
    Exhausted,
    /// Its budget of infra failures, or of time held by limits, is used up.
    Budget,
    /// It was lost on several runners.
    Poison,
    /// Its supervisor on the relay failed again and again.
    Crashed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exhausted => "attempts exhausted",
            Self::Budget => "infra or limit budget spent",
            Self::Poison => "poison: lost on several runners",
            Self::Crashed => "its actor crashed repeatedly",
        })
    }
}

/// What follows from a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ready again after this long.
    Retry {
        /// Zero means at once.
        after_ms: u64,
    },
    /// The run is over.
    Fail,
    /// The run is over, by a person's will.
    Cancel,
    /// The run is a dead letter.
    Bury(Cause),
}

/// How many attempts a run may use, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// At least 1, at most [`crate::limits::ATTEMPTS_MAX`].
    pub max: u32,
    /// True when a failed task is tried again too: the submitter asked for a number of attempts.
    pub of_task: bool,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { max: 3, of_task: false }
    }
}

/// Counts `failure` and says what follows.
pub fn next(failure: &Failure, counts: &mut Counts, attempts: Attempts, policy: &Policy, dice: &mut Dice) -> Next {
    if counts.poison() {
        return Next::Bury(Cause::Poison);
    }
    match failure.class {
        FailureClass::Infra => {
            counts.infra = counts.infra.saturating_add(1);
            if counts.infra > policy.infra_budget {
                return Next::Bury(Cause::Budget);
            }
            let jittered = policy.infra_backoff.delay_ms(counts.infra, dice);
            Next::Retry { after_ms: failure.retry_after_ms.unwrap_or(jittered).min(policy.infra_backoff.cap_ms) }
        }
        FailureClass::Agent | FailureClass::Task => {
            counts.attempts = counts.attempts.saturating_add(1);
            if failure.class == FailureClass::Task && !attempts.of_task {
                return Next::Fail;
            }
            if counts.attempts >= attempts.max {
                return Next::Bury(Cause::Exhausted);
            }
            let jittered = policy.agent_backoff.delay_ms(counts.attempts, dice);
            Next::Retry { after_ms: failure.retry_after_ms.unwrap_or(jittered).min(policy.agent_backoff.cap_ms) }
        }
        FailureClass::Limit => {
            let hold = failure.retry_after_ms.unwrap_or(policy.limit_hold_ms);
            counts.limit_ms = counts.limit_ms.saturating_add(hold);
            if counts.limit_ms > policy.limit_budget_ms {
                return Next::Bury(Cause::Budget);
            }
            Next::Retry { after_ms: hold }
        }
        FailureClass::Policy => Next::Fail,
        FailureClass::User => Next::Cancel,
        FailureClass::Absence => Next::Retry { after_ms: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(class: FailureClass, times: u32, attempts: Attempts) -> Next {
        let (mut counts, mut dice) = (Counts::default(), Dice::new(1));
        let mut last = Next::Fail;
        for _ in 0..times {
            last = next(&Failure::new(class, "x"), &mut counts, attempts, &Policy::default(), &mut dice);
        }
        last
    }

    #[test]
    fn each_class_has_its_own_rule() {
        let three = Attempts { max: 3, of_task: true };
        assert!(matches!(after(FailureClass::Agent, 2, three), Next::Retry { .. }));
        assert_eq!(after(FailureClass::Agent, 3, three), Next::Bury(Cause::Exhausted));
        assert_eq!(after(FailureClass::Task, 3, three), Next::Bury(Cause::Exhausted));
        assert_eq!(after(FailureClass::Task, 1, Attempts::default()), Next::Fail);
        assert!(matches!(after(FailureClass::Infra, 10, three), Next::Retry { .. }));
        assert_eq!(after(FailureClass::Infra, 11, three), Next::Bury(Cause::Budget));
        assert_eq!(after(FailureClass::Absence, 50, three), Next::Retry { after_ms: 0 });
        let holds = u32::try_from(Policy::default().limit_budget_ms / 60_000).expect("a day has few minutes");
        assert_eq!(after(FailureClass::Limit, holds, three), Next::Retry { after_ms: 60_000 });
        assert_eq!(after(FailureClass::Limit, holds + 1, three), Next::Bury(Cause::Budget));
        assert_eq!(after(FailureClass::User, 1, three), Next::Cancel);
        assert_eq!(after(FailureClass::Policy, 1, three), Next::Fail);
    }

    #[test]
    fn a_run_that_kills_what_touches_it_is_poison() {
        let (a, b) = (DeviceId([1; 32]), DeviceId([2; 32]));
        let mut slow = Counts::default();
        slow.lost(a, false);
        slow.lost(a, false);
        slow.lost(a, false);
        assert!(!slow.poison(), "one bad machine is not the run's fault");
        slow.lost(b, false);
        assert!(slow.poison());
        let mut quick = Counts::default();
        quick.lost(a, true);
        assert!(!quick.poison());
        quick.lost(b, true);
        assert!(quick.poison());
    }
}
