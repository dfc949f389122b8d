//! What an agent asks: permissions and questions, and the answers it is given.
//!
//! ```text
//! session/request_permission ─▶ Action{deed of the call} ─┐                   ┌─▶ allow_once | reject_once
//! elicitation/create ─────────▶ Action{Question} ─────────┴▶ Ask ─▶ reply() ──┴─▶ accept{content} | decline
//!                                                             └─ tool ended, turn ended, $/cancel_request ─▶ Withdraw
//! ```
//!
//! Owns the correlation. An answer is for one action: an option that would answer later ones too is never chosen, and
//! who offers no other is denied.

use super::deed::Described;
use super::profile::Asks;
use super::question::Question;
use super::{Acp, History, Stage};
use crate::adapter::{Ask, Reply, Step, told};
use crate::codec::jsonrpc;
use crate::codec::words::{TOO_LARGE, clipped, list, text};
use ostler_core::deed::{Action, Deed};
use ostler_core::event::Event;
use ostler_core::limits::ASKING_MAX;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Bytes of a title.
const TITLE_BYTES_MAX: usize = 1_024;
/// Bytes of a list of actions.
const LIST_BYTES_MAX: usize = 16 * 1024;
/// What an agent reads that would stop at a denial without words.
const GO_ON: &str = "Go on with the task without it. If it cannot be done without, say so and why.";
/// Words of denials kept for the agent's next prompt.
const OWED_MAX: usize = 16;

/// What waits for an answer, by number.
#[derive(Debug, Default)]
pub(super) struct Asking {
    open: BTreeMap<u64, Open>,
    last: u64,
}

#[derive(Debug)]
struct Open {
    /// The request's id on the wire.
    id: Value,
    about: About,
}

#[derive(Debug)]
enum About {
    /// A tool call, what it does in a line, the option that means yes and the one that means no.
    Call { call: String, line: String, yes: Option<String>, no: Option<String> },
    /// A question to the person.
    Question(Question),
}

impl Asking {
    /// Everything that waits, as key and wire id; nothing waits any more.
    pub(super) fn drain(&mut self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.open).into_iter().map(|(key, open)| (key.to_string(), open.id)).collect()
    }

    /// The keys of what waits about the call `id`; it waits no more.
    pub(super) fn about(&mut self, id: &str) -> Vec<String> {
        self.forget(|open| matches!(&open.about, About::Call { call, .. } if call == id))
    }

    fn forget(&mut self, which: impl Fn(&Open) -> bool) -> Vec<String> {
        let keys: Vec<u64> = self.open.iter().filter(|(_, open)| which(open)).map(|(key, _)| *key).collect();
        keys.into_iter().filter(|key| self.open.remove(key).is_some()).map(|key| key.to_string()).collect()
    }

    fn add(&mut self, id: &Value, about: About) -> String {
        self.last += 1;
        self.open.insert(self.last, Open { id: id.clone(), about });
        self.last.to_string()
    }
}

/// The answer of a client that does not answer.
pub(super) fn cancelled(id: &Value) -> Vec<u8> {
    jsonrpc::answer(id, &json!({ "outcome": { "outcome": "cancelled" }, "action": "cancel" }))
}

impl Acp {
    /// A request of the agent's; false when it has no event of its own and is to be kept raw.
    pub(super) fn requested(&mut self, id: &Value, method: &str, params: &Value, out: &mut Vec<Step>) -> bool {
        match method {
            "session/request_permission" | "elicitation/create" => {
                // The same id again: the agent has given the first up.
                let again = self.asking.forget(|open| open.id == *id);
                out.extend(again.into_iter().map(Step::Withdraw));
                if self.history == History::UntilCommands {
                    self.history = History::None;
                }
                let listens = matches!(&self.stage, Stage::Turn(turn) if !turn.cancelled);
                if !listens || self.history != History::None || self.asking.open.len() == ASKING_MAX {
                    self.quiet(out);
                    out.push(Step::Send(cancelled(id)));
                    out.push(Step::Event(Event::Notice("the agent asked when nobody could answer: denied".to_owned())));
                } else if method == "elicitation/create" {
                    self.question(id, params, out);
                } else {
                    self.permission(id, params, out);
                }
                true
            }
            _ => {
                let words = format!("this client has no {}", clipped(method, 128));
                out.push(Step::Send(jsonrpc::refusal(id, jsonrpc::METHOD_NOT_FOUND, &words)));
                // Some try an editor's hands though none were offered, and then use their own.
                method.starts_with("fs/") || method.starts_with("terminal/")
            }
        }
    }

    /// `$/cancel_request`: the agent no longer waits.
    pub(super) fn withdrawn(&mut self, params: &Value, out: &mut Vec<Step>) -> bool {
        let id = params.get("requestId").unwrap_or(&Value::Null);
        let keys = self.asking.forget(|open| open.id == *id);
        out.extend(keys.into_iter().map(Step::Withdraw));
        true
    }

