//! Approvals: what a person must see before saying yes. The command stands first and whole, nothing hides behind it.

use super::run::{Names, name};
use super::text::{command, plain};
use super::time;
use crate::out::Paint;
use ostler_client::Question;
use ostler_core::approval::{Action, Approval, ApprovalState, Choice, Risk};
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

/// Everything a person needs to decide.
pub(crate) fn page(question: &Question, names: &Names, now: Timestamp, paint: Paint) -> String {
    let approval = &question.approval;
    let level = match approval.risk {
        Risk::High => paint.red("high"),
        Risk::Medium => paint.yellow("medium"),
        Risk::Low => "low".to_owned(),
    };
    let loud = if approval.escalated { paint.red(", unanswered for too long") } else { String::new() };
    let head = format!(
        "{}  run {} on {}, risk {level}, asked {}{loud}",
        paint.bold(&approval.id.short()),
        approval.lease.run.short(),
        name(names, approval.worker),
        time::ago(approval.asked_at, now),
    );
    let body = match &question.action {
        Ok(action) => action_lines(action, paint),
        Err(error) => vec![paint.red(&format!("  cannot be decided: {}", plain(&error.to_string())))],
    };
    let digest = format!("  {} {}", paint.dim("digest"), approval.digest);
    std::iter::once(head).chain(body).chain([digest]).collect::<Vec<_>>().join("\n")
}

fn action_lines(action: &Action, paint: Paint) -> Vec<String> {
    let mut lines = vec![
        format!("  {} {}", paint.bold(&plain(&action.kind)), paint.cyan(&command(&action.argv))),
        format!("  {} {} {}", paint.dim("program"), plain(&action.program), action.program_digest.short()),
        format!("  {} {}", paint.dim("in"), plain(&action.directory)),
    ];
    if !action.files.is_empty() {
        let files: Vec<String> = action
            .files
            .iter()
            .map(|(at, digest)| {
                let word = usize::try_from(*at).ok().and_then(|at| action.argv.get(at));
                format!("{} {}", plain(word.map_or("?", String::as_str)), digest.short())
            })
            .collect();
        lines.push(format!("  {} {}", paint.dim("files"), files.join(", ")));
    }
    if !action.env_names.is_empty() {
        lines.push(format!("  {} {}", paint.dim("environment"), plain(&action.env_names.join(" "))));
    }
    lines
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
pub(crate) fn question_json(question: &Question) -> Value {
    let mut value = json(&question.approval);
    value["action"] = match &question.action {
        Ok(action) => json!({
            "kind": action.kind,
            "argv": action.argv,
            "program": action.program,
            "directory": action.directory,
            "env_names": action.env_names,
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::run::tests::{NOW, RUN, WORKER, names};
    use ostler_core::approval::LapsePolicy;
    use ostler_core::ids::{ApprovalId, Digest, LeaseId};

    #[test]
    fn the_command_is_shown_whole_and_nothing_in_it_is_obeyed() {
        let action = Action {
            kind: "deploy".to_owned(),
            risk: Risk::High,
            program: "/usr/bin/make".to_owned(),
            program_digest: Digest([1; 32]),
            argv: vec!["make".to_owned(), "x\u{1b}[2K\u{202e}".to_owned()],
            files: vec![(9, Digest([2; 32]))],
            directory: "/srv".to_owned(),
            env_names: vec!["PATH".to_owned()],
        };
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
        let shown = page(&Question { approval, action: Ok(action) }, &names(), NOW, Paint::off());
        assert!(shown.contains(r"deploy make $'x\u{1b}[2K\u{202e}'"), "{shown}");
        assert!(shown.contains("on barn, risk high, asked now") && !shown.contains('\u{1b}'), "{shown}");
    }
}
