//! Codex's thread items in the common vocabulary (read against 0.169.0).
//!
//! Owns what an item is while it runs and when it is done. An item that is unknown is kept raw.

use super::unquote::script;
use crate::codec::diff::{added, removed};
use crate::codec::words::{list, output, spoken, text, told};
use ostler_core::deed::{Deed, FileChange};
use ostler_core::event::Event;
use serde_json::Value;
use std::collections::BTreeMap;

/// Items that are followed at once; more are told, but cannot be joined with a request for approval.
const OPEN_MAX: usize = 256;

/// The items of one process.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// What runs, by item.
    open: BTreeMap<String, Deed>,
    last_words: String,
}

impl Items {
    /// How many tools run.
    pub(crate) fn in_flight(&self) -> usize {
        self.open.len()
    }

    /// What the item `id` does, whole.
    pub(crate) fn deed(&self, id: &str) -> Option<&Deed> {
        self.open.get(id)
    }

    /// What it said last.
    pub(crate) fn last_words(&mut self) -> String {
        std::mem::take(&mut self.last_words)
    }

    /// A turn is over, and no item goes on after it: what has not ended was interrupted.
    pub(crate) fn cut(&mut self) -> Vec<Event> {
        let ended = |id: String| Event::ToolEnded { call: bounded(&id), ok: false, output: "interrupted".to_owned() };
        std::mem::take(&mut self.open).into_keys().map(ended).collect()
    }

    /// `item/started`. False when there is no word for it.
    pub(crate) fn started(&mut self, item: &Value, events: &mut Vec<Event>) -> bool {
        let Some(deed) = deed(item) else { return quiet(text(item, "/type")) };
        let id = text(item, "/id");
        events.push(Event::ToolCalled { call: bounded(id), deed: told(deed.clone()), title: String::new() });
        if self.open.len() < OPEN_MAX {
            self.open.insert(id.to_owned(), deed);
        }
        true
    }

    /// `item/completed`. False when there is no word for it.
    pub(crate) fn completed(&mut self, item: &Value, events: &mut Vec<Event>) -> bool {
        match text(item, "/type") {
            "agentMessage" => {
                text(item, "/text").clone_into(&mut self.last_words);
                events.extend(spoken(&self.last_words, Event::Message));
            }
            "plan" => events.extend(spoken(text(item, "/text"), Event::Message)),
            "reasoning" => events.extend(spoken(&thought(item), Event::Thought)),
            "contextCompaction" => events.push(Event::Notice("the agent compacted its conversation".to_owned())),
            kind => match deed(item) {
                Some(deed) => self.ended(item, deed, events),
                None => return quiet(kind),
            },
        }
        true
    }

    fn ended(&mut self, item: &Value, deed: Deed, events: &mut Vec<Event>) {
        let id = text(item, "/id");
        // A search says what it looks for only when it has found it.
        if self.open.remove(id).is_none_or(|begun| begun != deed) {
            events.push(Event::ToolCalled { call: bounded(id), deed: told(deed), title: String::new() });
        }
        let (ok, words) = end(item);
        events.push(Event::ToolEnded { call: bounded(id), ok, output: output(&words) });
    }
}

/// Items that are nothing to be told: what we said ourselves, and what has no end worth a word.
fn quiet(kind: &str) -> bool {
    matches!(
        kind,
        "userMessage" | "agentMessage" | "reasoning" | "plan" | "contextCompaction" | "sleep" | "subAgentActivity"
    )
}

fn deed(item: &Value) -> Option<Deed> {
    let field = |name: &str| text(item, name).to_owned();
    let arguments = || item.get("arguments").map(Value::to_string).unwrap_or_default();
    Some(match text(item, "/type") {
        "commandExecution" => Deed::Command { line: script(text(item, "/command")) },
        "fileChange" => Deed::Edit { changes: list(item, "/changes").iter().map(change).collect() },
        "mcpToolCall" => Deed::Mcp { server: field("/server"), tool: field("/tool"), input: arguments() },
        "dynamicToolCall" => Deed::Other { tool: field("/tool"), input: arguments() },
        "collabAgentToolCall" => Deed::Subagent { prompt: format!("{}: {}", field("/tool"), field("/prompt")) },
        "webSearch" => Deed::Fetch { url: sought(item) },
        "imageView" => Deed::Read { path: field("/path") },
        "imageGeneration" => Deed::Other { tool: "image generation".to_owned(), input: field("/revisedPrompt") },
        _ => return None,
    })
}

fn change(change: &Value) -> FileChange {
    let (path, diff) = (text(change, "/path").to_owned(), text(change, "/diff"));
    let diff = match (text(change, "/kind/type"), text(change, "/kind/move_path")) {
        ("add", _) => added(diff),
        ("delete", _) => removed(diff),
        (_, "") => diff.to_owned(),
        (_, to) => format!("moved to {to}\n{diff}"),
    };
    FileChange { path, diff }
}

fn sought(item: &Value) -> String {
    let places = ["/action/url", "/action/query", "/query", "/action/pattern"];
    places.iter().map(|place| text(item, place)).find(|found| !found.is_empty()).unwrap_or_default().to_owned()
}

fn thought(item: &Value) -> String {
    let parts = [list(item, "/summary"), list(item, "/content")].concat();
    parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// Whether it worked, and what it gave.
fn end(item: &Value) -> (bool, String) {
    let status = text(item, "/status");
    let code = item.get("exitCode").and_then(Value::as_i64);
    let ok = !matches!(status, "failed" | "declined" | "interrupted") && code.is_none_or(|code| code == 0);
    let words = match (text(item, "/aggregatedOutput"), text(item, "/error/message"), list(item, "/result/content")) {
        (shown, "", []) => shown.to_owned(),
        (_, error, []) => error.to_owned(),
        (_, _, parts) => parts.iter().map(|part| text(part, "/text")).collect::<Vec<_>>().join("\n"),
    };
    match (words.as_str(), status, code) {
        ("", "declined", _) => (ok, "declined".to_owned()),
        ("", _, Some(code)) if code != 0 => (ok, format!("exited with {code}")),
        _ => (ok, words),
    }
}

fn bounded(id: &str) -> String {
    id.chars().take(256).collect()
}
