//! A rule in words, and for programs.

pub(crate) mod judgement;

use super::text::plain;
use ostler_core::guard::{Effect, Rule};
use serde_json::{Value, json};

/// The word of an effect.
pub(crate) const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Ask => "ask",
        Effect::Deny => "deny",
    }
}

/// `allow command by program cargo with arguments test **`.
pub(crate) fn words(rule: &Rule) -> String {
    let list = |before: &str, words: &[String], between: &str| {
        let shown: Vec<String> = words.iter().map(|word| plain(word)).collect();
        if shown.is_empty() { String::new() } else { format!(" {before}{}", shown.join(between)) }
    };
    let kinds = if rule.kind.is_empty() { " any action".to_owned() } else { list("", &rule.kind, " or ") };
    // One empty pattern stands for no arguments at all.
    let args =
        if rule.args == [""] { " without arguments".to_owned() } else { list("with arguments ", &rule.args, " ") };
    [
        effect(rule.effect).to_owned(),
        kinds,
        list("by program ", &rule.program, " or "),
        args,
        list("on ", &rule.path, " or "),
        list("at ", &rule.host, " or "),
        list("by tool ", &rule.tool, " or "),
        list("of agent ", &rule.agent, " or "),
        list("in queue ", &rule.queue, " or "),
    ]
    .concat()
}

/// A rule for programs.
pub(crate) fn json(rule: &Rule) -> Value {
    json!({
        "effect": effect(rule.effect),
        "kind": rule.kind,
        "program": rule.program,
        "args": rule.args,
        "path": rule.path,
        "host": rule.host,
        "tool": rule.tool,
        "agent": rule.agent,
        "queue": rule.queue,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_as_a_sentence() {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (kind, program) = (words(&["command"]), words(&["cargo"]));
        let rule = Rule { kind, program, args: words(&["test", "**"]), ..Rule::new(Effect::Allow) };
        assert_eq!(super::words(&rule), "allow command by program cargo with arguments test **");
        let bare = Rule { args: words(&[""]), ..rule };
        assert_eq!(super::words(&bare), "allow command by program cargo without arguments");
        assert_eq!(super::words(&Rule::new(Effect::Deny)), "deny any action");
    }
}
