//! One line per event: everything it is about, as far as that fits a line.

use super::{answered, files_word, stream_word};
use crate::render::text::{command, output, plain};
use crate::render::{deed, usage};
use ostler_core::approval::{Action, Deed};
use ostler_core::event::{Event, PlanEntry, PlanState};
use ostler_core::guard::Effect;

/// One line that says all that fits one.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::Started { agent, argv, directory } => {
            format!("started {}: {} in {}", plain(agent), command(argv), plain(directory))
        }
        Event::Output { stream, bytes } => format!("{} {}", stream_word(*stream), plain(&output(bytes))),
        Event::Truncated { dropped_bytes } => format!("output cut: {dropped_bytes} bytes dropped so far"),
        Event::Message(text) => format!("says {}", plain(text)),
        Event::Thought(text) => format!("thinks {}", plain(text)),
        Event::Plan(entries) => plan(entries),
        Event::ToolCalled { deed, title, .. } => called(deed, title),
        Event::ToolEnded { ok, output, .. } => format!("{} {}", if *ok { "gives" } else { "fails:" }, plain(output)),
        Event::Asked { approval, action, .. } => format!("asks {}: {}", approval.short(), asked(action)),
        Event::Answered { approval, choice, by, message } => answered(*approval, *choice, *by, message),
        Event::Ruled { action, effect, because } => ruled(action, *effect, because),
        Event::Withdrawn { approval, why } => format!("{} withdrawn: {}", approval.short(), plain(why)),
        Event::Saved { branch, repository, commit, uncommitted } => {
            let note = if *uncommitted { " (with uncommitted work)" } else { "" };
            let tip: String = commit.chars().take(12).collect();
            format!("saved as {} at {} in {}{note}", plain(branch), plain(&tip), plain(repository))
        }
        Event::Diff { stat: (files, added, removed), cut, .. } => {
            let note = if *cut { ", cut: the branch has it all" } else { "" };
            format!("changed {}, +{added} -{removed}{note}", files_word(*files))
        }
        Event::Usage(used) => format!("used {}", usage::words(used)),
        Event::Limit { kind, reset, message } => usage::limit(*kind, *reset, message),
        Event::Session { id, resumed } => {
            format!("{} {}", if *resumed { "resumes session" } else { "session" }, plain(id))
        }
        Event::TurnEnded { reason } => format!("turn over: {}", plain(reason)),
        Event::Failed(text) => format!("error: {}", plain(text)),
        Event::Prompted(text) => format!("is asked {}", plain(text)),
        Event::Checked { command, round, passed, .. } => checked(command, *round, *passed),
        Event::Ended { code, signal, message } => ended(*code, *signal, message),
        Event::Notice(text) => plain(text),
        Event::Raw(bytes) => format!("raw {}", plain(&String::from_utf8_lossy(bytes))),
    }
}

/// A tool call; with the agent's own words where its deed says little.
pub(super) fn called(deed: &Deed, title: &str) -> String {
    let shown = deed::line(deed);
    let says_little = matches!(deed, Deed::Other { .. });
    if says_little && !title.is_empty() { format!("{} ({shown})", plain(title)) } else { shown }
}

/// What is asked for: a kind of the asker's own stands before it.
pub(super) fn asked(action: &Action) -> String {
    let mut shown = deed::line(&action.deed);
    // Paths are long where a run works: what is below its directory is said from there.
    if matches!(action.deed, Deed::Read { .. } | Deed::Edit { .. }) && action.directory.len() > 1 {
        shown = shown.replace(&format!("{}/", plain(&action.directory)), "");
    }
    if action.kind == action.deed.kind() { shown } else { format!("{} {shown}", plain(&action.kind)) }
}

fn ruled(action: &Action, effect: Effect, because: &str) -> String {
    let word = match effect {
        Effect::Allow => "allowed",
        Effect::Ask => "asked",
        Effect::Deny => "denied",
    };
    format!("{word}: {} ({})", asked(action), plain(because))
}

/// `check passed: make test`, with the round from the second on.
pub(super) fn checked(command: &str, round: u32, passed: bool) -> String {
    let word = if passed { "passed" } else { "failed" };
    let round = if round > 1 { format!(" (round {round})") } else { String::new() };
    format!("check {word}{round}: $ {}", plain(command))
}

fn ended(code: Option<i32>, signal: Option<i32>, message: &str) -> String {
    match (code, signal) {
        (Some(code), _) => format!("ended with code {code}: {}", plain(message)),
        (None, Some(signal)) => format!("ended by signal {signal}: {}", plain(message)),
        (None, None) => format!("ended: {}", plain(message)),
    }
}

/// The mark of an entry of a plan.
pub(super) const fn mark(state: PlanState) -> &'static str {
    match state {
        PlanState::Pending => "[ ]",
        PlanState::Active => "[>]",
        PlanState::Done => "[x]",
    }
}

fn plan(entries: &[PlanEntry]) -> String {
    let entry = |entry: &PlanEntry| format!("{} {}", mark(entry.state), plain(&entry.text));
    format!("plans {}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
}
