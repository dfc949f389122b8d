//! Codex's app-server: JSON-RPC over pipes (read against 0.169.0).
//!
//! ```text
//!  initialize ─▶ account/read ─▶ thread/resume ──gone──▶ thread/start ─▶ turn/start ─▶ item/…, turn/completed ─▶ turn/start …
//!                      └ nobody: given up                                       requestApproval ─▶ accept | decline
//! ```
//!
//! Owns the order of a conversation and its verdict. Must not know how the program is started (agent/native/codex). A
//! thread that is gone is begun anew in the same process, with the brief that was given for it. A 401 is retried by the
//! program; it is interrupted instead.

mod asks;
mod item;
mod judge;
mod meter;
mod unquote;

use super::ear::{Ear, Heard};
use super::jsonrpc::{self, Fault, Incoming, METHOD_NOT_FOUND};
use super::verdict::{Verdict, outcome};
use super::words::{clipped, list, sentence, text};
use crate::adapter::{End, Outcome, Reply, Resume, Step, told};
use crate::command::ended;
use asks::{Asks, Scene};
use item::Items;
use meter::Meter;
use ostler_core::event::{Event, PlanEntry, PlanState, Stream};
use ostler_core::failure::FailureClass;
use ostler_core::usage::{LimitKind, Reset};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Steps of a plan that are told.
const PLAN_MAX: usize = 200;
/// Requests of ours that may be unanswered; the oldest is forgotten then.
const SENT_MAX: usize = 64;
/// Notifications it need not send: what they tell piecemeal is told whole by `item/completed`.
const UNWANTED: [&str; 9] = [
    "item/agentMessage/delta",
    "item/commandExecution/outputDelta",
    "item/fileChange/outputDelta",
    "item/fileChange/patchUpdated",
    "item/plan/delta",
    "item/reasoning/summaryPartAdded",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
    "turn/diff/updated",
];

/// What an app-server is asked to do.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// What it is asked first.
    pub(crate) prompt: String,
    /// The thread to go on with.
    pub(crate) resume: Option<Resume>,
    /// The model, if not its own choice.
    pub(crate) model: Option<String>,
    /// Where it works.
    pub(crate) directory: String,
}

/// A request of ours that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Initialize,
    Account,
    Resume,
    Start,
    Turn,
    /// Nothing follows from its answer.
    Aside,
}

/// One process of `codex app-server`, from its first byte to its end.
#[derive(Debug, Default)]
pub(crate) struct AppServer {
    ear: Ear,
    asks: Asks,
    items: Items,
    meter: Meter,
    wish: Wish,
    sent: BTreeMap<u64, Sent>,
    last_id: u64,
    thread: String,
    turn: String,
    resets: Option<Reset>,
    verdict: Option<Verdict>,
    /// True once it can do no more: the verdict stands.
    given_up: bool,
}

impl AppServer {
    /// An app-server, and what its standard input begins with.
    pub(crate) fn new(wish: Wish) -> (Self, Vec<u8>) {
        let mut server = Self { wish, ..Self::default() };
        let client = json!({"name": "ostler", "title": "Ostler", "version": env!("CARGO_PKG_VERSION")});
        let capabilities =
            json!({"experimentalApi": true, "requestAttestation": false, "optOutNotificationMethods": UNWANTED});
        let params = json!({"clientInfo": client, "capabilities": capabilities});
        let bytes = server.request(Sent::Initialize, "initialize", &params);
        (server, bytes)
    }

