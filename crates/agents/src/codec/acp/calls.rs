//! The tool calls of a session: what is known of each, and which run.
//!
//! ```text
//! first mention ─▶ Open ─ completed | failed ─▶ gone
//!                   └─ denied ─▶ Denied ─ completed | failed ─▶ gone         all are gone when their turn ends
//! ```
//!
//! Owns the merging: an agent may name a call first in an update or a permission request, and tells it piece by piece.

use super::deed::Described;
use crate::codec::words::{self, clipped, list, text};
use ostler_core::deed::Deed;
use ostler_core::event::Event;
use serde_json::Value;
use std::collections::VecDeque;

/// Calls known at a time: more are not running side by side.
const CALLS_MAX: usize = 32;
/// Ended calls remembered, so that a late update is not taken for a new call.
const ENDED_MAX: usize = 64;
/// Bytes of a call's id.
const ID_BYTES_MAX: usize = 256;
/// Bytes of its title.
const TITLE_BYTES_MAX: usize = 1_024;

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    id: String,
    kind: String,
    title: String,
    deed: Option<Deed>,
    /// The deed is too large to be asked about, and is cut here.
    cut: bool,
    told: bool,
    denied: bool,
}

impl Call {
    /// What is known to be done, whole or not at all.
    pub(super) fn deed(&self) -> Option<&Deed> {
        self.deed.as_ref().filter(|_| !self.cut)
    }

    fn set(&mut self, deed: Deed) {
        let asked = words::asked(deed.clone());
        self.cut = asked.is_none();
        (self.deed, self.told) = (Some(asked.unwrap_or_else(|| words::told(deed))), false);
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: VecDeque<Call>,
    ended: VecDeque<String>,
}

impl Calls {
    /// Takes a `tool_call`, a `tool_call_update` or the `toolCall` of a request.
    pub(super) fn take(&mut self, message: &Value, events: &mut Vec<Event>) {
        let id = clipped(text(message, "/toolCallId"), ID_BYTES_MAX);
        if self.ended.contains(&id) {
            return;
        }
        let call = self.known(&id);
        describe(call, message);
        let described = Described { kind: &call.kind, title: text(message, "/title"), call: message };
        let ends = match text(message, "/status") {
            "completed" => Some(true),
            "failed" => Some(false),
            _ => None,
        };
        let begun = text(message, "/status") == "in_progress" && !described.unfinished();
        if (begun || ends.is_some()) && call.deed.is_none() {
            call.set(described.vaguely());
        }
        tell(call, events);
        if let Some(ok) = ends {
            self.open.retain(|call| call.id != id);
            remember(&mut self.ended, id.clone());
            events.push(Event::ToolEnded { call: id, ok, output: output(message) });
        }
    }

    /// The call a permission request is about: what was known of it and what the request says; told if it was not yet.
    /// None when it is too large to be shown to anybody.
    pub(super) fn asked(&mut self, id: &str, request: &Value, events: &mut Vec<Event>) -> Option<Deed> {
        let call = self.known(&clipped(id, ID_BYTES_MAX));
        describe(call, request);
        let described = Described { kind: &call.kind, title: text(request, "/title"), call: request };
        if call.deed.is_none() {
            call.set(described.vaguely());
        }
        tell(call, events);
        call.deed().cloned()
    }

    /// The call begun last that is of `kind`, or of any when it is empty or `other`.
    pub(super) fn latest(&self, kind: &str) -> Option<&str> {
        let fits = |call: &&Call| !call.denied && (kind.is_empty() || kind == "other" || call.kind == kind);
        self.open.iter().rev().find(fits).map(|call| call.id.as_str())
    }

    /// True when the call is known and has not ended.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.open.iter().any(|call| call.id == id)
    }

    /// The calls that run or wait.
    pub(super) fn open(&self) -> impl Iterator<Item = &Call> {
        self.open.iter().filter(|call| !call.denied)
    }

    /// The call will not be done, though the agent may say no more of it.
    pub(super) fn deny(&mut self, id: &str) {
        if let Some(call) = self.open.iter_mut().find(|call| call.id == id) {
            call.denied = true;
        }
    }

    /// The turn is over, and all calls with it.
    pub(super) fn clear(&mut self) {
        for call in self.open.drain(..) {
            remember(&mut self.ended, call.id);
        }
    }

    fn known(&mut self, id: &str) -> &mut Call {
        if let Some(at) = self.open.iter().position(|call| call.id == id) {
            return &mut self.open[at];
        }
        if self.open.len() == CALLS_MAX {
            self.open.pop_front();
        }
        let (kind, title) = (String::new(), String::new());
        self.open.push_back(Call {
            id: id.to_owned(),
            kind,
            title,
            deed: None,
            cut: false,
            told: false,
            denied: false,
        });
        self.open.back_mut().expect("one was just put there")
    }
}

