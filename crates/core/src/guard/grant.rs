//! The rule that a person's yes may give for the rest of a run.
//!
//! Owns how narrow it is. It spells out what was asked: with a pattern's characters in it, nothing is given.

use super::defaults;
use super::host::Contact;
use super::reading::{Act, Reading};
use super::rule::{Effect, Rule, Stance};
use super::run::{Run, SHELLS};
use super::spot::Spot;
use crate::work::deed::{Action, Deed, Risk};

/// Programs whose first word says what they do, and whose further words say it of something else.
const COMMANDED: [&str; 21] = [
    "cargo", "go", "npm", "pnpm", "yarn", "bun", "uv", "poetry", "gradle", "mvn", "dotnet", "mix", "bundle", "swift",
    "zig", "flutter", "dart", "composer", "rustup", "bazel", "nx",
];
/// Commands of `git` that no further argument makes another program of.
const GIT_TAME: [&str; 6] = ["add", "commit", "stash", "switch", "branch", "tag"];
/// First words that only say that the next one counts.
const INTRODUCING: [&str; 4] = ["run", "exec", "x", "tool"];
/// Programs that execute text: what they are asked for is given to the letter.
const INTERPRETERS: [&str; 12] =
    ["python", "python3", "node", "deno", "perl", "ruby", "php", "lua", "awk", "osascript", "tclsh", "rscript"];

/// The narrowest rule that lets actions like this one pass for the rest of a run; none for what must be asked each time.
#[must_use]
pub fn for_this_run(action: &Action) -> Option<Rule> {
    let reading = Reading::of(action, &action.directory);
    if defaults::judge(&reading).risk == Risk::High || action.risk == Risk::High {
        return None;
    }
    let mut rule = Rule::new(Effect::Allow);
    rule.kind = vec![action.deed.kind().to_owned()];
    match &action.deed {
        Deed::Program(_) | Deed::Command { .. } => of_run(rule, &reading),
        Deed::Read { .. } | Deed::Search { .. } | Deed::Edit { .. } => of_files(rule, &reading),
        Deed::Fetch { .. } | Deed::Mcp { .. } | Deed::Subagent { .. } | Deed::Other { .. } => of_call(rule, &reading),
        Deed::Question { .. } => None,
    }
    .filter(|rule| rule.check().is_ok())
    .inspect(|rule| assert!(rule.effect == Effect::Allow && !rule.unreadable, "a grant allows, and only what is clear"))
}

fn of_run(mut rule: Rule, reading: &Reading) -> Option<Rule> {
    let run = the_only_run(reading)?;
    let program = &run.program.text;
    let plain = run.is_plain().then(|| run.name().to_owned());
    rule.program = vec![plain.or_else(|| program.contains('/').then(|| program.clone()))?];
    rule.args = arguments(run);
    let is_spelt = rule.program.iter().chain(rule.args.iter().filter(|arg| *arg != "**")).all(|text| is_literal(text));
    (is_spelt && !run.is_open).then_some(rule)
}

/// The one program that is asked about; what is harmless beside it needs no rule.
fn the_only_run(reading: &Reading) -> Option<&Run> {
    let mut asked = reading.acts.iter().filter(|act| !defaults::is_harmless(act));
    match (asked.next(), asked.next()) {
        (Some(Act::Run(run, _)), None) => Some(run),
        (Some(_) | None, _) => None,
    }
}

fn arguments(run: &Run) -> Vec<String> {
    let args: Vec<String> = run.args.iter().map(|word| word.text.clone()).collect();
    let is_word = |text: &&String| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_:".contains(c);
        text.chars().all(fits) && !text.starts_with('-') && !executes_text(text)
    };
    let introducing = args.first().is_some_and(|first| INTRODUCING.contains(&first.as_str()));
    let wanted = if introducing { 2 } else { 1 };
    let leading: Vec<String> = args.iter().take(wanted).take_while(is_word).cloned().collect();
    let is_tame = run.name() == "git" && leading.iter().any(|word| GIT_TAME.contains(&word.as_str()));
    if (is_tame || COMMANDED.contains(&run.name())) && leading.len() == wanted {
        return leading.into_iter().chain(["**".to_owned()]).collect();
    }
    if args.is_empty() { vec![String::new()] } else { args }
}

fn executes_text(name: &str) -> bool {
    SHELLS.contains(&name) || INTERPRETERS.iter().any(|interpreter| name.starts_with(interpreter))
}

/// The files of the same directories.
fn of_files(mut rule: Rule, reading: &Reading) -> Option<Rule> {
    for act in &reading.acts {
        let (Act::Read(spot) | Act::Write(spot) | Act::Search(spot)) = act else { return None };
        let pattern = beside(spot)?;
        if !rule.path.contains(&pattern) {
            rule.path.push(pattern);
        }
    }
    Some(rule)
}

/// Absolute, as the tree's own place is not known here.
fn beside(spot: &Spot) -> Option<String> {
    let (folder, name) = spot.whole.rsplit_once('/')?;
    let pattern = if name.starts_with('.') { spot.whole.clone() } else { format!("{folder}/*") };
    (is_literal(folder) && is_literal(name) && spot.is(&pattern, Stance::Permit)).then_some(pattern)
}

fn of_call(mut rule: Rule, reading: &Reading) -> Option<Rule> {
    match reading.acts.as_slice() {
        [Act::Fetch(Contact::Host(host))] => rule.host = vec![host.clone()],
        [Act::Call { tool, .. }] if is_literal(tool) => rule.tool = vec![tool.clone()],
        [Act::Subagent] => {}
        _ => return None,
    }
    Some(rule)
}

fn is_literal(text: &str) -> bool {
    !text.contains('*')
}
