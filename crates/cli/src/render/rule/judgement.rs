//! What would become of an action, and who says so.

use crate::out::Paint;
use crate::render::approval::{action_json, risk};
use crate::render::text::plain;
use crate::render::{deed, rule};
use ostler_core::deed::Action;
use ostler_core::guard::{Effect, Judgement, Layer, Scene, Voice, for_this_run};
use serde_json::{Value, json};

const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Owner => "runner",
        Layer::Run => "run",
        Layer::Defaults => "defaults",
        Layer::Granted => "granted",
    }
}

/// A page for people: the decision first, then what was said.
pub(crate) fn page(action: &Action, scene: &Scene<'_>, judged: &Judgement, paint: Paint) -> String {
    let word = rule::effect(judged.effect);
    let word = match judged.effect {
        Effect::Allow => paint.green(word),
        Effect::Ask => paint.yellow(word),
        Effect::Deny => paint.red(word),
    };
    let mut lines = vec![
        format!("{word}, risk {}: {}", risk(judged.risk), plain(&judged.because)),
        format!("  {}", plain(&deed::line(&action.deed))),
        format!("  by {} in queue {}, in {}", plain(scene.agent), plain(scene.queue), plain(scene.tree)),
    ];
    lines.extend([Layer::Owner, Layer::Run].map(|of| said(judged, of)));
    lines.extend(judged.voices.iter().filter(|voice| !matches!(voice.layer, Layer::Owner | Layer::Run)).map(told));
    if judged.effect == Effect::Deny && !judged.message.is_empty() {
        lines.push(format!("  the agent reads: {}", plain(&judged.message)));
    }
    if judged.effect == Effect::Ask {
        let given = for_this_run(action).map_or_else(
            || "  a yes counts once".to_owned(),
            |given| format!("  a yes may count for the rest of the run: {}", rule::words(&given)),
        );
        lines.push(given);
    }
    lines.join("\n")
}

fn said(judged: &Judgement, of: Layer) -> String {
    let voice = judged.voices.iter().find(|voice| voice.layer == of);
    voice.map_or_else(|| format!("  {:<8}  no rule speaks", layer(of)), told)
}

fn told(voice: &Voice) -> String {
    format!("  {:<8}  {:<5}  {}", layer(voice.layer), rule::effect(voice.effect), plain(&voice.because))
}

/// The same for programs.
pub(crate) fn json(action: &Action, scene: &Scene<'_>, judged: &Judgement) -> Value {
    let voice = |voice: &Voice| json!({ "layer": layer(voice.layer), "effect": rule::effect(voice.effect), "because": voice.because });
    json!({
        "effect": rule::effect(judged.effect),
        "risk": risk(judged.risk),
        "because": judged.because,
        "message": judged.message,
        "voices": judged.voices.iter().map(voice).collect::<Vec<_>>(),
        "for_run": for_this_run(action).as_ref().map(rule::json),
        "action": action_json(action),
        "agent": scene.agent,
        "queue": scene.queue,
        "tree": scene.tree,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_core::deed::Deed;
    use ostler_core::guard::{Layers, Rule, judge};

    const SCENE: Scene<'static> = Scene { agent: "claude", queue: "default", tree: "/srv/tree" };

    fn judged(line: &str, rules: &[Rule]) -> String {
        let action = Action::new(Deed::Command { line: line.to_owned() }, SCENE.tree, "");
        let judged = judge(&action, &SCENE, &Layers { owner: rules, run: &[], granted: &[] });
        page(&action, &SCENE, &judged, Paint::off())
    }

    #[test]
    fn the_decision_is_said_first_and_who_spoke_after_it() {
        let expected = "ask, risk medium: default: executes a program
  $ cargo test
  by claude in queue default, in /srv/tree
  runner    no rule speaks
  run       no rule speaks
  defaults  ask    default: executes a program
  a yes may count for the rest of the run: allow command by program cargo with arguments test **";
        assert_eq!(judged("cargo test", &[]), expected);
        let message = "people\u{1b}[2J push".to_owned();
        let program = vec!["git".to_owned()];
        let rule = Rule { program, message, origin: "ostler.policy:3".to_owned(), ..Rule::new(Effect::Deny) };
        let expected = "deny, risk high: ostler.policy:3
  $ git push
  by claude in queue default, in /srv/tree
  runner    deny   ostler.policy:3
  run       no rule speaks
  the agent reads: people\\u{1b}[2J push";
        assert_eq!(judged("git push", &[rule]), expected);
    }
}
