//! Whether a rule speaks about an action.
//!
//! ```text
//! allow      ─▶ every act is covered, or harmless beside one that is; nothing is unclear
//! ask, deny  ─▶ each matcher finds something that it means, or that may be it
//! ```
//!
//! Owns that difference. Must not know what the layers make of it (judge).

use super::defaults::is_harmless;
use super::host::Contact;
use super::judge::Scene;
use super::pattern;
use super::reading::{Act, Place, Reading};
use super::rule::{Rule, Stance};
use super::run::Run;
use super::shell::{Known, Word};
use super::spot::Spot;
use crate::work::deed::Action;

/// Options in front of the argument that counts: past it, any of the rest may be that argument.
const LEADING_MAX: usize = 32;

/// Whether `rule` speaks about `action`, which was taken apart as `reading`.
pub(super) fn speaks(rule: &Rule, action: &Action, reading: &Reading, scene: &Scene<'_>) -> bool {
    let stance = Stance::from(rule.effect);
    let among = |patterns: &[String], name: &str| {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern::names(pattern, name, stance))
    };
    if !among(&rule.agent, scene.agent) || !among(&rule.queue, scene.queue) {
        return false;
    }
    match stance {
        Stance::Permit => permits(rule, action, reading),
        Stance::Restrict => restricts(rule, action, reading),
    }
}

/// The action as a whole is of one of the kinds.
fn is_of_kind(rule: &Rule, action: &Action) -> bool {
    let own = action.deed.kind();
    let is = |kind: &String| match kind.strip_prefix("ask:") {
        Some(word) => own == "program" && action.kind == word,
        None => kind == own || (kind == "command" && own == "program"),
    };
    rule.kind.is_empty() || rule.kind.iter().any(is)
}

fn permits(rule: &Rule, action: &Action, reading: &Reading) -> bool {
    let is_clear = reading.unclear.is_none() || rule.unreadable;
    let covered: Vec<bool> = reading.acts.iter().map(|act| covers(rule, act, reading)).collect();
    // What a command does beside, as in `cargo test | tail`, needs no rule where it needs none on its own.
    let mut beside = reading.acts.iter().zip(&covered);
    let is_whole = beside.all(|(act, covered)| *covered || (is_of_runs(reading) && is_harmless(act)));
    is_clear && is_of_kind(rule, action) && is_whole && covered.contains(&true)
}

/// The rule says that this one thing may be done.
fn covers(rule: &Rule, act: &Act, reading: &Reading) -> bool {
    let none = |matchers: &[&Vec<String>]| matchers.iter().all(|matcher| matcher.is_empty());
    let is_all = none(&[&rule.program, &rule.path, &rule.host, &rule.tool]);
    let in_path = |spot: &Spot| rule.path.iter().any(|pattern| spot.is(pattern, Stance::Permit));
    let is_kind = rule.kind.is_empty() || rule.kind.iter().any(|kind| kind == act.kind());
    match act {
        Act::Run(run, places) => none(&[&rule.host, &rule.tool]) && covers_run(rule, run, places),
        Act::Read(spot) | Act::Write(spot) if is_of_runs(reading) => is_all || in_path(spot),
        Act::Read(spot) | Act::Write(spot) | Act::Search(spot) => is_kind && (is_all || in_path(spot)),
        Act::Fetch(contact) => is_all || is_host(rule, contact),
        Act::Call { tool, .. } => is_all || rule.tool.iter().any(|like| pattern::is_like(like, tool)),
        Act::Subagent | Act::Question => is_all,
    }
}

/// It executes something: its files are redirections.
fn is_of_runs(reading: &Reading) -> bool {
    reading.acts.iter().any(|act| matches!(act, Act::Run(..)))
}

fn is_host(rule: &Rule, contact: &Contact) -> bool {
    let Contact::Host(host) = contact else { return false };
    rule.host.iter().any(|pattern| pattern::hosts(pattern, host))
}

fn covers_run(rule: &Rule, run: &Run, places: &[Place]) -> bool {
    if rule.program.is_empty() {
        return rule.path.is_empty();
    }
    let is_program = rule.program.iter().any(|pattern| is_program(pattern, run));
    if run.is_bent || !is_program || !has_args(rule, run) {
        return false;
    }
    let is_named = |place: &Place| rule.path.iter().any(|pattern| place.spot.is(pattern, Stance::Permit));
    // The letters of a cluster are no path; what has a dot, a slash or a `=` may be one.
    let may_be_path = |place: &Place| {
        let text = &run.args[place.at].text;
        !text.starts_with('-') || text.contains(['.', '/', '~', '='])
    };
    let is_named_enough =
        rule.path.is_empty() || (!run.is_open && places.iter().filter(|place| may_be_path(place)).all(is_named));
    is_named_enough && places.iter().all(|place| !place.spot.is_secret() || is_named(place))
}

/// A name allows what the name decides; a path allows what stands there, as the agent wrote it.
fn is_program(pattern: &str, run: &Run) -> bool {
    let Some(called) = run.program.known_text().filter(|_| !run.program.is_glob) else { return false };
    if !pattern.contains('/') {
        return run.is_plain() && pattern::is_like(pattern, run.name());
    }
    let plain = |text: &str| text.strip_prefix("./").unwrap_or(text).to_owned();
    let leads_up = called.split('/').any(|part| part == "..");
    called.contains('/')
        && !leads_up
        && pattern::paths(&plain(pattern), &plain(called), Stance::Permit)
        && pattern.starts_with(['/', '~']) == called.starts_with(['/', '~'])
}

