//! The permission requests of Claude Code, from `can_use_tool` to the answer.
//!
//! ```text
//! can_use_tool ─▶ one Ask, or one per question ─▶ all allowed: behavior allow, the input as it was asked
//!       │                                        └▶ one denied: behavior deny, and its message
//!       └─ control_cancel_request ─▶ Withdraw
//! ```
//!
//! Owns what is pending. An answer executes what was asked and nothing else: the input is kept here, not sent along.

use super::deed::{deed, question};
use crate::adapter::{Ask, Reply, Step};
use crate::codec::words::{TOO_LARGE, asked, list, text};
use ostler_core::deed::{Action, Deed};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Requests that may wait at once; a tool more than that is denied.
const PENDING_MAX: usize = 64;
/// Questions of one request: the tool's own schema says four.
const QUESTIONS_MAX: usize = 16;
/// What an agent reads when a person denied without a word.
const DENIED: &str = "The person who decides denied this.";

/// One request that waits.
#[derive(Debug)]
struct Pending {
    input: Value,
    call: String,
    /// The questions and their options; empty for any other tool.
    questions: Vec<(String, Vec<String>)>,
    /// What was answered, by question.
    answers: Vec<Option<String>>,
}

/// The requests that wait.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    pending: BTreeMap<String, Pending>,
    /// Calls of this turn that were denied here, or given up while they waited.
    denied: Vec<String>,
}

impl Asks {
    /// A request to use a tool.
    pub(crate) fn asked(&mut self, id: &str, request: &Value, directory: &str) -> Vec<Step> {
        if self.pending.contains_key(id) {
            return Vec::new();
        }
        let (tool, call) = (text(request, "/tool_name"), text(request, "/tool_use_id").to_owned());
        let input = request.get("input").cloned().unwrap_or_else(|| json!({}));
        let given = if tool == "AskUserQuestion" { list(&input, "/questions") } else { &[] };
        let deeds: Vec<Deed> =
            if given.is_empty() { vec![deed(tool, &input)] } else { given.iter().map(question).collect() };
        let deeds: Option<Vec<Deed>> = deeds.into_iter().map(asked).collect();
        let Some(deeds) = deeds.filter(|all| all.len() <= QUESTIONS_MAX && self.pending.len() < PENDING_MAX) else {
            return vec![Step::Send(deny(id, TOO_LARGE))];
        };
        let labels =
            |one: &Value| list(one, "/options").iter().map(|option| text(option, "/label").to_owned()).collect();
        let questions = given.iter().map(|one| (text(one, "/question").to_owned(), labels(one))).collect();
        let answers = vec![None; deeds.len()];
        self.pending.insert(id.to_owned(), Pending { input, call, questions, answers });
        let title = text(request, "/description").chars().take(500).collect::<String>();
        let ask = |(at, deed)| {
            Step::Ask(Ask { key: key(id, at), action: Action::new(deed, directory, &title), patience_ms: None })
        };
        deeds.into_iter().enumerate().map(ask).collect()
    }

    /// A decision.
    pub(crate) fn answered(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        let Some((id, at)) = key.rsplit_once('#').and_then(|(id, at)| Some((id, at.parse::<usize>().ok()?))) else {
            return Vec::new();
        };
        let Some(pending) = self.pending.get_mut(id).filter(|pending| pending.answers.get(at) == Some(&None)) else {
            return Vec::new();
        };
        match reply {
            Reply::Deny { text } => self.deny(id, at, text),
            Reply::Allow { text, option } => {
                pending.answers[at] = Some(answer(pending.questions.get(at), text, *option));
                if pending.answers.iter().any(Option::is_none) {
                    return Vec::new();
                }
                let pending = self.pending.remove(id).expect("it was found above");
                vec![Step::Send(allow(id, pending))]
            }
        }
    }

    /// The request with `id` no longer waits.
    pub(crate) fn withdrawn(&mut self, id: &str) -> Vec<Step> {
        let Some(pending) = self.pending.remove(id) else { return Vec::new() };
        let steps = open(id, &pending).map(Step::Withdraw).collect();
        self.refuse(pending.call);
        steps
    }

    /// Nothing waits any more.
    pub(crate) fn all_withdrawn(&mut self) -> Vec<Step> {
        let ids: Vec<String> = self.pending.keys().cloned().collect();
        ids.iter().flat_map(|id| self.withdrawn(id)).collect()
    }

    /// Whether `call` was denied here, by a person or a policy of ours, in this turn.
    pub(crate) fn was_denied(&self, call: &str) -> bool {
        self.denied.iter().any(|denied| denied == call)
    }

    /// A turn ended, and with it what was denied in it.
    pub(crate) fn forget(&mut self) {
        self.denied.clear();
    }

