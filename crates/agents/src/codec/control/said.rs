//! What an assistant's and a user's message of Claude Code hold, as events.
//!
//! Owns the content blocks. A message with a block that is unknown is kept raw beside what was understood.

use super::deed::deed;
use super::plan::Plan;
use crate::codec::words::{list, output, spoken, text, told};
use ostler_core::event::Event;
use serde_json::Value;
use std::collections::BTreeSet;

/// Calls that are followed at once; more are told, but do not count as in flight.
const CALLS_MAX: usize = 1_024;

/// The calls of a process.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// Begun and not ended.
    open: BTreeSet<String>,
    plan: Plan,
}

impl Calls {
    /// How many have begun and not ended.
    pub(crate) fn in_flight(&self) -> usize {
        self.open.len()
    }

    /// A turn is over, and no call goes on after it: what has not ended was interrupted.
    pub(crate) fn cut(&mut self) -> Vec<Event> {
        let ended =
            |call: String| Event::ToolEnded { call: bounded(&call), ok: false, output: "interrupted".to_owned() };
        std::mem::take(&mut self.open).into_iter().map(ended).collect()
    }

    /// An assistant's message. False when a block of it has no word here.
    pub(crate) fn assistant(&mut self, message: &Value, events: &mut Vec<Event>) -> bool {
        let blocks = list(message, "/content");
        blocks.iter().fold(!blocks.is_empty(), |known, block| self.block(block, events) && known)
    }

    fn block(&mut self, block: &Value, events: &mut Vec<Event>) -> bool {
        match text(block, "/type") {
            "text" => events.extend(spoken(text(block, "/text"), Event::Message)),
            "thinking" => events.extend(spoken(text(block, "/thinking"), Event::Thought)),
            "tool_use" | "server_tool_use" => self.called(block, events),
            // Nothing that could be read.
            "redacted_thinking" => {}
            kind if kind.ends_with("_tool_result") => {
                let error = text(block, "/content/error_code");
                self.ended(text(block, "/tool_use_id"), error.is_empty(), error, events);
            }
            _ => return false,
        }
        true
    }

    fn called(&mut self, block: &Value, events: &mut Vec<Event>) {
        let (tool, call) = (text(block, "/name"), text(block, "/id"));
        let input = block.get("input").unwrap_or(&Value::Null);
        let (quiet, plan) = self.plan.called(tool, call, input);
        events.extend(plan);
        if quiet {
            return;
        }
        if self.open.len() < CALLS_MAX {
            self.open.insert(call.to_owned());
        }
        let title = text(input, "/description").chars().take(500).collect();
        events.push(Event::ToolCalled { call: bounded(call), deed: told(deed(tool, input)), title });
    }

    /// A user's message: results of tools, and what the program itself says in a person's place.
    pub(crate) fn user(&mut self, line: &Value, events: &mut Vec<Event>) -> bool {
        let blocks = list(line, "/message/content");
        let mut known = !blocks.is_empty();
        for block in blocks {
            match text(block, "/type") {
                "tool_result" => {
                    let (call, ok) = (text(block, "/tool_use_id"), block["is_error"] != Value::Bool(true));
                    if let Some(plan) = self.plan.ended(call, line.get("tool_use_result").unwrap_or(&Value::Null)) {
                        events.push(plan);
                    }
                    self.ended(call, ok, &result(block), events);
                }
                "text" => events.extend(spoken(text(block, "/text"), Event::Notice)),
                _ => known = false,
            }
        }
        known
    }

    /// The end of a call that was told; what only kept the plan ends unsaid.
    fn ended(&mut self, call: &str, ok: bool, words: &str, events: &mut Vec<Event>) {
        if self.open.remove(call) || !ok {
            events.push(Event::ToolEnded { call: bounded(call), ok, output: output(words) });
        }
    }
}

fn bounded(id: &str) -> String {
    id.chars().take(256).collect()
}

/// A result's content: a text, or blocks of which the texts can be shown.
fn result(block: &Value) -> String {
    if let Some(text) = block["content"].as_str() {
        return text.to_owned();
    }
    let shown = |part: &Value| match text(part, "/type") {
        "text" => text(part, "/text").to_owned(),
        other => format!("[{other}]"),
    };
    list(block, "/content").iter().map(shown).collect::<Vec<_>>().join("\n")
}
