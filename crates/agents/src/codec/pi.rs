//! Pi's RPC mode: JSON objects, one per line, both ways.
//!
//! ```text
//! get_state ─▶ session ─▶ prompt ─▶ events … agent_settled ─▶ Idle ─ prompt() ─▶        abort ─▶ agent_settled
//! ```
//!
//! Owns its records. It asks nobody before it acts, so that nothing is asked here; a dialog of an extension, of which none
//! is loaded, is dismissed.

use super::ear::{Ear, Heard};
use super::refusal;
use super::verdict::{self, Verdict};
use super::words::{self, clipped, first, list, number, text};
use crate::adapter::{End, LaunchContext, Outcome, Step, told};
use crate::command::ended;
use ostler_core::deed::{Deed, FileChange};
use ostler_core::event::{Event, Stream};
use ostler_core::failure::FailureClass;
use ostler_core::usage::{Usage, UsageSource};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Bytes of an error's words, and of a call's id.
const ERROR_BYTES_MAX: usize = 8 * 1024;
const ID_BYTES_MAX: usize = 256;
/// Calls counted as running at a time.
const CALLS_MAX: usize = 256;

/// One conversation.
#[derive(Debug, Default)]
pub(crate) struct Rpc {
    ear: Ear,
    /// What it is asked first, until it was.
    first: Option<String>,
    /// What it is asked instead, when the session to be resumed turns out to be empty.
    otherwise: Option<String>,
    turn: bool,
    cancelled: bool,
    calls: BTreeSet<String>,
    /// The last words, or the error, of the turn.
    last: Option<Verdict>,
    verdict: Option<Verdict>,
}

impl Rpc {
    pub(crate) fn new(context: &LaunchContext) -> Self {
        let otherwise = context.resume.as_ref().map(|resume| resume.otherwise.clone());
        Self { first: Some(context.prompt.clone()), otherwise, turn: true, ..Self::default() }
    }

    /// The first bytes: who is there?
    pub(crate) fn hello() -> Vec<u8> {
        line(&json!({ "type": "get_state" }))
    }

    pub(crate) fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        let mut out = Vec::new();
        for heard in self.ear.hear(stream, bytes) {
            self.heard(heard, &mut out);
        }
        out
    }

    pub(crate) fn prompt(&mut self, text: &str) -> Option<Vec<Step>> {
        if self.turn {
            return None;
        }
        (self.turn, self.cancelled, self.last, self.verdict) = (true, false, None, None);
        Some(vec![Step::Send(said(text))])
    }

    pub(crate) fn interrupt(&mut self) -> Option<Vec<Step>> {
        self.cancelled = self.turn;
        self.turn.then(|| vec![Step::Send(line(&json!({ "type": "abort" })))])
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.calls.len()
    }

    pub(crate) fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let mut out = Vec::new();
        if let Some(heard) = self.ear.rest() {
            self.heard(heard, &mut out);
        }
        let mut events: Vec<Event> =
            out.into_iter().filter_map(|step| if let Step::Event(event) = step { Some(event) } else { None }).collect();
        events.extend(self.ear.finish());
        events.push(ended(end));
        let unsaid = (self.turn && end != End::default()).then(|| {
            Verdict::not(FailureClass::Agent, "ended in a turn", "the agent ended before it said that it was done")
        });
        (events, verdict::outcome(self.verdict.take().or(unsaid), end))
    }

    fn heard(&mut self, heard: Heard, out: &mut Vec<Step>) {
        match heard {
            Heard::Noise(events) => out.extend(told(events)),
            Heard::Object(record, line) => {
                if !self.record(&record, out) {
                    out.extend(told(self.ear.keep(line)));
                }
            }
        }
    }

    /// True when the record was understood.
    fn record(&mut self, record: &Value, out: &mut Vec<Step>) -> bool {
        match text(record, "/type") {
            "response" => self.answered(record, out),
            "message_end" if text(record, "/message/role") == "assistant" => self.message(&record["message"], out),
            "tool_execution_start" => self.called(record, out),
            "tool_execution_end" => self.returned(record, out),
            "agent_settled" => self.settled(out),
            "extension_ui_request" => {
                let answer = json!({ "type": "extension_ui_response", "id": record["id"], "cancelled": true });
                out.push(Step::Send(line(&answer)));
                return false;
            }
            "agent_start"
            | "agent_end"
            | "turn_start"
            | "turn_end"
            | "message_start"
            | "message_update"
            | "message_end"
            | "tool_execution_update"
            | "queue_update"
            | "session_info_changed"
            | "auto_retry_end" => {}
            _ => return false,
        }
        true
    }

    fn answered(&mut self, record: &Value, out: &mut Vec<Step>) {
        let good = record.get("success").and_then(Value::as_bool) == Some(true);
        match text(record, "/command") {
            "get_state" => self.opened(record, out),
            "prompt" if !good && self.turn => {
                self.last = Some(failed(text(record, "/error"), out));
                self.settled(out);
            }
            _ => {}
        }
    }

    /// It has a session, an empty one if that to be resumed is gone.
    fn opened(&mut self, record: &Value, out: &mut Vec<Step>) {
        let Some(mut prompt) = self.first.take() else { return };
        let otherwise = self.otherwise.take();
        let resumed = otherwise.is_some() && number(record, "/data/messageCount") > 0;
        if let Some(brief) = otherwise.filter(|_| !resumed) {
            let words = "the agent's session is gone: it begins afresh, with a brief of what was done";
            out.push(Step::Event(Event::Notice(words.to_owned())));
            prompt = brief;
        }
        let session = text(record, "/data/sessionId").to_owned();
        if !session.is_empty() && session.len() <= ID_BYTES_MAX {
            out.push(Step::Session(session.clone()));
            out.push(Step::Event(Event::Session { id: session, resumed }));
        }
        out.push(Step::Send(said(&prompt)));
    }

    fn message(&mut self, message: &Value, out: &mut Vec<Step>) {
        let mut aloud = String::new();
        for block in list(message, "/content") {
            match text(block, "/type") {
                "text" => {
                    aloud.push_str(text(block, "/text"));
                    out.extend(told(words::spoken(text(block, "/text"), Event::Message)));
                }
                "thinking" => out.extend(told(words::spoken(text(block, "/thinking"), Event::Thought))),
                _ => {}
            }
        }
        out.extend(usage(&message["usage"]).map(|usage| Step::Event(Event::Usage(usage))));
        self.last = Some(match text(message, "/stopReason") {
            "error" if !self.cancelled => failed(text(message, "/errorMessage"), out),
            "error" | "aborted" => Verdict::not(FailureClass::Agent, "interrupted", text(message, "/errorMessage")),
            "length" => Verdict::not(FailureClass::Task, "turns spent", aloud),
            _ => Verdict::Done(aloud),
        });
    }

    fn called(&mut self, record: &Value, out: &mut Vec<Step>) {
        let call = clipped(text(record, "/toolCallId"), ID_BYTES_MAX);
        if self.calls.len() < CALLS_MAX {
            self.calls.insert(call.clone());
        }
        let name = text(record, "/toolName");
        let deed = words::told(deed(name, &record["args"]));
        out.push(Step::Event(Event::ToolCalled { call, deed, title: clipped(name, ID_BYTES_MAX) }));
    }

    fn returned(&mut self, record: &Value, out: &mut Vec<Step>) {
        let call = clipped(text(record, "/toolCallId"), ID_BYTES_MAX);
        self.calls.remove(&call);
        let texts: Vec<&str> = list(record, "/result/content").iter().map(|block| text(block, "/text")).collect();
        let ok = record.get("isError").and_then(Value::as_bool) != Some(true);
        out.push(Step::Event(Event::ToolEnded { call, ok, output: words::output(texts.join("\n").trim_end()) }));
    }

    fn settled(&mut self, out: &mut Vec<Step>) {
        if !self.turn {
            return;
        }
        self.turn = false;
        self.calls.clear();
        let silent = || Verdict::not(FailureClass::Agent, "nothing done", "the agent neither said nor did anything");
        let verdict = match self.last.take().unwrap_or_else(silent) {
            Verdict::Done(words) | Verdict::Not(_, words) if self.cancelled => {
                Verdict::not(FailureClass::Agent, "interrupted", words)
            }
            verdict @ (Verdict::Done(_) | Verdict::Not(..)) => verdict,
        };
        let reason = match &verdict {
            Verdict::Done(_) => "end_turn".to_owned(),
            Verdict::Not(failure, _) => failure.code.clone(),
        };
        self.verdict = Some(verdict);
        out.extend([Step::Event(Event::TurnEnded { reason }), Step::Idle]);
    }
}

