//! A turn: from a prompt to its answer, and what it means for the attempt.
//!
//! ```text
//! prompt ─▶ Turn ─ answer ─▶ Done | Not(failure)      the process ends in a turn ─▶ Not
//!             ▲      └ denied with words ─┐
//!             └──── those words ◀─────────┘
//! ```
//!
//! Owns the judgement, which never rests on the exit code: it is 0 for many failures. The protocol has no place for the
//! words of a denial, so that they are given as the next prompt.

use super::{Acp, History, Sent, Stage};
use crate::adapter::{End, Outcome, Step};
use crate::codec::jsonrpc::Fault;
use crate::codec::refusal;
use crate::codec::verdict::{self, Verdict};
use crate::codec::words::{clipped, text};
use ostler_core::event::Event;
use ostler_core::failure::{Failure, FailureClass};
use serde_json::{Value, json};

/// Bytes of the sentence an outcome carries.
const SENTENCE_BYTES_MAX: usize = 4 * 1024;
/// Bytes of an error's words told to people.
const ERROR_BYTES_MAX: usize = 8 * 1024;

/// What happens in a turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// It was told to stop.
    pub(super) cancelled: bool,
    /// Something was said or done.
    pub(super) stirred: bool,
    /// An action was denied, and nothing was said or done since.
    pub(super) denied: bool,
    /// An action was denied at some time.
    pub(super) denied_ever: bool,
    /// Words of denials that the agent has not read yet.
    pub(super) owed: Vec<String>,
}

impl Acp {
    /// Gives the agent a prompt.
    pub(super) fn begin(&mut self, text: &str, out: &mut Vec<Step>) {
        self.stage = Stage::Turn(Turn::default());
        self.verdict = None;
        self.speech.forget();
        let params = json!({ "sessionId": self.session, "prompt": [{ "type": "text", "text": text }] });
        out.push(Step::Send(self.wire.request(Sent::Prompt, "session/prompt", &params)));
    }

    /// The turn's end.
    pub(super) fn turn_answered(&mut self, result: Result<Value, Fault>, out: &mut Vec<Step>) {
        let Stage::Turn(turn) = std::mem::replace(&mut self.stage, Stage::Idle) else { return };
        self.history = History::None;
        self.quiet(out);
        for (key, _) in self.asking.drain() {
            out.push(Step::Withdraw(key));
        }
        self.calls.clear();
        if let Ok(result) = &result {
            self.meter.answer(result);
        }
        let usage = self.meter.take();
        let unserved = usage.is_none();
        out.extend(usage.map(Step::Event));
        let (reason, verdict) = match result {
            Ok(result) => self.stopped(text(&result, "/stopReason"), &turn, unserved, out),
            Err(fault) => failed(&fault, &turn, out),
        };
        out.push(Step::Event(Event::TurnEnded { reason }));
        if !turn.cancelled && !turn.owed.is_empty() {
            let words = turn.owed.join("\n\n");
            out.push(Step::Event(Event::Prompted(words.clone())));
            return self.begin(&words, out);
        }
        self.verdict = Some(verdict);
        out.push(Step::Idle);
    }

    /// The judgement of a turn that ended as it should; `unserved` when no model answered in it.
    fn stopped(&self, reason: &str, turn: &Turn, unserved: bool, out: &mut Vec<Step>) -> (String, Verdict) {
        let words = clipped(self.speech.words(), SENTENCE_BYTES_MAX);
        let not = |class, code: &str| Verdict::not(class, code, words.clone());
        let denied = turn.denied || (turn.denied_ever && self.profile.denial_ends_turn);
        let marked = self.profile.error_mark.is_some_and(|mark| words.starts_with(mark));
        let verdict = match reason {
            _ if turn.cancelled || reason == "cancelled" => not(FailureClass::Agent, "interrupted"),
            "max_tokens" | "max_turn_requests" => not(FailureClass::Task, "turns spent"),
            "refusal" => not(FailureClass::Task, "refused by the model"),
            _ if denied => not(FailureClass::Policy, "permission denied"),
            // Some say nothing at all when their provider refuses.
            _ if !turn.stirred => {
                Verdict::not(FailureClass::Agent, "nothing done", "the agent neither said nor did anything")
            }
            _ if marked && (unserved || refusal::read(&words).is_some()) => error(words, out),
            _ => Verdict::Done(words),
        };
        (clipped(if reason.is_empty() { "end_turn" } else { reason }, 64), verdict)
    }

    /// What became of the task, by what was said before the process ended.
    pub(super) fn judged(&mut self, end: End) -> Outcome {
        let unsaid = match &self.stage {
            // Nobody saw how it ended: the runner's failure, not the agent's.
            _ if end == End::default() => None,
            Stage::Turn(turn) if turn.cancelled => Some(("interrupted", "the agent was interrupted")),
            Stage::Turn(_) => Some(("ended in a turn", "the agent ended before it said that it was done")),
            Stage::Opening => Some(("ended before its session", "the agent ended before it took its prompt")),
            Stage::Idle | Stage::Over => None,
        };
        let unsaid = unsaid.map(|(code, words)| Verdict::not(FailureClass::Agent, code, words));
        verdict::outcome(self.verdict.take().or(unsaid), end)
    }
}

/// A prompt that was answered with an error.
fn failed(fault: &Fault, turn: &Turn, out: &mut Vec<Step>) -> (String, Verdict) {
    let words = clipped(&fault.words(), ERROR_BYTES_MAX);
    if turn.cancelled {
        return ("cancelled".to_owned(), Verdict::not(FailureClass::Agent, "interrupted", words));
    }
    ("error".to_owned(), error(words, out))
}

/// An error the turn ended with.
fn error(words: String, out: &mut Vec<Step>) -> Verdict {
    let (event, failure) = match refusal::read(&words) {
        Some(refusal) => (refusal.event(&words), refusal.failure()),
        None => (Event::Failed(words.clone()), Failure::new(FailureClass::Agent, "turn failed")),
    };
    out.push(Step::Event(event));
    Verdict::Not(failure, words)
}