/// Adds what `message` says to what is known.
fn describe(call: &mut Call, message: &Value) {
    let (kind, title) = (text(message, "/kind"), text(message, "/title"));
    // `other` says less than what an earlier message said.
    if !kind.is_empty() && (call.kind.is_empty() || kind != "other") {
        call.kind = clipped(kind, 32);
    }
    if !title.is_empty() {
        call.title = clipped(title, TITLE_BYTES_MAX);
    }
    // What a call gave back describes the result, not the deed.
    let over = matches!(text(message, "/status"), "completed" | "failed");
    if over && call.deed.is_some() {
        return;
    }
    let described = Described { kind: &call.kind, title: &call.title, call: message };
    if call.deed.is_some() && !described.firm() {
        return;
    }
    let deed = described.deed();
    let shows = |deed: &Deed| !matches!(deed, Deed::Edit { changes } if changes.iter().all(|c| c.diff.is_empty()));
    match (deed, &call.deed) {
        (Some(deed), Some(known)) if deed == *known || (!shows(&deed) && shows(known)) => {}
        (Some(Deed::Other { .. }), Some(_)) | (None, _) => {}
        (Some(deed), _) => call.set(deed),
    }
}

fn tell(call: &mut Call, events: &mut Vec<Event>) {
    if let Some(deed) = call.deed.clone().filter(|_| !call.told) {
        call.told = true;
        events.push(Event::ToolCalled { call: call.id.clone(), deed: words::told(deed), title: call.title.clone() });
    }
}

fn remember(ended: &mut VecDeque<String>, id: String) {
    if ended.len() == ENDED_MAX {
        ended.pop_front();
    }
    ended.push_back(id);
}

/// What a tool gave back: the texts of the content, else the raw output in the form it came. A diff in the content is
/// the deed once more.
fn output(message: &Value) -> String {
    let texts: Vec<&str> = list(message, "/content")
        .iter()
        .map(|part| text(part, "/content/text"))
        .filter(|text| !text.is_empty())
        .collect();
    let raw = message.get("rawOutput");
    let text = match raw {
        _ if !texts.is_empty() => texts.join("\n"),
        Some(Value::Object(_)) if list(message, "/content").iter().any(|part| text(part, "/type") == "diff") => {
            text(message, "/rawOutput/content").to_owned()
        }
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => text(message, "/_meta/terminal_output/data").to_owned(),
        Some(raw) => {
            let said = ["/output", "/stdout", "/content", "/text", "/message"].map(|place| text(raw, place));
            said.iter().find(|text| !text.is_empty()).map_or_else(|| raw.to_string(), |text| (*text).to_owned())
        }
    };
    words::output(text.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn take(calls: &mut Calls, message: Value) -> Vec<Event> {
        let mut events = Vec::new();
        calls.take(&message, &mut events);
        events
    }

    #[test]
    fn a_call_is_told_once_it_says_what_it_does_and_again_when_more_is_known() {
        let mut calls = Calls::default();
        let first = json!({ "toolCallId": "c", "kind": "edit", "title": "write", "status": "pending", "rawInput": {} });
        assert_eq!(take(&mut calls, first), []);
        assert_eq!(calls.open().count(), 1);
        let told = take(&mut calls, json!({ "toolCallId": "c", "locations": [{ "path": "/a" }] }));
        assert!(matches!(&told[..], [Event::ToolCalled { deed: Deed::Edit { .. }, .. }]));
        let diff = json!([{ "type": "diff", "path": "/a", "newText": "x\n" }]);
        let again = take(&mut calls, json!({ "toolCallId": "c", "content": diff }));
        assert!(
            matches!(&again[..], [Event::ToolCalled { deed: Deed::Edit { changes }, .. }] if !changes[0].diff.is_empty())
        );
        let less = json!({ "toolCallId": "c", "locations": [{ "path": "/a" }], "status": "in_progress" });
        assert_eq!(take(&mut calls, less), [], "what shows less is not told");
        let ended =
            take(&mut calls, json!({ "toolCallId": "c", "status": "completed", "rawOutput": { "stdout": "ok\n" } }));
        assert!(matches!(&ended[..], [Event::ToolEnded { ok: true, output, .. }] if output == "ok"));
        assert_eq!(calls.open().count(), 0);
        assert_eq!(take(&mut calls, json!({ "toolCallId": "c", "status": "completed" })), [], "it has ended before");
    }

    #[test]
    fn input_told_piece_by_piece_is_told_when_it_is_whole() {
        let mut calls = Calls::default();
        let piece = |text: &str| {
            let content = json!([{ "type": "content", "content": { "type": "text", "text": text } }]);
            json!({ "toolCallId": "c", "kind": "execute", "status": "in_progress", "content": content })
        };
        assert_eq!(take(&mut calls, piece("")), []);
        assert_eq!(take(&mut calls, piece("{\"command\": \"rm")), []);
        let told = take(&mut calls, piece("{\"command\": \"rm x\"}"));
        assert!(matches!(&told[..], [Event::ToolCalled { deed: Deed::Command { line }, .. }] if line == "rm x"));
    }

    #[test]
    fn a_flood_of_calls_is_bounded_and_a_denied_one_is_not_in_flight() {
        let mut calls = Calls::default();
        for n in 0..CALLS_MAX * 3 {
            take(&mut calls, json!({ "toolCallId": n.to_string(), "title": "x" }));
        }
        assert_eq!(calls.open.len(), CALLS_MAX);
        let last = (CALLS_MAX * 3 - 1).to_string();
        assert_eq!(calls.latest("other"), Some(last.as_str()));
        calls.deny(&last);
        assert_eq!(calls.open().count(), CALLS_MAX - 1);
        calls.clear();
        assert!(calls.open.is_empty() && calls.ended.len() == CALLS_MAX);
    }
}
