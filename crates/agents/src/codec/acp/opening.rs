//! From the first byte to the first prompt: versions, sign-in, the session, its mode and its model.
//!
//! Owns the way there. A session that is gone is not an error: a fresh one is asked with a brief instead.

use super::{Acp, History, Sent, Stage};
use crate::adapter::{LaunchContext, Resume, Step};
use crate::codec::jsonrpc::Fault;
use crate::codec::refusal;
use crate::codec::verdict::Verdict;
use crate::codec::words::{clipped, list, text};
use ostler_core::event::Event;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::usage::LimitKind;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// The version of the protocol spoken here.
const VERSION: u64 = 1;
/// "Authentication required": the protocol's own code.
const AUTH_REQUIRED: i64 = -32000;
/// Bytes of a session's name: it is kept in every later task that goes on with it.
const SESSION_BYTES_MAX: usize = 1_024;
/// Bytes of a refusal's words told to people.
const WORDS_BYTES_MAX: usize = 8 * 1024;

/// What is to be opened, and what is known of the other side.
#[derive(Debug, Default)]
pub(super) struct Opening {
    directory: String,
    prompt: String,
    resume: Option<Resume>,
    model: Option<String>,
    can_load: bool,
    can_resume: bool,
    tried_sign_in: bool,
    tuning: VecDeque<(Sent, &'static str, Value)>,
}

impl Opening {
    pub(super) fn new(context: &LaunchContext, model: Option<String>) -> Self {
        Self {
            directory: context.directory.display().to_string(),
            prompt: context.prompt.clone(),
            resume: context.resume.clone(),
            model,
            ..Self::default()
        }
    }

    /// Where the agent works.
    pub(super) fn directory(&self) -> &str {
        &self.directory
    }
}

/// The parameters of `initialize`: no files, no terminals.
pub(super) fn hello() -> Value {
    json!({
        "protocolVersion": VERSION,
        "clientCapabilities": {
            "fs": { "readTextFile": false, "writeTextFile": false },
            "terminal": false,
            "elicitation": { "form": {} },
        },
        // Not the release's: what an agent does shall not depend on it.
        "clientInfo": { "name": "ostler", "title": "Ostler", "version": "1" },
    })
}

impl Acp {
    /// An answer to one of our requests.
    pub(super) fn answered(&mut self, sent: Sent, result: Result<Value, Fault>, out: &mut Vec<Step>) {
        match (sent, result) {
            (Sent::Hello, Ok(result)) => self.greeted(&result, out),
            (Sent::SignIn, Ok(_)) => self.open(out),
            (Sent::Load, Ok(Value::Null)) if self.profile.only_loads => self.gone(sent, &Fault::default(), out),
            (Sent::New | Sent::Load | Sent::Resume, Ok(result)) => self.opened(sent, &result, out),
            (Sent::Mode | Sent::Model, Ok(_)) => self.tune(out),
            (Sent::Prompt, result) => self.turn_answered(result, out),
            (Sent::Aside, _) => {}
            (Sent::Load | Sent::Resume, Err(fault)) if !signed_out(&fault) => self.gone(sent, &fault, out),
            (Sent::New | Sent::Load | Sent::Resume, Err(fault)) if signed_out(&fault) => self.sign_in(&fault, out),
            (Sent::Mode, Err(fault)) => {
                let words = format!("the agent does not enter the mode in which it asks: {}", fault.words());
                self.over(Failure::new(FailureClass::Agent, "mode refused"), &words, out);
            }
            (Sent::Model, Err(fault)) => {
                let words = format!("the agent does not take this model: {}", fault.words());
                self.over(Failure::new(FailureClass::Task, "model refused"), &words, out);
            }
            (Sent::Hello | Sent::SignIn | Sent::New | Sent::Load | Sent::Resume, Err(fault)) => {
                self.refused(&fault, out)
            }
        }
    }

    fn greeted(&mut self, result: &Value, out: &mut Vec<Step>) {
        let version = result.get("protocolVersion").and_then(Value::as_u64);
        if version != Some(VERSION) {
            let words = format!("the agent speaks version {version:?} of the protocol, this release version {VERSION}");
            return self.over(Failure::new(FailureClass::Agent, "protocol version"), &words, out);
        }
        let can = |path: &str| result.pointer(path).is_some_and(|can| can.as_bool().unwrap_or(!can.is_null()));
        self.opening.can_load = can("/agentCapabilities/loadSession");
        self.opening.can_resume = can("/agentCapabilities/sessionCapabilities/resume") && !self.profile.only_loads;
        self.open(out);
    }

    fn open(&mut self, out: &mut Vec<Step>) {
        let opening = &self.opening;
        let (sent, method) = match &opening.resume {
            Some(_) if opening.can_resume => (Sent::Resume, "session/resume"),
            Some(_) if opening.can_load => (Sent::Load, "session/load"),
            Some(_) => return self.afresh("the agent cannot resume a session", out),
            None => (Sent::New, "session/new"),
        };
        self.history = if sent == Sent::Load { History::UntilLoaded } else { History::None };
        let mut params = json!({ "cwd": opening.directory, "mcpServers": [] });
        if let Some(resume) = &opening.resume {
            params["sessionId"] = json!(resume.session);
        }
        out.push(Step::Send(self.wire.request(sent, method, &params)));
    }

