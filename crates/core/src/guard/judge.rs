//! The judgement: which rule decides an action, and what it says.

use super::rule::{Effect, Rule};
use crate::work::deed::{Action, Risk};

/// Where an action would happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene<'a> {
    /// Catalog name of the agent.
    pub agent: &'a str,
    /// The run's lane.
    pub queue: &'a str,
    /// The working tree, an absolute path.
    pub tree: &'a str,
}

/// The rules that have a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers<'a> {
    /// Of the runner's owner.
    pub owner: &'a [Rule],
    /// Of the run's submitter.
    pub run: &'a [Rule],
    /// Given by people with a yes, for the rest of this run.
    pub granted: &'a [Rule],
}

/// What becomes of an action, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What becomes of it.
    pub effect: Effect,
    /// How much harm it could do.
    pub risk: Risk,
    /// The rule that decided, as `file:line`, or the name of the built-in default.
    pub because: String,
    /// What the agent is told when it is denied; may be empty.
    pub message: String,
}

/// Judges `action`.
#[must_use]
pub fn judge(_action: &Action, _scene: &Scene<'_>, _layers: &Layers<'_>) -> Judgement {
    Judgement { effect: Effect::Ask, risk: Risk::High, because: "default".to_owned(), message: String::new() }
}

/// The narrowest rule that lets actions like this one pass for the rest of a run; none for what must be asked each time.
#[must_use]
pub fn for_this_run(_action: &Action) -> Option<Rule> {
    None
}
