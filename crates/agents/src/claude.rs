//! Claude Code, headless: `claude -p --output-format stream-json` (read against 2.1.329).
//!
//! Owns its lines and its verdict. It asks nobody here: edits in the working tree are accepted, anything else that
//! needs a permission is denied by the program itself, which then still reports success. A denial is therefore a
//! failure, or work left undone would pass for done.

use crate::headless::{Dialect, Verdict, messages, text};
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use serde_json::Value;

/// One headless conversation.
#[derive(Debug, Default)]
pub(crate) struct Claude {
    verdict: Option<Verdict>,
    /// The status of the last refused model call: all there is when it is killed while it retries.
    refused: Option<u64>,
}

impl Dialect for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn args(&self) -> &'static [&'static str] {
        &["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits"]
    }

    fn read(&mut self, line: &Value, events: &mut Vec<Event>) -> bool {
        match (text(line, "/type"), text(line, "/subtype")) {
            ("assistant", _) => said(line, events),
            ("system", "permission_denied") => {
                events.push(Event::Notice(format!("denied by the agent: {}", text(line, "/message"))));
                true
            }
            ("system", "api_retry") => {
                self.refused = line.pointer("/error_status").and_then(Value::as_u64);
                events.push(Event::Notice(format!("the model could not be reached: {}", text(line, "/error"))));
                true
            }
            ("result", _) => {
                self.verdict = Some(judge(line));
                false
            }
            _ => false,
        }
    }

    fn verdict(&mut self) -> Option<Verdict> {
        self.verdict.take().or_else(|| {
            let status = self.refused.take()?;
            let (class, code) = provider(status)?;
            Some(Verdict::Not(class, code, format!("the model refused with status {status}")))
        })
    }
}

/// Texts become messages; with anything else in it (tool calls) the line is kept raw too.
fn said(line: &Value, events: &mut Vec<Event>) -> bool {
    let blocks = line.pointer("/message/content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for block in blocks {
        messages(text(block, "/text"), events);
    }
    !blocks.is_empty() && blocks.iter().all(|block| text(block, "/type") == "text")
}

fn judge(result: &Value) -> Verdict {
    let denials = result.pointer("/permission_denials").and_then(Value::as_array).map_or(0, Vec::len);
    if result.pointer("/is_error").and_then(Value::as_bool) == Some(false) {
        let words = text(result, "/result").to_owned();
        return match denials {
            0 => Verdict::Done(words),
            1.. => Verdict::Not(
                FailureClass::Policy,
                "permission denied",
                format!("the agent was denied {denials} action(s) and finished without them: {words}"),
            ),
        };
    }
    let words = [text(result, "/result"), text(result, "/errors/0")].join(" ").trim().to_owned();
    let status = result.pointer("/api_error_status").and_then(Value::as_u64);
    let (class, code) = match (text(result, "/subtype"), text(result, "/terminal_reason")) {
        ("error_max_budget_usd", _) => (FailureClass::Task, "budget spent"),
        ("error_max_turns", _) => (FailureClass::Task, "turns spent"),
        // No status, and no model was asked: it is not signed in on this machine; another may be.
        (_, "api_error") => status.map_or(Some((FailureClass::Infra, "not signed in")), provider).unwrap_or(BROKEN),
        (_, "aborted_tools" | "aborted_streaming") => (FailureClass::Agent, "interrupted"),
        _ => BROKEN,
    };
    Verdict::Not(class, code, words)
}

const BROKEN: (FailureClass, &str) = (FailureClass::Agent, "error during execution");

/// What a status of the model's provider means for the run; none when it says nothing about it.
fn provider(status: u64) -> Option<(FailureClass, &'static str)> {
    match status {
        401 | 403 => Some((FailureClass::Infra, "not signed in")),
        429 | 529 => Some((FailureClass::Limit, "provider limit")),
        500..=599 => Some((FailureClass::Limit, "provider unavailable")),
        _ => None,
    }
}
