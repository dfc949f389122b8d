//! `session/update`: what an agent says and does, as events.
//!
//! Owns the list of updates. One that is unknown is kept raw by the caller; the few that only concern an editor (menus
//! of commands, options, titles) are passed over.

use super::speech::Voice;
use super::{Acp, History, Sent, Stage};
use crate::adapter::{Step, told};
use crate::codec::words::{clipped, list, text};
use ostler_core::event::{Event, PlanEntry, PlanState};
use serde_json::{Value, json};

/// Entries of a plan shown, and bytes of each.
const PLAN_ENTRIES_MAX: usize = 100;
const PLAN_ENTRY_BYTES_MAX: usize = 1_024;
/// Bytes of a notice.
const NOTICE_BYTES_MAX: usize = 4 * 1024;

impl Acp {
    /// Reads one update; false when this release has no word for it.
    pub(super) fn update(&mut self, params: &Value, out: &mut Vec<Step>) -> bool {
        let update = params.get("update").unwrap_or(&Value::Null);
        let kind = text(update, "/sessionUpdate");
        self.meter.update(params, self.history != History::None);
        if self.history != History::None && self.past(kind, update) {
            return true;
        }
        let mut events = Vec::new();
        let known = match kind {
            "agent_message_chunk" => self.said(Voice::Aloud, update, &mut events),
            "agent_thought_chunk" => self.said(Voice::Thought, update, &mut events),
            "tool_call" | "tool_call_update" => {
                self.speech.finish(&mut events);
                out.extend(told(std::mem::take(&mut events)));
                self.called(update, out);
                true
            }
            "plan" => {
                self.speech.finish(&mut events);
                events.push(Event::Plan(plan(update)));
                true
            }
            "notice" => {
                self.speech.finish(&mut events);
                let words = [text(update, "/message"), text(update, "/content/text"), text(update, "/text")].concat();
                events.push(Event::Notice(clipped(&words, NOTICE_BYTES_MAX)));
                !words.is_empty()
            }
            "current_mode_update" => {
                self.mode(text(update, "/currentModeId"), out);
                true
            }
            "available_commands_update"
            | "config_option_update"
            | "session_info_update"
            | "usage_update"
            | "user_message_chunk" => true,
            _ => false,
        };
        if known {
            out.extend(told(events));
        }
        known
    }

    /// True when the update tells of what was told by an earlier attempt.
    fn past(&mut self, kind: &str, update: &Value) -> bool {
        let now = self.history == History::UntilCommands
            && (kind == "available_commands_update"
                || (kind == "tool_call" && matches!(text(update, "/status"), "pending" | "in_progress")));
        if now {
            self.history = History::None;
        }
        !now
    }

    fn said(&mut self, voice: Voice, update: &Value, events: &mut Vec<Event>) -> bool {
        let Some(text) = update.pointer("/content/text").and_then(Value::as_str) else { return false };
        if !text.trim().is_empty()
            && voice == Voice::Aloud
            && let Stage::Turn(turn) = &mut self.stage
        {
            (turn.denied, turn.stirred) = (false, true);
        }
        if voice == Voice::Aloud && self.profile.error_mark.is_some_and(|mark| text.starts_with(mark)) {
            self.speech.forget();
        }
        self.speech.say(voice, text, events);
        true
    }

    fn called(&mut self, update: &Value, out: &mut Vec<Step>) {
        let mut events = Vec::new();
        self.calls.take(update, &mut events);
        self.acted(&events);
        out.extend(told(events));
        if matches!(text(update, "/status"), "completed" | "failed") {
            let keys = self.asking.about(text(update, "/toolCallId"));
            out.extend(keys.into_iter().map(Step::Withdraw));
        }
    }

    /// After a new call what was said before is not the last word any more, and a denial not the end.
    pub(super) fn acted(&mut self, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::ToolCalled { .. })) {
            self.speech.forget();
            if let Stage::Turn(turn) = &mut self.stage {
                (turn.denied, turn.stirred) = (false, true);
            }
        }
    }

    /// An agent that leaves the mode in which it asks is put back into it.
    fn mode(&mut self, mode: &str, out: &mut Vec<Step>) {
        let Some(wanted) = self.profile.mode.filter(|wanted| *wanted != mode && !mode.is_empty()) else { return };
        // In a plan mode it does nothing at all.
        if mode.ends_with("plan") {
            return;
        }
        let mode = clipped(mode, 64);
        out.push(Step::Event(Event::Notice(format!(
            "the agent went into its mode `{mode}`: put back into `{wanted}`"
        ))));
        let params = json!({ "sessionId": self.session, "modeId": wanted });
        out.push(Step::Send(self.wire.request(Sent::Aside, "session/set_mode", &params)));
    }
}

fn plan(update: &Value) -> Vec<PlanEntry> {
    let entry = |entry: &Value| PlanEntry {
        text: clipped(text(entry, "/content"), PLAN_ENTRY_BYTES_MAX),
        state: match text(entry, "/status") {
            "completed" => PlanState::Done,
            "in_progress" => PlanState::Active,
            _ => PlanState::Pending,
        },
    };
    list(update, "/entries").iter().take(PLAN_ENTRIES_MAX).map(entry).collect()
}
