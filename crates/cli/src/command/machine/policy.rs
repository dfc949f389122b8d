//! `ostler policy`: what agents may do without asking, and what would become of an action.
//!
//! Owns the reading of policy files for this desk. Must not know how an action is judged (core).

mod test;

use crate::context::Context;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::out;
use clap::Subcommand;
use ostler_core::guard::Rule;
use ostler_core::limits::RULES_MAX;
use serde_json::json;
use std::path::Path;

/// The built-in defaults in words, and rules to start from: a policy without a rule.
const SHOWN: &str = include_str!("../../../../../deploy/ostler.policy");

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What would become of an action, and which line or default decides; nothing is done.
    Test(Box<test::Args>),
    /// The built-in defaults in words, and rules to start from: a file to write your own into.
    Show,
}

impl Command {
    /// Does it.
    pub(crate) fn perform(self, context: &Context) -> Result<Exit, Fault> {
        match self {
            Self::Test(args) => test::perform(context, &args),
            Self::Show => {
                show(context);
                Ok(Exit::Success)
            }
        }
    }
}

fn show(context: &Context) {
    if context.json() {
        context.print_json(json!({ "policy": SHOWN }));
    } else {
        out::raw(SHOWN.as_bytes());
    }
}

/// The rules of a file, each with its line.
///
/// # Errors
/// What is wrong with it, with the line.
pub(crate) fn rules(path: &Path) -> Result<Vec<Rule>, Fault> {
    Ok(ostler_boot::load_tables(path, "rule", RULES_MAX, Rule::placed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Rule>, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ostler.policy");
        std::fs::write(&path, text).expect("written");
        rules(&path).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_shown_changes_nothing_until_it_is_uncommented() {
        assert_eq!(read(SHOWN), Ok(Vec::new()));
        let is_example =
            |line: &&str| line.starts_with("[[") || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let uncommented = SHOWN.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_example);
        let found = read(&uncommented.collect::<Vec<_>>().join("\n")).expect("examples are rules");
        assert_eq!(found.len(), SHOWN.matches("\n# [[rule]]").count());
        assert!(found.len() > 3);
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_refused_with_its_line() {
        for (text, expected) in [
            (
                "[[rule]]\neffect = 'ask'\nprogramm = ['git']\n",
                "ostler.policy:3: unknown key `programm`; did you mean `program`?",
            ),
            ("\n[[rule]]\neffect = 'forbid'\n", "ostler.policy:3: unknown variant `forbid`"),
            ("[[rule]]\neffect = 'ask'\nkind = ['comand']\n", "ostler.policy:1: there is no kind `comand`"),
            ("[[rule]]\nkind = ['write']\n", "ostler.policy:1: missing field `effect`"),
        ] {
            let message = read(text).expect_err("refused");
            assert!(message.contains(expected), "{message:?} should say {expected:?}");
        }
        assert!(read(&"[[rule]]\neffect = 'ask'\n".repeat(RULES_MAX + 1)).is_err());
    }
}
