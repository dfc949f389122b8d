//! Events for programs: a word and its fields. Fields may be added; none changes its meaning within a schema version.

use super::stream_word;
use crate::render::{approval, deed, time, usage};
use ostler_client::Heard;
use ostler_core::approval::Choice;
use ostler_core::event::{Event, PlanEntry, PlanState};
use ostler_core::guard::Effect;
use serde_json::{Value, json};

/// An event for programs.
pub(crate) fn json(heard: &Heard) -> Value {
    let (kind, data) = match &heard.event {
        Ok(event) => (word(event), content(event)),
        Err(error) => ("unreadable", json!({ "error": error.to_string() })),
    };
    json!({
        "seq": heard.seq,
        "epoch": heard.epoch,
        "n": heard.n,
        "at": time::rfc3339(heard.at),
        "kind": kind,
        "data": data,
    })
}

/// The word of an event.
const fn word(event: &Event) -> &'static str {
    match event {
        Event::Started { .. } => "started",
        Event::Output { .. } => "output",
        Event::Truncated { .. } => "truncated",
        Event::Message(_) => "message",
        Event::Asked { .. } => "asked",
        Event::Answered { .. } => "answered",
        Event::Saved { .. } => "saved",
        Event::Diff { .. } => "diff",
        Event::Ended { .. } => "ended",
        Event::Notice(_) => "notice",
        Event::Raw(_) => "raw",
        Event::Thought(_) => "thought",
        Event::Plan(_) => "plan",
        Event::ToolCalled { .. } => "tool_called",
        Event::ToolEnded { .. } => "tool_ended",
        Event::Ruled { .. } => "ruled",
        Event::Withdrawn { .. } => "withdrawn",
        Event::Usage(_) => "usage",
        Event::Limit { .. } => "limit",
        Event::Session { .. } => "session",
        Event::TurnEnded { .. } => "turn_ended",
        Event::Failed(_) => "failed",
        Event::Prompted(_) => "prompted",
        Event::Checked { .. } => "checked",
    }
}

fn content(event: &Event) -> Value {
    match event {
        Event::Started { agent, argv, directory } => json!({ "agent": agent, "argv": argv, "directory": directory }),
        Event::Output { stream, bytes } => json!({ "stream": stream_word(*stream), "text": text(bytes) }),
        Event::Truncated { dropped_bytes } => json!({ "dropped_bytes": dropped_bytes }),
        Event::Message(said)
        | Event::Notice(said)
        | Event::Thought(said)
        | Event::Failed(said)
        | Event::Prompted(said) => json!({ "text": said }),
        Event::Asked { approval: id, action, digest } => {
            json!({ "approval": id.to_string(), "action": approval::action_json(action), "digest": digest.to_string() })
        }
        Event::Answered { approval, choice, by, message } => json!({
            "approval": approval.to_string(),
            "approved": *choice == Choice::Approve,
            "by": by.map(|id| id.to_string()),
            "message": message,
        }),
        Event::Saved { branch, repository, commit, uncommitted } => {
            json!({ "branch": branch, "repository": repository, "commit": commit, "uncommitted": uncommitted })
        }
        Event::Diff { patch, stat, cut } => json!({ "patch": text(patch), "stat": stat, "cut": cut }),
        Event::Ended { code, signal, message } => json!({ "code": code, "signal": signal, "message": message }),
        Event::Raw(bytes) => json!({ "text": text(bytes) }),
        Event::Plan(entries) => json!({ "entries": entries.iter().map(entry).collect::<Vec<_>>() }),
        Event::ToolCalled { call, deed, title } => json!({ "call": call, "deed": deed::json(deed), "title": title }),
        Event::ToolEnded { call, ok, output } => json!({ "call": call, "ok": ok, "output": output }),
        Event::Ruled { action, effect, because } => {
            json!({ "action": approval::action_json(action), "allowed": *effect == Effect::Allow, "because": because })
        }
        Event::Withdrawn { approval, why } => json!({ "approval": approval.to_string(), "why": why }),
        Event::Usage(used) => usage::json(used),
        Event::Limit { kind, reset, message } => usage::limit_json(*kind, *reset, message),
        Event::Session { id, resumed } => json!({ "id": id, "resumed": resumed }),
        Event::TurnEnded { reason } => json!({ "reason": reason }),
        Event::Checked { command, round, passed, output } => {
            json!({ "command": command, "round": round, "passed": passed, "output": output })
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn entry(entry: &PlanEntry) -> Value {
    let state = match entry.state {
        PlanState::Pending => "pending",
        PlanState::Active => "active",
        PlanState::Done => "done",
    };
    json!({ "text": entry.text, "state": state })
}
