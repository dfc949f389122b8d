//! The Agent Client Protocol, version 1, from the client's side: the adapter of every agent that speaks it.
//!
//! ```text
//! initialize ─▶ session/new | session/resume | session/load ─▶ mode, model ─▶ session/prompt ─▶ answer ─▶ Idle
//!                    └ not signed in ─▶ authenticate, once        │                ▲    │             │
//!                    └ the session is gone ─▶ session/new         │                │    └ cancel      │
//!                                                 refused ─▶ Over ┘                └── prompt() ──────┘
//! updates ─▶ events        permission, elicitation ─▶ Ask ─▶ reply()        any other request ─▶ -32601
//! ```
//!
//! Owns the conversation and who waits for what. Files and terminals are never offered to an agent: it works with its
//! own hands, where the sandbox sees them. Must not know any particular agent: a [`Profile`] says where one bends the
//! protocol. Read against the schema 1.15 and the programs in docs/agents.md.

mod asking;
mod calls;
mod deed;
mod diff;
mod meter;
mod opening;
pub(crate) mod profile;
mod question;
mod speech;
mod turn;
mod update;

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Reply, Step, told};
use crate::catalog::entry::Entry;
use crate::codec::ear::{Ear, Heard};
use crate::codec::jsonrpc::{self, Incoming};
use crate::codec::verdict::Verdict;
use crate::command::ended;
use crate::environment::{environment, overlaid, program};
use asking::Asking;
use calls::Calls;
use meter::Meter;
use opening::Opening;
use ostler_core::event::{Event, Stream};
use ostler_core::task::{Task, Work};
use profile::{Model, Outfit, Profile};
use serde_json::{Value, json};
use speech::Speech;
use std::collections::BTreeMap;
use turn::Turn;

/// One conversation.
pub(crate) struct Acp {
    entry: &'static Entry,
    profile: &'static Profile,
    ear: Ear,
    wire: Wire,
    stage: Stage,
    history: History,
    opening: Opening,
    session: String,
    speech: Speech,
    calls: Calls,
    meter: Meter,
    asking: Asking,
    verdict: Option<Verdict>,
}

/// How far the conversation is.
#[derive(Debug)]
enum Stage {
    /// Until the first prompt is sent.
    Opening,
    /// A prompt is being worked on.
    Turn(Turn),
    /// Waits for a prompt.
    Idle,
    /// Refused to begin; nothing more will come.
    Over,
}

/// Whether updates tell of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum History {
    /// They tell of now.
    None,
    /// Until the answer to `session/load`.
    UntilLoaded,
    /// Until the list of commands, or something that cannot be of the past.
    UntilCommands,
}

/// A request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Hello,
    SignIn,
    New,
    Load,
    Resume,
    Mode,
    Model,
    Prompt,
    /// Whatever comes of it.
    Aside,
}

/// Requests that wait for their answers.
#[derive(Debug, Default)]
struct Wire {
    last: u64,
    awaited: BTreeMap<u64, Sent>,
}

impl Wire {
    fn request(&mut self, sent: Sent, method: &str, params: &Value) -> Vec<u8> {
        self.last += 1;
        self.awaited.insert(self.last, sent);
        jsonrpc::request(self.last, method, params)
    }
}

impl Acp {
    pub(crate) fn new(entry: &'static Entry, profile: &'static Profile) -> Self {
        Self {
            entry,
            profile,
            ear: Ear::default(),
            wire: Wire::default(),
            stage: Stage::Opening,
            history: History::None,
            opening: Opening::default(),
            session: String::new(),
            speech: Speech::default(),
            calls: Calls::default(),
            meter: Meter::new(profile.usage),
            asking: Asking::default(),
            verdict: None,
        }
    }

    fn heard(&mut self, heard: Heard, out: &mut Vec<Step>) {
        match heard {
            Heard::Noise(events) => out.extend(told(events)),
            Heard::Object(mut message, line) => {
                if !self.message(&mut message, out) {
                    self.quiet(out);
                    out.extend(told(self.ear.keep(line)));
                }
            }
        }
    }

