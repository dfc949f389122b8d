//! Claude Code's control protocol: stream-json both ways (read against 2.1.329).
//!
//! ```text
//!  initialize, user ─▶ system/init ─▶ assistant, user(tool_result)… ─▶ result ─▶ user … ─▶ result ─▶ end of file
//!                                        │        ▲                     │
//!                          can_use_tool ─┘        └─ control_response   └ Idle
//! ```
//!
//! Owns the order of a conversation and its verdict. Must not know how the program is started (agent/native/claude).
//! A 401 is retried by the program for minutes: it is interrupted instead, and what it then says about its end is not
//! believed. A person's answer takes as long as it takes: the program waits (330 s seen, no timeout known).

mod asks;
mod deed;
mod judge;
mod meter;
mod plan;
mod said;

use super::ear::{Ear, Heard};
use super::verdict::{SESSION_GONE, SIGNED_OUT, Verdict, outcome};
use super::words::text;
use crate::adapter::{End, Outcome, Reply, Step, told};
use crate::command::ended;
use asks::Asks;
use judge::{denied_unasked, failed_by, hopeless, judge, plan, refused, retry};
use meter::Meter;
use ostler_core::event::{Event, Stream};
use said::Calls;
use serde_json::{Value, json};

/// The name of our first request.
const HELLO: &str = "hello";

/// One process of Claude Code, from its first byte to its end.
#[derive(Debug, Default)]
pub(crate) struct Control {
    ear: Ear,
    asks: Asks,
    calls: Calls,
    meter: Meter,
    directory: String,
    resumed: bool,
    session: String,
    verdict: Option<Verdict>,
    /// True once its provider refused for longer than it is worth to wait: the verdict stands.
    given_up: bool,
    /// The last refused call of its model, when none was answered since: all there is when it is killed while it retries.
    refused: Option<Verdict>,
    interrupts: u32,
}

impl Control {
    /// For a process that works in `directory`, and goes on with an earlier session when `resumed`.
    pub(crate) fn new(directory: String, resumed: bool) -> Self {
        Self { directory, resumed, ..Self::default() }
    }

    /// What its standard input begins with.
    pub(crate) fn hello(prompt: &str) -> Vec<u8> {
        let request = json!({"subtype": "initialize", "hooks": null});
        let mut bytes = line(&json!({"type": "control_request", "request_id": HELLO, "request": request}));
        bytes.extend(user(prompt));
        bytes
    }