fn has_args(rule: &Rule, run: &Run) -> bool {
    let (last, first) = (rule.args.last().map(String::as_str), rule.args.first().map(String::as_str));
    if run.is_open && !matches!(last, None | Some("**")) {
        return false;
    }
    if rule.args.len() == 1 && first == Some("") {
        return run.args.is_empty();
    }
    let one = |pattern: &String, word: &Word| match word.known {
        Known::Wholly => pattern::is_like(pattern, &word.text) && (!word.is_glob || pattern == "*"),
        Known::One => pattern == "*",
        Known::Nothing => false,
    };
    rule.args.is_empty() || pattern::walk(&rule.args, &run.args, |pattern| pattern == "**", one)
}

/// Each matcher that the rule has finds something in the action.
fn restricts(rule: &Rule, action: &Action, reading: &Reading) -> bool {
    let has_act_of_kind = reading.acts.iter().any(|act| rule.kind.iter().any(|kind| kind == act.kind()));
    (is_of_kind(rule, action) || has_act_of_kind)
        && (rule.program.is_empty() || runs(reading).any(|run| may_run(rule, run)))
        && (rule.path.is_empty() || spots(reading).any(|spot| is_in_path(rule, spot)))
        && (rule.host.is_empty() || reading.contacts().iter().any(|contact| may_be_host(rule, contact)))
        && (rule.tool.is_empty() || reading.acts.iter().any(|act| is_tool(rule, act)))
}

fn runs(reading: &Reading) -> impl Iterator<Item = &Run> {
    reading.acts.iter().filter_map(|act| match act {
        Act::Run(run, _) => Some(run),
        Act::Read(_) | Act::Write(_) | Act::Search(_) | Act::Fetch(_) => None,
        Act::Call { .. } | Act::Subagent | Act::Question => None,
    })
}

fn spots(reading: &Reading) -> impl Iterator<Item = &Spot> {
    reading.acts.iter().flat_map(|act| match act {
        Act::Read(spot) | Act::Write(spot) | Act::Search(spot) => vec![spot],
        Act::Run(_, places) => places.iter().map(|place| &place.spot).collect(),
        Act::Fetch(_) | Act::Call { .. } | Act::Subagent | Act::Question => Vec::new(),
    })
}

fn is_in_path(rule: &Rule, spot: &Spot) -> bool {
    rule.path.iter().any(|pattern| spot.is(pattern, Stance::Restrict))
}

fn may_be_host(rule: &Rule, contact: &Contact) -> bool {
    *contact == Contact::Unreadable || is_host(rule, contact)
}

fn is_tool(rule: &Rule, act: &Act) -> bool {
    let Act::Call { tool, .. } = act else { return false };
    rule.tool.iter().any(|pattern| pattern::names(pattern, tool, Stance::Restrict))
}

/// Any of the rule's programs may be executed, with its arguments.
fn may_run(rule: &Rule, run: &Run) -> bool {
    let is_name = |name: &str| rule.program.iter().any(|pattern| is_like_program(pattern, name));
    let is_wrapper = || rule.args.is_empty() && run.through.iter().any(|name| is_name(name));
    let called = match run.program.known {
        Known::Wholly if !run.program.is_glob => is_name(&run.program.text),
        Known::Wholly | Known::One | Known::Nothing => true,
    };
    is_wrapper() || (called && may_have_args(&rule.args, run))
}

fn is_like_program(pattern: &str, called: &str) -> bool {
    if pattern.contains('/') {
        return pattern::paths(pattern, called, Stance::Restrict);
    }
    let name = called.rsplit('/').next().unwrap_or_default();
    pattern::names(pattern, name, Stance::Restrict)
}

/// The arguments may be the patterns', leading options and what follows aside.
fn may_have_args(patterns: &[String], run: &Run) -> bool {
    if patterns.is_empty() || run.program.known == Known::Nothing {
        return true;
    }
    if patterns == [String::new()] {
        return run.args.is_empty();
    }
    let is_option = |word: &Word| word.text.starts_with(['-', '+']) || word.known != Known::Wholly;
    // A word may be the value of the option before it.
    let is_leading = |at: usize| is_option(&run.args[at]) || (at > 0 && is_option(&run.args[at - 1]));
    let leading = (0..run.args.len()).take_while(|at| is_leading(*at)).take(LEADING_MAX + 1).count();
    leading > LEADING_MAX || (0..=leading).any(|at| may_be(patterns, &run.args[at..], run.is_open))
}

fn may_be(patterns: &[String], args: &[Word], is_open: bool) -> bool {
    let any = |pattern: &String| pattern == "**";
    let one = |pattern: &String, word: &Word| match word.known {
        Known::Wholly => pattern::names(pattern, &word.text, Stance::Restrict),
        Known::One | Known::Nothing => true,
    };
    let whatever_follows: Vec<String> = patterns.iter().cloned().chain(["**".to_owned()]).collect();
    if pattern::walk(&whatever_follows, args, any, one) {
        return true;
    }
    // Where the known arguments end, what is unknown may be all that the patterns still want.
    let is_unknown = |word: &Word| word.known == Known::Nothing || word.is_glob;
    let known = args.iter().position(is_unknown).unwrap_or(args.len());
    let is_cut = known < args.len() || is_open;
    is_cut && (0..patterns.len()).any(|wanted| pattern::walk(&patterns[..wanted], &args[..known], any, one))
}