    /// True when the message was understood.
    fn message(&mut self, message: &mut Value, out: &mut Vec<Step>) -> bool {
        match jsonrpc::read(message) {
            Some(Incoming::Answer { id, result }) => match self.wire.awaited.remove(&id) {
                Some(sent) => {
                    self.answered(sent, result, out);
                    true
                }
                None => false,
            },
            Some(Incoming::Request { id, method, params }) => self.requested(&id, &method, &params, out),
            Some(Incoming::Notice { method, params }) => match method.as_str() {
                "session/update" => self.update(&params, out),
                "$/cancel_request" => self.withdrawn(&params, out),
                "elicitation/complete" => true,
                _ => false,
            },
            None => false,
        }
    }

    /// Tells what was said and is still held: something else comes next.
    fn quiet(&mut self, out: &mut Vec<Step>) {
        let mut events = Vec::new();
        self.speech.finish(&mut events);
        out.extend(told(events));
    }

    fn argv(&self, task: &Task, context: &LaunchContext, outfit: &mut Outfit) -> Vec<String> {
        let mut argv = vec![program(self.entry, context)];
        argv.extend(self.profile.args.iter().map(|arg| (*arg).to_owned()));
        argv.append(&mut outfit.args);
        match (&task.model, self.profile.model) {
            (Some(model), Model::Argument(name)) => argv.extend([name.to_owned(), model.clone()]),
            (Some(model), Model::Variable(name)) => outfit.env.push((name.to_owned(), model.clone())),
            (Some(_), Model::Session) | (None, _) => {}
        }
        argv
    }
}

impl Adapter for Acp {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        if let Work::Command(_) = task.work {
            return Err(LaunchError::WantsPrompt(self.entry.name));
        }
        let mut outfit = Outfit::default();
        (self.profile.outfit)(task, context, &mut outfit);
        let argv = self.argv(task, context, &mut outfit);
        outfit.env.extend(self.profile.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let env = overlaid(environment(context, &task.env, false)?, outfit.env);
        let model = task.model.clone().filter(|_| self.profile.model == Model::Session && !outfit.knows_model);
        self.opening = Opening::new(context, model);
        let hello = self.wire.request(Sent::Hello, "initialize", &opening::hello());
        let input = Input::Open(hello);
        Ok(Launch::Process(Process { argv, env, terminal: None, input, files: outfit.files }))
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        let mut out = Vec::new();
        for heard in self.ear.hear(stream, bytes) {
            self.heard(heard, &mut out);
        }
        out
    }

    fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        let mut out = Vec::new();
        self.replied(key, reply, &mut out);
        out
    }

    fn prompt(&mut self, text: &str) -> Option<Vec<Step>> {
        if !matches!(self.stage, Stage::Idle) {
            return None;
        }
        let mut out = Vec::new();
        self.begin(text, &mut out);
        Some(out)
    }

    fn interrupt(&mut self) -> Option<Vec<Step>> {
        let Stage::Turn(turn) = &mut self.stage else { return None };
        turn.cancelled = true;
        let cancel = jsonrpc::notice("session/cancel", &json!({ "sessionId": self.session }));
        let mut out = vec![Step::Send(cancel)];
        for (key, id) in self.asking.drain() {
            out.push(Step::Send(asking::cancelled(&id)));
            out.push(Step::Withdraw(key));
        }
        Some(out)
    }

    fn in_flight(&self) -> usize {
        self.calls.open().count()
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let mut out = Vec::new();
        if let Some(heard) = self.ear.rest() {
            self.heard(heard, &mut out);
        }
        self.quiet(&mut out);
        let mut events: Vec<Event> =
            out.into_iter().filter_map(|step| if let Step::Event(event) = step { Some(event) } else { None }).collect();
        events.extend(self.meter.take());
        events.extend(self.ear.finish());
        events.push(ended(end));
        (events, self.judged(end))
    }
}