    pub(crate) fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        let heard = self.ear.hear(stream, bytes);
        heard.into_iter().flat_map(|heard| self.heard(heard)).collect()
    }

    pub(crate) fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        self.asks.answered(key, reply)
    }

    /// None once it is given up: it could not do what it is asked.
    pub(crate) fn prompt(&mut self, words: &str) -> Option<Vec<Step>> {
        if self.given_up {
            return None;
        }
        self.verdict = None;
        Some(vec![Step::Send(user(words))])
    }

    pub(crate) fn interrupt(&mut self) -> Vec<Step> {
        self.interrupts += 1;
        let id = format!("interrupt-{}", self.interrupts);
        let request = json!({"type": "control_request", "request_id": id, "request": {"subtype": "interrupt"}});
        vec![Step::Send(line(&request))]
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.calls.in_flight()
    }

    pub(crate) fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let rest = self.ear.rest();
        let steps = rest.into_iter().flat_map(|heard| self.heard(heard));
        let mut events: Vec<Event> =
            steps.filter_map(|step| if let Step::Event(event) = step { Some(event) } else { None }).collect();
        events.extend(self.ear.finish());
        events.extend(self.meter.rest().map(Event::Usage));
        events.push(ended(end));
        (events, outcome(self.verdict.take().or(self.refused.take()), end))
    }

    fn heard(&mut self, heard: Heard) -> Vec<Step> {
        let (object, whole) = match heard {
            Heard::Noise(events) => return told(events),
            Heard::Object(object, whole) => (object, whole),
        };
        let mut steps = Vec::new();
        if !self.object(&object, &mut steps) {
            steps.extend(told(self.ear.keep(whole)));
        }
        steps
    }

    /// False when there is something in it for which there is no word.
    fn object(&mut self, object: &Value, steps: &mut Vec<Step>) -> bool {
        let mut events = Vec::new();
        let known = match text(object, "/type") {
            "assistant" => {
                self.meter.message(&object["message"]);
                self.refused = None;
                self.calls.assistant(&object["message"], &mut events)
            }
            "user" => self.calls.user(object, &mut events),
            "rate_limit_event" => {
                events.extend(plan(object));
                !events.is_empty()
            }
            "control_response" => responded(object, &mut events),
            "system" => return self.system(object, steps),
            "result" => return self.turn_ended(object, steps),
            "control_request" => return self.requested(object, steps),
            "control_cancel_request" => {
                steps.extend(self.asks.withdrawn(text(object, "/request_id")));
                true
            }
            // Signs of life, which say nothing that is not said elsewhere.
            "keep_alive" | "tool_progress" => true,
            _ => false,
        };
        steps.extend(told(events));
        known
    }

    fn system(&mut self, object: &Value, steps: &mut Vec<Step>) -> bool {
        match text(object, "/subtype") {
            "init" => steps.extend(self.begun(text(object, "/session_id"))),
            "api_retry" => steps.extend(self.retried(object)),
            "compact_boundary" => {
                steps.push(Step::Event(Event::Notice("the agent compacted its conversation".to_owned())));
            }
            "status" => steps.extend(status(object)),
            // It counts while it thinks; the thought is said when it is whole.
            "thinking_tokens" => {}
            _ => return false,
        }
        true
    }

    /// It says so at the beginning of every turn; a resumed session may go on under another name.
    fn begun(&mut self, session: &str) -> Vec<Step> {
        if session.is_empty() || session == self.session {
            return Vec::new();
        }
        session.clone_into(&mut self.session);
        let id: String = session.chars().take(128).collect();
        vec![Step::Event(Event::Session { id: id.clone(), resumed: self.resumed }), Step::Session(id)]
    }

    fn retried(&mut self, object: &Value) -> Vec<Step> {
        if self.given_up {
            return Vec::new();
        }
        let mut steps = vec![Step::Event(retry(object))];
        self.refused = refused(object);
        if let Some(verdict) = hopeless(object) {
            self.given_up = true;
            self.verdict = Some(verdict);
            steps.extend(self.interrupt());
        }
        steps
    }

    fn requested(&mut self, object: &Value, steps: &mut Vec<Step>) -> bool {
        let (id, request) = (text(object, "/request_id"), &object["request"]);
        if text(request, "/subtype") == "can_use_tool" {
            steps.extend(self.asks.asked(id, request, &self.directory));
            return true;
        }
        let error = json!({"subtype": "error", "request_id": id, "error": "this client does not know this request"});
        steps.push(Step::Send(line(&json!({"type": "control_response", "response": error}))));
        false
    }

    fn turn_ended(&mut self, result: &Value, steps: &mut Vec<Step>) -> bool {
        let verdict = judge(result);
        let gone = verdict.is(SESSION_GONE);
        let mut events = denied_unasked(result, |call| self.asks.was_denied(call));
        events.extend(self.meter.result(result).map(Event::Usage));
        if !self.given_up {
            events.extend(failed_by(&verdict, result));
            self.given_up = verdict.is(SIGNED_OUT);
            self.verdict = Some(verdict);
        }
        let reason =
            [text(result, "/terminal_reason"), text(result, "/subtype")].into_iter().find(|why| !why.is_empty());
        events.push(Event::TurnEnded { reason: reason.unwrap_or("result").chars().take(64).collect() });
        steps.extend(self.asks.all_withdrawn());
        self.asks.forget();
        steps.extend(told(self.calls.cut()));
        steps.extend(told(events));
        // A process whose session is gone ends by itself; it would not take another prompt.
        steps.extend((!gone).then_some(Step::Idle));
        true
    }
}