    pub(crate) fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        let heard = self.ear.hear(stream, bytes);
        heard.into_iter().flat_map(|heard| self.heard(heard)).collect()
    }

    /// Its protocol has no place for words beside a decision: they are given to the turn that waits for it.
    pub(crate) fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        let Some(decided) = self.asks.answered(key, reply) else { return Vec::new() };
        let words = match reply {
            Reply::Deny { text } if !text.is_empty() => format!("The person who decides denied this: {text}"),
            Reply::Deny { .. } | Reply::Allow { .. } => return decided,
        };
        let params = json!({"threadId": self.thread, "expectedTurnId": self.turn, "input": input(&words)});
        let mut steps = vec![Step::Send(self.request(Sent::Aside, "turn/steer", &params))];
        steps.extend(decided);
        steps
    }

    /// None while it has no thread, and once it has given up.
    pub(crate) fn prompt(&mut self, words: &str) -> Option<Vec<Step>> {
        if self.given_up || self.thread.is_empty() {
            return None;
        }
        self.verdict = None;
        Some(vec![self.begin(words)])
    }

    /// Its turn ends; a command that runs goes on until the process ends, so that its terminals are closed too.
    /// None while no turn runs.
    pub(crate) fn interrupt(&mut self) -> Option<Vec<Step>> {
        if self.turn.is_empty() {
            return None;
        }
        let turn = json!({"threadId": self.thread, "turnId": self.turn});
        let thread = json!({"threadId": self.thread});
        Some(vec![
            Step::Send(self.request(Sent::Aside, "turn/interrupt", &turn)),
            Step::Send(self.request(Sent::Aside, "thread/backgroundTerminals/clean", &thread)),
        ])
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.items.in_flight()
    }

    pub(crate) fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let rest = self.ear.rest();
        let steps = rest.into_iter().flat_map(|heard| self.heard(heard));
        let mut events: Vec<Event> =
            steps.filter_map(|step| if let Step::Event(event) = step { Some(event) } else { None }).collect();
        events.extend(self.ear.finish());
        events.push(ended(end));
        (events, outcome(self.verdict.take(), end))
    }

    fn heard(&mut self, heard: Heard) -> Vec<Step> {
        let (mut object, whole) = match heard {
            Heard::Noise(events) => return told(events),
            Heard::Object(object, whole) => (object, whole),
        };
        let mut steps = Vec::new();
        let known = match jsonrpc::read(&mut object) {
            Some(Incoming::Request { id, method, params }) => self.requested(&id, &method, &params, &mut steps),
            Some(Incoming::Notice { method, params }) => self.noticed(&method, &params, &mut steps),
            Some(Incoming::Answer { id, result }) => self.answered(id, result, &mut steps),
            None => false,
        };
        if !known {
            steps.extend(told(self.ear.keep(whole)));
        }
        steps
    }

    fn requested(&mut self, id: &Value, method: &str, params: &Value, steps: &mut Vec<Step>) -> bool {
        let scene = Scene { items: &self.items, directory: &self.wish.directory };
        let asked = self.asks.asked(id, method, params, scene);
        let known = asked.is_some();
        let refusal =
            || vec![Step::Send(jsonrpc::refusal(id, METHOD_NOT_FOUND, "this client does not know this request"))];
        steps.extend(asked.unwrap_or_else(refusal));
        known
    }

    fn answered(&mut self, id: u64, result: Result<Value, Fault>, steps: &mut Vec<Step>) -> bool {
        let Some(sent) = self.sent.remove(&id) else { return false };
        match (sent, result) {
            (Sent::Initialize, Ok(_)) => steps.extend(self.greet()),
            (Sent::Account, Ok(account)) if is_signed_out(&account) => {
                let message = "it is not signed in: unauthorized".to_owned();
                steps.extend(self.give_up(&Fault { message, ..Fault::default() }));
            }
            (Sent::Account, _) => steps.push(self.open()),
            (Sent::Resume | Sent::Start, Ok(result)) => steps.extend(self.opened(sent, text(&result, "/thread/id"))),
            (Sent::Resume, Err(fault)) => steps.extend(self.afresh(&fault)),
            (Sent::Turn, Ok(result)) => text(&result, "/turn/id").clone_into(&mut self.turn),
            (Sent::Initialize | Sent::Start | Sent::Turn, Err(fault)) => steps.extend(self.give_up(&fault)),
            (Sent::Aside, _) => {}
        }
        true
    }

    /// The greeting is over. Whether it is signed in is asked first: otherwise it would try for minutes to reach its model.
    fn greet(&mut self) -> Vec<Step> {
        let greeting = jsonrpc::notice("initialized", &json!({}));
        let account = self.request(Sent::Account, "account/read", &json!({}));
        vec![Step::Send(greeting), Step::Send(account)]
    }

    /// The thread is asked for.
    fn open(&mut self) -> Step {
        let mut params = self.terms();
        let Some(resume) = &self.wish.resume else {
            return Step::Send(self.request(Sent::Start, "thread/start", &params));
        };
        params["threadId"] = Value::String(resume.session.clone());
        params["excludeTurns"] = Value::Bool(true);
        Step::Send(self.request(Sent::Resume, "thread/resume", &params))
    }

    /// What a thread works under. `untrusted` asks before every change and every command, `ls` too as it was seen;
    /// it can be said here alone, and no longer in a settings file.
    fn terms(&self) -> Value {
        json!({
            "cwd": self.wish.directory,
            "approvalPolicy": "untrusted",
            "approvalsReviewer": "user",
            "sandbox": "workspace-write",
            "model": self.wish.model,
        })
    }

    /// The thread to be resumed is gone.
    fn afresh(&mut self, fault: &Fault) -> Vec<Step> {
        if let Some(resume) = self.wish.resume.take() {
            self.wish.prompt = resume.otherwise;
        }
        let notice =
            Event::Notice(format!("the session could not be resumed, a new one begins: {}", sentence(&fault.words())));
        let params = self.terms();
        vec![Step::Event(notice), Step::Send(self.request(Sent::Start, "thread/start", &params))]
    }

    fn opened(&mut self, sent: Sent, thread: &str) -> Vec<Step> {
        self.thread = thread.chars().take(128).collect();
        let session = Event::Session { id: self.thread.clone(), resumed: sent == Sent::Resume };
        let prompt = std::mem::take(&mut self.wish.prompt);
        vec![Step::Event(session), Step::Session(self.thread.clone()), self.begin(&prompt)]
    }

    /// What it was asked cannot be done at all.
    fn give_up(&mut self, fault: &Fault) -> Vec<Step> {
        let error = json!({"message": fault.words()});
        self.given_up = true;
        self.verdict = Some(judge::failed(&error, self.resets));
        vec![Step::Event(judge::told(&error, self.resets)), Step::Idle]
    }

    fn noticed(&mut self, method: &str, params: &Value, steps: &mut Vec<Step>) -> bool {
        let mut events = Vec::new();
        let known = match method {
            "item/started" => self.items.started(&params["item"], &mut events),
            "item/completed" => self.items.completed(&params["item"], &mut events),
            "turn/started" if self.ours(params) => {
                text(params, "/turn/id").clone_into(&mut self.turn);
                true
            }
            "turn/completed" if self.ours(params) => return self.turn_ended(&params["turn"], steps),
            "turn/plan/updated" => {
                events.push(plan(list(params, "/plan")));
                true
            }
            "thread/tokenUsage/updated" => {
                let ours = !self.turn.is_empty() && text(params, "/turnId") == self.turn;
                events.extend(self.meter.updated(&params["tokenUsage"], ours).map(Event::Usage));
                true
            }
            "account/rateLimits/updated" => {
                self.resets = judge::resets(&params["rateLimits"]).or(self.resets);
                true
            }
            "error" => {
                steps.extend(self.troubled(params));
                true
            }
            "serverRequest/resolved" => {
                steps.extend(self.asks.withdrawn(&params["requestId"]));
                true
            }
            "warning" | "guardianWarning" | "configWarning" => {
                let words = [text(params, "/message"), text(params, "/summary")].concat();
                events.push(Event::Notice(clipped(&words, 4_096)));
                true
            }
            other => quiet(other),
        };
        steps.extend(told(events));
        known
    }

    /// A subagent's thread is told of too, but its turns are not the run's.
    fn ours(&self, params: &Value) -> bool {
        text(params, "/threadId") == self.thread
    }

    fn troubled(&mut self, params: &Value) -> Vec<Step> {
        if self.given_up {
            return Vec::new();
        }
        let (error, retries) = (&params["error"], params["willRetry"] == Value::Bool(true));
        let mut steps = vec![Step::Event(judge::told(error, self.resets))];
        let signed_out = judge::refused(error, None).is_some_and(|refusal| refusal.kind == LimitKind::SignIn);
        if signed_out && retries {
            self.given_up = true;
            self.verdict = Some(judge::failed(error, self.resets));
            steps.extend(self.interrupt().unwrap_or_default());
        }
        steps
    }

    fn turn_ended(&mut self, turn: &Value, steps: &mut Vec<Step>) -> bool {
        let status = text(turn, "/status");
        let words = self.items.last_words();
        let verdict = match status {
            "completed" => Verdict::Done(words),
            "interrupted" => Verdict::not(FailureClass::Agent, "interrupted", "the agent was interrupted"),
            _ => judge::failed(&turn["error"], self.resets),
        };
        if !self.given_up {
            self.given_up = verdict.is(super::verdict::SIGNED_OUT);
            self.verdict = Some(verdict);
        }
        self.turn.clear();
        steps.extend(self.asks.all_withdrawn());
        steps.extend(told(self.items.cut()));
        steps.push(Step::Event(Event::TurnEnded { reason: status.chars().take(64).collect() }));
        steps.push(Step::Idle);
        true
    }

    fn begin(&mut self, words: &str) -> Step {
        let params = json!({"threadId": self.thread, "input": input(words)});
        Step::Send(self.request(Sent::Turn, "turn/start", &params))
    }

    fn request(&mut self, sent: Sent, method: &str, params: &Value) -> Vec<u8> {
        self.last_id += 1;
        self.sent.insert(self.last_id, sent);
        if self.sent.len() > SENT_MAX {
            self.sent.pop_first();
        }
        jsonrpc::request(self.last_id, method, params)
    }
}