    fn permission(&mut self, id: &Value, params: &Value, out: &mut Vec<Step>) {
        self.quiet(out);
        let request = params.get("toolCall").unwrap_or(&Value::Null);
        let named = text(request, "/toolCallId");
        let call = match self.profile.asks {
            Asks::Exactly => named,
            _ if self.calls.knows(named) => named,
            Asks::Apart | Asks::Blindly => self.calls.latest(text(request, "/kind")).unwrap_or(named),
        };
        let call = clipped(call, 256);
        let mut events = Vec::new();
        let deed = match self.several() {
            Some(deed) => Some(deed),
            None => self.calls.asked(&call, self.tells(request), &mut events),
        };
        self.acted(&events);
        out.extend(told(events));
        let (yes, no) = self.options(params);
        if let Some((question, deed)) = Question::permission(params, yes.as_deref().unwrap_or_default()) {
            return self.inquire(id, question, deed, out);
        }
        let title = clipped(text(request, "/title"), TITLE_BYTES_MAX);
        let Some(deed) = deed else {
            out.push(Step::Event(Event::Notice(format!("denied, since nobody could read it: {title}"))));
            self.deny(id, &call, no, out);
            return self.owe(&title, TOO_LARGE);
        };
        let described = Described { kind: "", title: "", call: request };
        let directory = described.directory().unwrap_or_else(|| self.opening.directory().to_owned());
        let line = clipped(&deed.line(), TITLE_BYTES_MAX);
        let about = About::Call { call, line, yes, no };
        let key = self.asking.add(id, about);
        let action = Action::new(deed, &directory, &title);
        out.push(Step::Ask(Ask { key, action, patience_ms: self.profile.patience_ms }));
    }

    /// What a request says about its call: nothing at all, when it is blind and joined with a call that is known.
    fn tells<'a>(&self, request: &'a Value) -> &'a Value {
        let blind = self.profile.asks == Asks::Blindly && self.calls.open().next().is_some();
        if blind { &Value::Null } else { request }
    }

    /// All calls that are open, when one blind request is about more than one.
    fn several(&self) -> Option<Deed> {
        let deeds: Vec<&Deed> = self.calls.open().filter_map(|call| call.deed()).collect();
        if self.profile.asks != Asks::Blindly || deeds.len() < 2 {
            return None;
        }
        let lines: Vec<String> = deeds.iter().map(|deed| format!("{}: {}", deed.kind(), deed.line())).collect();
        Some(Deed::Other {
            tool: format!("{} actions at once", deeds.len()),
            input: clipped(&lines.join("\n"), LIST_BYTES_MAX),
        })
    }

    /// The options that mean yes and no, this once.
    fn options(&self, params: &Value) -> (Option<String>, Option<String>) {
        let options = list(params, "/options");
        let of_kind = |kind: &str| {
            let option = options.iter().find(|option| text(option, "/kind") == kind)?;
            Some(text(option, "/optionId").to_owned())
        };
        let named = self.profile.yes.filter(|yes| options.iter().any(|option| text(option, "/optionId") == *yes));
        (named.map(str::to_owned).or_else(|| of_kind("allow_once")), of_kind("reject_once"))
    }

    fn question(&mut self, id: &Value, params: &Value, out: &mut Vec<Step>) {
        self.quiet(out);
        match Question::form(params) {
            Some((question, deed)) => self.inquire(id, question, deed, out),
            None => {
                out.push(Step::Send(jsonrpc::answer(id, &json!({ "action": "decline" }))));
                let words = clipped(text(params, "/message"), TITLE_BYTES_MAX);
                out.push(Step::Event(Event::Notice(format!(
                    "a form that nobody can fill in here was declined: {words}"
                ))));
            }
        }
    }

    fn inquire(&mut self, id: &Value, question: Question, deed: Deed, out: &mut Vec<Step>) {
        let key = self.asking.add(id, About::Question(question));
        let action = Action::new(deed, self.opening.directory(), "");
        out.push(Step::Ask(Ask { key, action, patience_ms: self.profile.patience_ms }));
    }

    /// The decision about what waits under `key`.
    pub(super) fn replied(&mut self, key: &str, reply: &Reply, out: &mut Vec<Step>) {
        let Some(open) = key.parse().ok().and_then(|key: u64| self.asking.open.remove(&key)) else { return };
        match (open.about, reply) {
            (About::Call { yes: Some(yes), .. }, Reply::Allow { .. }) => out.push(Step::Send(selected(&open.id, &yes))),
            (About::Call { call, no, .. }, Reply::Allow { .. }) => {
                let words = "the agent offers no way to allow this once, only for ever: denied";
                out.push(Step::Event(Event::Notice(words.to_owned())));
                self.deny(&open.id, &call, no, out);
            }
            (About::Call { call, line, no, .. }, Reply::Deny { text }) => {
                self.deny(&open.id, &call, no, out);
                self.owe(&line, text);
            }
            (About::Question(question), reply) => {
                out.push(Step::Send(jsonrpc::answer(&open.id, &question.answer(reply))));
                if let Reply::Deny { text } = reply {
                    self.owe("a question", text);
                }
            }
        }
    }

    fn deny(&mut self, id: &Value, call: &str, no: Option<String>, out: &mut Vec<Step>) {
        out.push(Step::Send(no.map_or_else(|| cancelled(id), |no| selected(id, &no))));
        self.calls.deny(call);
        if let Stage::Turn(turn) = &mut self.stage {
            (turn.denied, turn.denied_ever) = (true, true);
        }
    }

    /// The agent reads `text` once its turn is over. One that gives up its turn after a denial is told to go on.
    fn owe(&mut self, title: &str, text: &str) {
        let text = if text.is_empty() && self.profile.denial_ends_turn { GO_ON } else { text };
        if let Stage::Turn(turn) = &mut self.stage
            && !text.is_empty()
            && turn.owed.len() < OWED_MAX
        {
            turn.owed.push(format!("This was denied: {title}\n{text}"));
        }
    }
}

fn selected(id: &Value, option: &str) -> Vec<u8> {
    jsonrpc::answer(id, &json!({ "outcome": { "outcome": "selected", "optionId": option } }))
}
