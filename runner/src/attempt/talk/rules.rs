//! What the agent may do without anybody being asked: the runner's rules, the run's, and what people granted meanwhile.
//!
//! Owns the layers of one attempt and the one-time grants. Must not know who is asked, or how.

use ostler_core::deed::{Action, Deed, Risk};
use ostler_core::guard::{Effect, Layers, Rule, Scene, judge};
use ostler_core::ids::Digest;
use ostler_core::limits::{ACTION_BYTES_MAX, RULES_MAX};
use ostler_core::task::Task;
use ostler_identity::action_digest;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Room for sealing below the bound of an action.
const SEALING_BYTES: usize = 4 * 1024;
/// Approvals that came too late and were not used yet: an agent has few of them, or is in a loop.
const ONCE_MAX: usize = 64;

/// What becomes of an action, and why.
pub(super) struct Ruling {
    pub(super) effect: Effect,
    pub(super) risk: Risk,
    /// The rule, as file and line, or the name of the default.
    pub(super) because: String,
    /// What the agent is told; may be empty.
    pub(super) message: String,
}

/// All that has a say in one attempt.
pub(in crate::attempt) struct Rules {
    agent: String,
    queue: String,
    tree: String,
    owner: Arc<[Rule]>,
    run: Vec<Rule>,
    granted: Vec<Rule>,
    once: BTreeSet<Digest>,
}

impl Rules {
    pub(in crate::attempt) fn new(owner: Arc<[Rule]>, task: &Task, tree: String, granted: Vec<Rule>) -> Self {
        let (agent, queue, run) = (task.agent.clone(), task.queue.clone(), task.rules.clone());
        Self { agent, queue, tree, owner, run, granted, once: BTreeSet::new() }
    }

    /// A person lets actions like this one pass for the rest of the run.
    pub(super) fn grant(&mut self, rule: Rule) {
        if self.granted.len() < RULES_MAX && !self.granted.contains(&rule) {
            self.granted.push(rule);
        }
    }

    /// A person approved this very deed when its asker did not wait any more: it may be done once.
    pub(super) fn grant_once(&mut self, deed: Digest) {
        if self.once.len() < ONCE_MAX {
            self.once.insert(deed);
        }
    }

    /// What becomes of `action`.
    pub(super) fn judge(&mut self, action: &Action) -> Ruling {
        if self.once.remove(&deed_digest(action)) {
            let because = "approved by a person before it was asked again".to_owned();
            return Ruling { effect: Effect::Allow, risk: action.risk, because, message: String::new() };
        }
        let scene = Scene { agent: &self.agent, queue: &self.queue, tree: &self.tree };
        let layers = Layers { owner: &self.owner, run: &self.run, granted: &self.granted };
        let mut judged = judge(action, &scene, &layers);
        if judged.effect == Effect::Allow && matches!(action.deed, Deed::Question { .. }) {
            // Nobody but a person can answer it, whoever allows it to be asked.
            judged.effect = Effect::Ask;
        }
        if judged.effect == Effect::Ask && !can_be_shown(action) {
            let message =
                "this is too large to be shown to whoever would approve it: do it in smaller steps".to_owned();
            let because = "too large to be asked about".to_owned();
            return Ruling { effect: Effect::Deny, risk: judged.risk, because, message };
        }
        Ruling { effect: judged.effect, risk: judged.risk, because: judged.because, message: judged.message }
    }
}

/// What makes two actions the same deed: what is done, and where; not how it is titled or judged.
pub(super) fn deed_digest(action: &Action) -> Digest {
    action_digest(&Action { title: String::new(), risk: Risk::Medium, ..action.clone() })
}

fn can_be_shown(action: &Action) -> bool {
    let bytes = postcard::to_allocvec(action).expect("an action is made of types postcard can write").len();
    bytes + SEALING_BYTES <= ACTION_BYTES_MAX
}