/// `account/read`: nobody is signed in, and the provider wants somebody.
fn is_signed_out(account: &Value) -> bool {
    account["account"].is_null() && account["requiresOpenaiAuth"] == Value::Bool(true)
}

fn input(words: &str) -> Value {
    json!([{"type": "text", "text": words}])
}

fn plan(steps: &[Value]) -> Event {
    let entry = |step: &Value| PlanEntry {
        text: clipped(text(step, "/step"), 512),
        state: match text(step, "/status") {
            "inProgress" => PlanState::Active,
            "completed" => PlanState::Done,
            _ => PlanState::Pending,
        },
    };
    Event::Plan(steps.iter().take(PLAN_MAX).map(entry).collect())
}

/// Notifications that say nothing of the run, or nothing that is not said elsewhere.
fn quiet(method: &str) -> bool {
    UNWANTED.contains(&method)
        || ["thread/", "account/", "app/", "skills/", "remoteControl/", "mcpServer/startupStatus/"]
            .iter()
            .any(|room| method.starts_with(room))
        || matches!(
            method,
            "turn/started" | "turn/completed" | "deprecationNotice" | "item/commandExecution/terminalInteraction"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An app-server whose thread and turn have begun.
    fn begun() -> AppServer {
        let (mut server, _) = AppServer::new(Wish::default());
        for (id, result) in [
            (1, json!({})),
            (2, json!({"account": null, "requiresOpenaiAuth": false})),
            (3, json!({"thread": {"id": "t"}})),
            (4, json!({"turn": {"id": "u"}})),
        ] {
            feed(&mut server, &json!({"id": id, "result": result}));
        }
        server
    }

    fn feed(server: &mut AppServer, object: &Value) -> Vec<Step> {
        server.feed(Stream::Out, format!("{object}\n").as_bytes())
    }

    fn ended(thread: &str) -> Value {
        json!({"method": "turn/completed", "params": {"threadId": thread, "turn": {"id": "u", "status": "completed"}}})
    }

    #[test]
    fn the_end_of_a_subagents_turn_is_not_the_runs() {
        let mut server = begun();
        assert_eq!(feed(&mut server, &ended("another")), []);
        assert_eq!(feed(&mut server, &ended("t")).last(), Some(&Step::Idle));
        assert!(server.interrupt().is_none(), "no turn runs");
        assert!(server.prompt("more").is_some());
    }

    #[test]
    fn a_turn_that_ends_leaves_no_question_behind() {
        let mut server = begun();
        let params = json!({"itemId": "i", "command": "/bin/bash -lc ls"});
        let asked = json!({"id": 0, "method": "item/commandExecution/requestApproval", "params": params});
        assert!(matches!(feed(&mut server, &asked)[..], [Step::Ask(_)]));
        assert_eq!(feed(&mut server, &ended("t"))[0], Step::Withdraw("0#0".to_owned()));
        assert_eq!(server.reply("0#0", &Reply::Deny { text: "late".to_owned() }), []);
    }

    #[test]
    fn a_request_nobody_here_knows_is_refused_and_kept() {
        let mut server = begun();
        let steps = feed(&mut server, &json!({"id": 5, "method": "currentTime/read", "params": {}}));
        let [Step::Send(answer), Step::Event(Event::Raw(_))] = &steps[..] else { panic!("{steps:?}") };
        let answer: Value = serde_json::from_slice(answer).expect("JSON");
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(5), &json!(METHOD_NOT_FOUND)));
    }
}
