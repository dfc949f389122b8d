//! The judgement: which rule decides an action, and what it says.
//!
//! Owns the order of the layers. Must not know how a rule is matched (matching) or what the defaults are (defaults).

use super::defaults::{self, Verdict};
use super::matching::speaks;
use super::reading::Reading;
use super::rule::{Effect, Rule};
use crate::work::deed::{Action, Risk};

/// Where an action would happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene<'a> {
    /// Catalog name of the agent.
    pub agent: &'a str,
    /// The run's lane.
    pub queue: &'a str,
    /// The working tree, an absolute path without links.
    pub tree: &'a str,
}

/// The rules that have a say. Of each layer, the first rule that matches is what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers<'a> {
    /// Of the runner's owner.
    pub owner: &'a [Rule],
    /// Of the run's submitter.
    pub run: &'a [Rule],
    /// Given by people with a yes, for the rest of this run: they turn an ask into an allow, unless the risk is high.
    pub granted: &'a [Rule],
}

/// Who has a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The runner's owner.
    Owner,
    /// The run's submitter.
    Run,
    /// The built-in defaults, where neither of them speaks.
    Defaults,
    /// A person, with an earlier yes.
    Granted,
}

/// What one layer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Whose it is.
    pub layer: Layer,
    /// What it wants.
    pub effect: Effect,
    /// The rule, as `file:line`, or the name of the built-in default.
    pub because: String,
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
    /// All that was said; what decided is among it.
    pub voices: Vec<Voice>,
}

/// Judges `action`.
#[must_use]
pub fn judge(action: &Action, scene: &Scene<'_>, layers: &Layers<'_>) -> Judgement {
    let reading = Reading::of(action, scene.tree);
    let standard = defaults::judge(&reading);
    let first = |rules: &[Rule]| rules.iter().position(|rule| speaks(rule, action, &reading, scene));
    let owner = first(layers.owner).map(|at| (Layer::Owner, &layers.owner[at]));
    let run = first(layers.run).map(|at| (Layer::Run, &layers.run[at]));
    let voices: Vec<Voice> = owner.iter().chain(&run).map(|(layer, rule)| voice(*layer, rule)).collect();
    // Of two that want the same, the owner's word counts.
    let decisive = [run, owner].into_iter().flatten().max_by_key(|(_, rule)| rule.effect);
    let judgement = match decisive {
        Some((layer, rule)) => by_rule(layer, rule, &standard, voices),
        None => by_default(&standard),
    };
    assert!(judgement.voices.iter().all(|voice| voice.effect <= judgement.effect), "the strictest voice decides");
    if judgement.effect != Effect::Ask || judgement.risk == Risk::High || standard.risk == Risk::High {
        return judgement;
    }
    let given = |rule: &&Rule| rule.effect == Effect::Allow && speaks(rule, action, &reading, scene);
    match layers.granted.iter().find(given) {
        Some(rule) => granted(judgement, rule),
        None => judgement,
    }
}

/// What cannot be read is of the highest risk, whatever a rule that does not allow it says.
fn by_rule(layer: Layer, rule: &Rule, standard: &Verdict, voices: Vec<Voice>) -> Judgement {
    assert!(!standard.is_unclear || standard.risk == Risk::High, "what cannot be read is of the highest risk");
    let risk = rule.risk.unwrap_or(standard.risk);
    let risk = if standard.is_unclear && rule.effect != Effect::Allow { Risk::High } else { risk };
    let because = voice(layer, rule).because;
    Judgement { effect: rule.effect, risk, because, message: rule.message.clone(), voices }
}

fn by_default(standard: &Verdict) -> Judgement {
    let (effect, risk, because) = (standard.effect, standard.risk, standard.because.clone());
    let voices = vec![Voice { layer: Layer::Defaults, effect, because: because.clone() }];
    Judgement { effect, risk, because, message: String::new(), voices }
}

fn granted(asked: Judgement, rule: &Rule) -> Judgement {
    assert!(asked.effect == Effect::Ask && asked.risk < Risk::High, "a grant answers what would be asked, and no more");
    let said = voice(Layer::Granted, rule);
    let because = said.because.clone();
    let voices = asked.voices.into_iter().chain([said]).collect();
    Judgement { effect: Effect::Allow, because, voices, ..asked }
}

fn voice(layer: Layer, rule: &Rule) -> Voice {
    let unnamed = match layer {
        Layer::Owner => "a rule of the runner",
        Layer::Run => "a rule of the run",
        Layer::Granted => "allowed for this run",
        Layer::Defaults => "a default",
    };
    let because = if rule.origin.is_empty() { unnamed.to_owned() } else { rule.origin.clone() };
    Voice { layer, effect: rule.effect, because }
}
