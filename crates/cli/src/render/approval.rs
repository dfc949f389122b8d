//! Approvals: what a person must see before saying yes. The action stands first and whole, nothing hides behind it; where
//! a long one is cut, it is said how much is missing and where it is.

use super::run::{Names, name};
use super::text::plain;
use super::{deed, rule, time};
use crate::out::Paint;
use ostler_client::Question;
use ostler_core::approval::{Action, Approval, ApprovalState, Choice, Risk};
use ostler_core::guard::for_this_run;
use ostler_core::time::Timestamp;
use serde_json::{Value, json};

/// The word of a risk.
pub(crate) const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    }
}

/// The word of a state.
const fn state(state: &ApprovalState) -> &'static str {
    match state {
        ApprovalState::Pending => "pending",
        ApprovalState::Decided(decided) => match decided.choice {
            Choice::Approve => "approved",
            Choice::Reject => "rejected",
        },
        ApprovalState::Lapsed { .. } => "lapsed",
        ApprovalState::Withdrawn { .. } => "withdrawn",
    }
}

/// One line, without the action.
pub(crate) fn brief(approval: &Approval, names: &Names) -> String {
    let by = match &approval.state {
        ApprovalState::Decided(decided) => format!(" by {}", name(names, decided.by)),
        ApprovalState::Pending | ApprovalState::Lapsed { .. } | ApprovalState::Withdrawn { .. } => String::new(),
    };
    format!("{} {}{by}, risk {}", approval.id.short(), state(&approval.state), risk(approval.risk))
}

/// How questions are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    /// What devices are called.
    pub(crate) names: &'a Names,
    /// For ages.
    pub(crate) now: Timestamp,
    /// Colours.
    pub(crate) paint: Paint,
    /// No more lines of an action than these; what is left out is said.
    pub(crate) lines_max: usize,
}

/// Everything a person needs to decide. `agent` is who asks, when that is known.
pub(crate) fn page(question: &Question, agent: Option<&str>, look: Look<'_>) -> String {
    let (approval, paint) = (&question.approval, look.paint);
    let level = match approval.risk {
        Risk::High => paint.red("high"),
        Risk::Medium => paint.yellow("medium"),
        Risk::Low => "low".to_owned(),
    };
    let loud = if approval.escalated { paint.red(", unanswered for too long") } else { String::new() };
    let head = format!(
        "{}  {} in run {} on {}, risk {level}, asked {}{loud}",
        paint.bold(&approval.id.short()),
        agent.map_or_else(|| "an agent".to_owned(), plain),
        approval.lease.run.short(),
        name(look.names, approval.worker),
        time::ago(approval.asked_at, look.now),
    );
    let body = match &question.action {
        Ok(action) => acted(action, approval, look),
        Err(error) => vec![paint.red(&format!("cannot be decided: {}", plain(&error.to_string())))],
    };
    let digest = format!("{} {}", paint.dim("digest"), approval.digest);
    let body = body.into_iter().chain([digest]).map(|line| format!("  {line}"));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

fn acted(action: &Action, approval: &Approval, look: Look<'_>) -> Vec<String> {
    let paint = look.paint;
    let mut shown = deed::page(&action.kind, &action.deed, paint);
    let more = shown.len().saturating_sub(look.lines_max);
    if more > 0 {
        shown.truncate(look.lines_max);
        let id = approval.id;
        shown.push(paint.yellow(&format!("… {more} more lines: `ostler inbox {id}` shows all of it")));
    }
    shown.push(format!("{} {}", paint.dim("in"), plain(&action.directory)));
    // A title that only repeats what is done says nothing.
    if !action.title.is_empty() && !action.deed.line().ends_with(&action.title) {
        shown.push(format!("{} {}", paint.dim("says"), plain(&action.title)));
    }
    if let Some(rule) = for_this_run(action) {
        shown.push(format!("{} {}", paint.dim("--for-run"), rule::words(&rule)));
    }
    shown
}

/// An action for programs.
pub(crate) fn action_json(action: &Action) -> Value {
    json!({
        "kind": action.kind,
        "risk": risk(action.risk),
        "deed": deed::json(&action.deed),
        "directory": action.directory,
        "title": action.title,
        "for_run": for_this_run(action).as_ref().map(rule::json),
    })
}

/// An approval for programs, without its action.
pub(crate) fn json(approval: &Approval) -> Value {
    json!({
        "id": approval.id.to_string(),
        "run": approval.lease.run.to_string(),
        "epoch": approval.lease.epoch,
        "runner": approval.worker.to_string(),
        "risk": risk(approval.risk),
        "digest": approval.digest.to_string(),
        "state": state(&approval.state),
        "asked_at": time::rfc3339(approval.asked_at),
        "escalated": approval.escalated,
    })
}

/// A question for programs.
pub(crate) fn question_json(question: &Question, agent: Option<&str>) -> Value {
    let mut value = json(&question.approval);
    value["agent"] = json!(agent);
    value["action"] = match &question.action {
        Ok(action) => action_json(action),
        Err(error) => json!({ "error": error.to_string() }),
    };
    value
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::render::run::tests::{NOW, RUN, WORKER, names};
    use ostler_core::approval::LapsePolicy;
    use ostler_core::deed::{Deed, FileChange, Program};
    use ostler_core::ids::{ApprovalId, Digest, LeaseId};

    pub(crate) fn question(action: Action) -> Question {
        let approval = Approval {
            id: ApprovalId([3; 16]),
            lease: LeaseId { run: RUN, epoch: 1 },
            worker: WORKER,
            digest: Digest([4; 32]),
            risk: Risk::High,
            sealed: Vec::new(),
            lapse: LapsePolicy::Hold,
            asked_at: NOW,
            escalated: false,
            state: ApprovalState::Pending,
        };
        Question { approval, action: Ok(action) }
    }

    fn shown(action: Action, lines_max: usize) -> String {
        page(&question(action), Some("claude"), Look { names: &names(), now: NOW, paint: Paint::off(), lines_max })
    }

    #[test]
    fn the_command_is_shown_whole_and_nothing_in_it_is_obeyed() {
        let program = Program {
            path: "/usr/bin/make".to_owned(),
            digest: Digest([1; 32]),
            argv: vec!["make".to_owned(), "x\u{1b}[2K\u{202e}".to_owned()],
            files: vec![(9, Digest([2; 32]))],
            env_names: vec!["PATH".to_owned()],
        };
        let action = Action { kind: "deploy".to_owned(), ..Action::new(Deed::Program(program), "/srv", "") };
        let shown = shown(action, 40);
        assert!(shown.contains(r"deploy make $'x\u{1b}[2K\u{202e}'"), "{shown}");
        assert!(shown.contains("claude in run") && shown.contains("on barn, risk high, asked now"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }

    #[test]
    fn what_is_left_out_of_a_long_edit_is_said() {
        let change = FileChange { path: "a".to_owned(), diff: "+x\n".repeat(50) };
        let action = Action::new(Deed::Edit { changes: vec![change] }, "/srv", "because");
        let shown = shown(action, 10);
        let id = ApprovalId([3; 16]);
        assert!(shown.contains(&format!("… 41 more lines: `ostler inbox {id}`")), "{shown}");
        assert!(shown.contains("  in /srv\n  says because"), "{shown}");
    }
}