    fn deny(&mut self, id: &str, at: usize, words: &str) -> Vec<Step> {
        let pending = self.pending.remove(id).expect("it was found above");
        let mut steps = vec![Step::Send(deny(id, words))];
        let others = open(id, &pending).filter(|other| *other != key(id, at));
        steps.extend(others.map(Step::Withdraw));
        self.refuse(pending.call);
        steps
    }

    fn refuse(&mut self, call: String) {
        if self.denied.len() < PENDING_MAX {
            self.denied.push(call);
        }
    }
}

fn key(id: &str, at: usize) -> String {
    format!("{id}#{at}")
}

fn open<'a>(id: &'a str, pending: &Pending) -> impl Iterator<Item = String> + use<'a> {
    let unanswered: Vec<usize> = (0..pending.answers.len()).filter(|at| pending.answers[*at].is_none()).collect();
    unanswered.into_iter().map(move |at| key(id, at))
}

/// The label that was chosen, the words that were written, or both.
fn answer(question: Option<&(String, Vec<String>)>, words: &str, option: Option<u32>) -> String {
    let label = question.zip(option).and_then(|((_, labels), at)| labels.get(at as usize));
    match (label, words) {
        (Some(label), "") => label.clone(),
        (Some(label), words) => format!("{label} ({words})"),
        (None, "") => "Yes".to_owned(),
        (None, words) => words.to_owned(),
    }
}

fn allow(id: &str, pending: Pending) -> Vec<u8> {
    let mut input = pending.input;
    if !pending.questions.is_empty() {
        let given = pending.answers.into_iter().map(Option::unwrap_or_default).map(Value::String);
        let named: serde_json::Map<String, Value> =
            pending.questions.into_iter().map(|(question, _)| question).zip(given).collect();
        input["answers"] = Value::Object(named);
    }
    respond(id, json!({"behavior": "allow", "updatedInput": input}))
}

fn deny(id: &str, words: &str) -> Vec<u8> {
    let message = if words.is_empty() { DENIED } else { words };
    respond(id, json!({"behavior": "deny", "message": message}))
}

fn respond(id: &str, response: Value) -> Vec<u8> {
    super::line(&json!({
        "type": "control_response",
        "response": {"subtype": "success", "request_id": id, "response": response},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_questions() -> Value {
        let option = |label: &str| json!({"label": label, "description": "d"});
        json!({"tool_name": "AskUserQuestion", "input": {"questions": [
            {"question": "Which?", "options": [option("a"), option("b")]},
            {"question": "Why?", "options": []},
        ]}})
    }

    fn sent(steps: &[Step]) -> Value {
        let [Step::Send(bytes), ..] = steps else { panic!("{steps:?}") };
        serde_json::from_slice(bytes).expect("JSON")
    }

    #[test]
    fn every_question_is_asked_and_all_answers_go_back_together() {
        let mut asks = Asks::default();
        let steps = asks.asked("r#1", &two_questions(), "/srv");
        assert_eq!(steps.len(), 2);
        let words = Reply::Allow { text: "because".to_owned(), option: None };
        assert_eq!(asks.answered("r#1#1", &words), []);
        assert_eq!(asks.answered("r#1#1", &words), [], "answered once");
        let steps = asks.answered("r#1#0", &Reply::Allow { text: String::new(), option: Some(1) });
        let answers = sent(&steps)["response"]["response"]["updatedInput"]["answers"].clone();
        assert_eq!(answers, json!({"Which?": "b", "Why?": "because"}));
        assert_eq!(asks.all_withdrawn(), []);
    }

    #[test]
    fn one_denial_withdraws_the_other_questions() {
        let mut asks = Asks::default();
        asks.asked("r", &two_questions(), "/srv");
        let steps = asks.answered("r#0", &Reply::Deny { text: "no".to_owned() });
        assert_eq!(sent(&steps)["response"]["response"], json!({"behavior": "deny", "message": "no"}));
        assert_eq!(steps[1..], [Step::Withdraw("r#1".to_owned())]);
        for stale in ["r#1", "r#9", "r", "", "x#0"] {
            assert_eq!(asks.answered(stale, &Reply::Deny { text: String::new() }), [], "{stale}");
        }
    }

    #[test]
    fn what_cannot_be_shown_is_denied_and_what_runs_is_what_was_asked() {
        let mut asks = Asks::default();
        let request = |command: &str| json!({"tool_name": "Bash", "input": {"command": command, "timeout": 5}});
        let steps = asks.asked("r", &request(&"x".repeat(100_000)), "/srv");
        assert_eq!(sent(&steps)["response"]["response"]["behavior"], "deny");
        asks.asked("r", &request("make"), "/srv");
        let steps = asks.answered("r#0", &Reply::Allow { text: "fine".to_owned(), option: None });
        assert_eq!(sent(&steps)["response"]["response"]["updatedInput"], json!({"command": "make", "timeout": 5}));
    }
}