    /// The session cannot be had this way.
    fn gone(&mut self, sent: Sent, fault: &Fault, out: &mut Vec<Step>) {
        if sent == Sent::Resume && self.opening.can_load {
            self.opening.can_resume = false;
            return self.open(out);
        }
        let words = clipped(&fault.words(), WORDS_BYTES_MAX);
        let why = if words.is_empty() { String::new() } else { format!(" ({words})") };
        self.afresh(&format!("the agent's session is gone{why}"), out);
    }

    /// A fresh session with a brief, instead of the one that was to be resumed.
    fn afresh(&mut self, why: &str, out: &mut Vec<Step>) {
        if let Some(resume) = self.opening.resume.take() {
            self.opening.prompt = resume.otherwise;
        }
        out.push(Step::Event(Event::Notice(format!("{why}: it begins afresh, with a brief of what was done"))));
        self.open(out);
    }

    fn sign_in(&mut self, fault: &Fault, out: &mut Vec<Step>) {
        match self.profile.sign_in {
            Some(method) if !self.opening.tried_sign_in => {
                self.opening.tried_sign_in = true;
                let params = json!({ "methodId": method });
                out.push(Step::Send(self.wire.request(Sent::SignIn, "authenticate", &params)));
            }
            Some(_) | None => {
                let how = self.entry.sign_in.how;
                let hint = if how.is_empty() { String::new() } else { format!("; {how}") };
                let words = format!("{}{hint}", fault.words());
                let refusal = refusal::Refusal { kind: LimitKind::SignIn, reset: None };
                out.push(Step::Event(refusal.event(&clipped(&words, WORDS_BYTES_MAX))));
                self.close(refusal.failure(), &words, out);
            }
        }
    }

    fn opened(&mut self, sent: Sent, result: &Value, out: &mut Vec<Step>) {
        let resumed = self.opening.resume.take();
        let late = sent == Sent::Load && self.profile.late_history;
        self.history = if late { History::UntilCommands } else { History::None };
        self.session = match &resumed {
            Some(resume) => resume.session.clone(),
            None => text(result, "/sessionId").to_owned(),
        };
        if self.session.is_empty() || self.session.len() > SESSION_BYTES_MAX {
            let words = "the agent gave its session no usable name";
            return self.over(Failure::new(FailureClass::Agent, "no session"), words, out);
        }
        if resumed.is_some() {
            self.meter.resumed();
        }
        out.push(Step::Session(self.session.clone()));
        out.push(Step::Event(Event::Session { id: self.session.clone(), resumed: resumed.is_some() }));
        if let Err(words) = self.tuning(result) {
            return self.over(Failure::new(FailureClass::Agent, "mode missing"), &words, out);
        }
        self.tune(out);
    }

    /// What is to be set before the first prompt.
    fn tuning(&mut self, result: &Value) -> Result<(), String> {
        if let Some(mode) = self.profile.mode
            && let Some(modes) = result.pointer("/modes/availableModes").and_then(Value::as_array)
        {
            if !modes.iter().any(|one| text(one, "/id") == mode) {
                return Err(format!("the agent no longer has the mode `{mode}`, in which it asks before it acts"));
            }
            let params = json!({ "sessionId": self.session, "modeId": mode });
            self.opening.tuning.push_back((Sent::Mode, "session/set_mode", params));
        }
        if let Some(model) = self.opening.model.take() {
            let options = list(result, "/configOptions");
            let option =
                options.iter().find(|option| text(option, "/category") == "model").map(|option| text(option, "/id"));
            let (method, params) = match option {
                Some(id) => {
                    ("session/set_config_option", json!({ "sessionId": self.session, "configId": id, "value": model }))
                }
                None => ("session/set_model", json!({ "sessionId": self.session, "modelId": model })),
            };
            self.opening.tuning.push_back((Sent::Model, method, params));
        }
        Ok(())
    }

    fn tune(&mut self, out: &mut Vec<Step>) {
        match self.opening.tuning.pop_front() {
            Some((sent, method, params)) => out.push(Step::Send(self.wire.request(sent, method, &params))),
            None if matches!(self.stage, Stage::Opening) => {
                let prompt = std::mem::take(&mut self.opening.prompt);
                self.begin(&prompt, out);
            }
            None => {}
        }
    }

    fn refused(&mut self, fault: &Fault, out: &mut Vec<Step>) {
        let words = fault.words();
        match refusal::read(&words) {
            Some(refusal) => {
                out.push(Step::Event(refusal.event(&clipped(&words, WORDS_BYTES_MAX))));
                self.close(refusal.failure(), &words, out);
            }
            None => self.over(Failure::new(FailureClass::Agent, "no session"), &words, out),
        }
    }

    /// It will not work: says why, and waits for its input to be closed.
    fn over(&mut self, failure: Failure, words: &str, out: &mut Vec<Step>) {
        out.push(Step::Event(Event::Failed(clipped(words, WORDS_BYTES_MAX))));
        self.close(failure, words, out);
    }

    fn close(&mut self, failure: Failure, words: &str, out: &mut Vec<Step>) {
        self.verdict = Some(Verdict::Not(failure, words.to_owned()));
        self.stage = Stage::Over;
        out.push(Step::Idle);
    }
}

fn signed_out(fault: &Fault) -> bool {
    fault.code == AUTH_REQUIRED
        || refusal::read(&fault.words()).is_some_and(|refusal| refusal.kind == LimitKind::SignIn)
}