/// What it does besides asking its model.
fn status(object: &Value) -> Option<Step> {
    let words = match (text(object, "/status"), text(object, "/permissionMode")) {
        ("compacting", _) => "the agent compacts its conversation".to_owned(),
        (_, "") => return None,
        (_, mode) => format!("the agent's permission mode is {}", mode.chars().take(64).collect::<String>()),
    };
    Some(Step::Event(Event::Notice(words)))
}

/// The answer to a request of ours: only a refusal is worth a word.
fn responded(object: &Value, events: &mut Vec<Event>) -> bool {
    let refused = text(object, "/response/subtype") == "error";
    if refused {
        let words: String = text(object, "/response/error").chars().take(2_000).collect();
        events.push(Event::Failed(format!("the agent refused a request: {words}")));
    }
    refused || text(object, "/response/subtype") == "success"
}

fn user(words: &str) -> Vec<u8> {
    let message = json!({"role": "user", "content": words});
    line(&json!({"type": "user", "message": message, "parent_tool_use_id": null, "session_id": ""}))
}

fn line(object: &Value) -> Vec<u8> {
    let mut bytes = object.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(control: &mut Control, object: &Value) -> Vec<Step> {
        control.feed(Stream::Out, &line(object))
    }

    #[test]
    fn a_turn_that_ends_leaves_no_question_and_no_call_behind() {
        let mut control = Control::new("/srv".to_owned(), false);
        let called = json!({"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "make"}});
        feed(&mut control, &json!({"type": "assistant", "message": {"content": [called]}}));
        let request = json!({"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "make"}});
        feed(&mut control, &json!({"type": "control_request", "request_id": "r", "request": request}));
        assert_eq!(control.in_flight(), 1);
        let steps = feed(&mut control, &json!({"type": "result", "is_error": false, "result": "done"}));
        assert_eq!(steps[0], Step::Withdraw("r#0".to_owned()));
        assert!(matches!(&steps[1], Step::Event(Event::ToolEnded { ok: false, .. })));
        assert_eq!((steps.last(), control.in_flight()), (Some(&Step::Idle), 0));
        assert_eq!(control.reply("r#0", &Reply::Deny { text: String::new() }), []);
    }

    #[test]
    fn a_request_nobody_here_knows_is_refused_and_kept() {
        let mut control = Control::default();
        let asked = json!({"type": "control_request", "request_id": "r", "request": {"subtype": "sing"}});
        let steps = feed(&mut control, &asked);
        let [Step::Send(answer), Step::Event(Event::Raw(kept))] = &steps[..] else { panic!("{steps:?}") };
        let answer: Value = serde_json::from_slice(answer).expect("JSON");
        assert_eq!((&answer["response"]["subtype"], &answer["response"]["request_id"]), (&json!("error"), &json!("r")));
        assert_eq!(serde_json::from_slice::<Value>(kept).expect("JSON"), asked);
    }

    #[test]
    fn a_provider_that_refuses_for_long_is_not_waited_for() {
        let mut control = Control::default();
        let retry = |status: u64, delay: u64| json!({"type": "system", "subtype": "api_retry", "error_status": status, "retry_delay_ms": delay});
        assert_eq!(feed(&mut control, &retry(429, 5_000)).len(), 1);
        let steps = feed(&mut control, &retry(429, 3_600_000));
        assert!(matches!(steps[..], [Step::Event(Event::Limit { .. }), Step::Send(_)]));
        feed(&mut control, &json!({"type": "result", "is_error": true, "terminal_reason": "aborted_streaming"}));
        assert_eq!(control.prompt("more"), None);
        let (_, outcome) = control.end(End { code: Some(1), signal: None });
        let Outcome::Failed { failure, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((failure.code.as_str(), failure.retry_after_ms), ("provider limit", Some(3_600_000)));
    }
}