/// An error the turn ends with, unless it is tried again.
fn failed(words: &str, out: &mut Vec<Step>) -> Verdict {
    let words = clipped(words, ERROR_BYTES_MAX);
    match refusal::read(&words) {
        Some(refusal) => {
            out.push(Step::Event(refusal.event(&words)));
            Verdict::Not(refusal.failure(), words)
        }
        None => {
            out.push(Step::Event(Event::Failed(words.clone())));
            Verdict::not(FailureClass::Agent, "turn failed", words)
        }
    }
}

fn deed(name: &str, args: &Value) -> Deed {
    let path = first(args, &["path", "file_path"]).unwrap_or_default().to_owned();
    let change = |diff: String| Deed::Edit { changes: vec![FileChange { path: path.clone(), diff }] };
    match name {
        "bash" => Deed::Command { line: text(args, "/command").to_owned() },
        "read" => Deed::Read { path },
        "write" => change(super::diff::added(text(args, "/content"))),
        "edit" => {
            let edits = list(args, "/edits").iter().chain(args.get("oldText").map(|_| args));
            change(edits.map(|edit| super::diff::replaced(text(edit, "/oldText"), text(edit, "/newText"))).collect())
        }
        "grep" | "find" | "ls" => Deed::Search { pattern: first(args, &["pattern"]).unwrap_or("*").to_owned(), path },
        _ => Deed::Other { tool: name.to_owned(), input: args.to_string() },
    }
}

/// What one model call consumed: tokens read from a cache, and written to one, are told apart from the input.
fn usage(usage: &Value) -> Option<Usage> {
    let cached_tokens = number(usage, "/cacheRead");
    let more = cached_tokens.saturating_add(number(usage, "/cacheWrite"));
    let input_tokens = number(usage, "/input").saturating_add(more);
    let output_tokens = number(usage, "/output");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within the bound")]
    let micros = |dollars: f64| (0.0..1e6).contains(&dollars).then(|| (dollars * 1e6).round() as u64);
    let cost_micros = usage.pointer("/cost/total").and_then(Value::as_f64).and_then(micros).filter(|cost| *cost > 0);
    let told = Usage { input_tokens, output_tokens, cached_tokens, cost_micros, source: UsageSource::Reported };
    (input_tokens > 0 || output_tokens > 0).then_some(told)
}

fn said(prompt: &str) -> Vec<u8> {
    line(&json!({ "type": "prompt", "message": prompt }))
}

fn line(record: &Value) -> Vec<u8> {
    let mut bytes = record.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}
