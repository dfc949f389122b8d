//! The requests of Codex that a person answers, from the request to the response.
//!
//! ```text
//! …/requestApproval ───────▶ one Ask ───────────────▶ accept | decline (the turn goes on)
//! requestUserInput ────────▶ one Ask per question ──▶ answers by id, when all are given
//! elicitation/request ─────▶ one Ask ───────────────▶ accept | decline
//! serverRequest/resolved ──▶ Withdraw
//! ```
//!
//! Owns what is pending. `acceptForSession` is never said: what is allowed for longer is our policy's to know.

use super::item::Items;
use super::unquote::script;
use crate::adapter::{Ask, Reply, Step};
use crate::codec::jsonrpc::answer;
use crate::codec::words::{asked, list, text};
use ostler_core::deed::{Action, Deed};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Requests that may wait at once.
const PENDING_MAX: usize = 64;
/// Questions of one request.
const QUESTIONS_MAX: usize = 16;

/// One request that waits.
#[derive(Debug)]
struct Pending {
    id: Value,
    kind: Kind,
    /// What was answered, by question; one for what is no question.
    answers: Vec<Option<String>>,
}

#[derive(Debug)]
enum Kind {
    /// A command or a change of files.
    Approval,
    /// More permissions than its sandbox gives: those it asked for.
    Permissions(Value),
    /// Questions: their ids and their options' labels.
    Questions(Vec<(String, Vec<String>)>),
    /// A question of an MCP server; the name of the only field of its form.
    Form(Option<String>),
}

/// The requests that wait.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    pending: BTreeMap<String, Pending>,
}

impl Asks {
    /// A request. None when it is nothing that a person answers.
    pub(crate) fn asked(&mut self, id: &Value, method: &str, params: &Value, scene: Scene<'_>) -> Option<Vec<Step>> {
        let (kind, deeds) = match method {
            "item/commandExecution/requestApproval" => (Kind::Approval, vec![command(params)]),
            "item/fileChange/requestApproval" => (Kind::Approval, vec![change(params, scene.items)]),
            "item/permissions/requestApproval" => {
                let wanted = params.get("permissions").cloned().unwrap_or_default();
                let deed = Deed::Other { tool: "permissions".to_owned(), input: wanted.to_string() };
                (Kind::Permissions(wanted), vec![deed])
            }
            "item/tool/requestUserInput" => questions(list(params, "/questions")),
            "mcpServer/elicitation/request" => {
                let text = format!("{}: {}", text(params, "/serverName"), text(params, "/message"));
                (Kind::Form(only_field(params)), vec![Deed::Question { text, options: Vec::new() }])
            }
            _ => return None,
        };
        let key = id.to_string();
        if self.pending.contains_key(&key) {
            return Some(Vec::new());
        }
        let pending = Pending { id: id.clone(), kind, answers: vec![None; deeds.len()] };
        let shown: Option<Vec<Deed>> = deeds.into_iter().map(asked).collect();
        let room = self.pending.len() < PENDING_MAX;
        let Some(deeds) = shown.filter(|all| room && (1..=QUESTIONS_MAX).contains(&all.len())) else {
            return Some(vec![Step::Send(pending.no())]);
        };
        self.pending.insert(key.clone(), pending);
        let directory = Some(text(params, "/cwd")).filter(|cwd| !cwd.is_empty()).unwrap_or(scene.directory);
        let title = text(params, "/reason").chars().take(500).collect::<String>();
        let ask = |(at, deed)| {
            Step::Ask(Ask { key: name(&key, at), action: Action::new(deed, directory, &title), patience_ms: None })
        };
        Some(deeds.into_iter().enumerate().map(ask).collect())
    }

    /// A decision. None when nothing waits for it.
    pub(crate) fn answered(&mut self, key: &str, reply: &Reply) -> Option<Vec<Step>> {
        let (id, at) = key.rsplit_once('#')?;
        let at: usize = at.parse().ok()?;
        let pending = self.pending.get_mut(id).filter(|pending| pending.answers.get(at) == Some(&None))?;
        if let Reply::Allow { text, option } = reply {
            pending.answers[at] = Some(pending.words(at, text, *option));
            if pending.answers.iter().any(Option::is_none) {
                return Some(Vec::new());
            }
        }
        let pending = self.pending.remove(id)?;
        let said = if matches!(reply, Reply::Allow { .. }) { pending.yes() } else { pending.no() };
        let mut steps = vec![Step::Send(said)];
        let others = pending.open(id).into_iter().filter(|other| other != key);
        steps.extend(others.map(Step::Withdraw));
        Some(steps)
    }

    /// The request `id` no longer waits.
    pub(crate) fn withdrawn(&mut self, id: &Value) -> Vec<Step> {
        let key = id.to_string();
        let Some(pending) = self.pending.remove(&key) else { return Vec::new() };
        pending.open(&key).into_iter().map(Step::Withdraw).collect()
    }

    /// Nothing waits any more.
    pub(crate) fn all_withdrawn(&mut self) -> Vec<Step> {
        let pending = std::mem::take(&mut self.pending);
        pending.iter().flat_map(|(key, pending)| pending.open(key)).map(Step::Withdraw).collect()
    }
}

/// What a request is read with.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// What runs: a request about a change names its item alone.
    pub(crate) items: &'a Items,
    /// Where it works.
    pub(crate) directory: &'a str,
}

impl Pending {
    fn words(&self, at: usize, words: &str, option: Option<u32>) -> String {
        let Kind::Questions(questions) = &self.kind else { return words.to_owned() };
        let labels = questions.get(at).map(|(_, labels)| labels.as_slice()).unwrap_or_default();
        match (option.and_then(|at| labels.get(at as usize)), words) {
            (Some(label), "") => label.clone(),
            (Some(label), words) => format!("{label} ({words})"),
            (None, words) => words.to_owned(),
        }
    }

    fn open(&self, key: &str) -> Vec<String> {
        (0..self.answers.len()).filter(|at| self.answers[*at].is_none()).map(|at| name(key, at)).collect()
    }

    fn yes(&self) -> Vec<u8> {
        let given = || self.answers.iter().map(|answer| answer.clone().unwrap_or_default());
        let result = match &self.kind {
            Kind::Approval => json!({"decision": "accept"}),
            Kind::Permissions(wanted) => json!({"permissions": present(wanted), "scope": "turn"}),
            Kind::Questions(questions) => {
                let ids = questions.iter().map(|(id, _)| id.clone());
                let answers: Map<String, Value> =
                    ids.zip(given()).map(|(id, answer)| (id, json!({"answers": [answer]}))).collect();
                json!({"answers": answers})
            }
            Kind::Form(field) => {
                let content: Map<String, Value> = field.iter().cloned().zip(given().map(Value::String)).collect();
                json!({"action": "accept", "content": content, "_meta": null})
            }
        };
        answer(&self.id, &result)
    }

    fn no(&self) -> Vec<u8> {
        let result = match &self.kind {
            Kind::Approval => json!({"decision": "decline"}),
            Kind::Permissions(_) => json!({"permissions": {}, "scope": "turn"}),
            Kind::Questions(_) => json!({"answers": {}}),
            Kind::Form(_) => json!({"action": "decline", "content": null, "_meta": null}),
        };
        answer(&self.id, &result)
    }
}

fn name(key: &str, at: usize) -> String {
    format!("{key}#{at}")
}

/// A command; with whatever else it wants, it is shown as a whole.
fn command(params: &Value) -> Deed {
    let host = text(params, "/networkApprovalContext/host");
    if !host.is_empty() {
        return Deed::Fetch { url: format!("{}://{host}", text(params, "/networkApprovalContext/protocol")) };
    }
    let plain = matches!(text(params, "/kind"), "" | "command" | "humanCommand");
    if plain && params["additionalPermissions"].is_null() && params["command"].is_string() {
        return Deed::Command { line: script(text(params, "/command")) };
    }
    Deed::Other { tool: "command".to_owned(), input: params.to_string() }
}

/// A change of files: its item has the diff.
fn change(params: &Value, items: &Items) -> Deed {
    let known = items.deed(text(params, "/itemId")).filter(|_| params["grantRoot"].is_null());
    known.cloned().unwrap_or_else(|| Deed::Other { tool: "file change".to_owned(), input: params.to_string() })
}

fn questions(given: &[Value]) -> (Kind, Vec<Deed>) {
    let labels = |one: &Value| list(one, "/options").iter().map(|option| text(option, "/label").to_owned()).collect();
    let kind = Kind::Questions(given.iter().map(|one| (text(one, "/id").to_owned(), labels(one))).collect());
    let option = |option: &Value| match text(option, "/description") {
        "" => text(option, "/label").to_owned(),
        more => format!("{}: {more}", text(option, "/label")),
    };
    let deed = |one: &Value| Deed::Question {
        text: text(one, "/question").to_owned(),
        options: list(one, "/options").iter().map(option).collect(),
    };
    (kind, given.iter().map(deed).collect())
}

/// The only field of a form, if it has but one.
fn only_field(params: &Value) -> Option<String> {
    let fields = params.pointer("/requestedSchema/properties")?.as_object()?;
    fields.keys().next().filter(|_| fields.len() == 1).cloned()
}

/// What was asked for, without what was not.
fn present(wanted: &Value) -> Value {
    let fields = wanted.as_object().cloned().unwrap_or_default();
    Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(asks: &mut Asks, method: &str, params: &Value) -> Vec<Step> {
        let scene = Scene { items: &Items::default(), directory: "/srv" };
        asks.asked(&json!(7), method, params, scene).expect("a person answers it")
    }

    fn result(steps: Option<Vec<Step>>) -> Value {
        let Some([Step::Send(bytes), ..]) = steps.as_deref() else { panic!("{steps:?}") };
        serde_json::from_slice::<Value>(bytes).expect("JSON")["result"].clone()
    }

    fn deed(steps: &[Step]) -> &Deed {
        let [Step::Ask(ask), ..] = steps else { panic!("{steps:?}") };
        &ask.action.deed
    }

    fn yes(words: &str) -> Reply {
        Reply::Allow { text: words.to_owned(), option: None }
    }

    #[test]
    fn each_request_is_answered_in_its_own_form() {
        let mut asks = Asks::default();
        let approval = "item/commandExecution/requestApproval";
        let steps = ask(&mut asks, approval, &json!({"command": "/bin/bash -lc ls", "cwd": "/srv"}));
        assert_eq!(deed(&steps).line(), "ls");
        assert_eq!(result(asks.answered("7#0", &yes(""))), json!({"decision": "accept"}));
        let wide = json!({"command": "/bin/bash -lc ls", "additionalPermissions": {"network": {"enabled": true}}});
        assert_eq!(deed(&ask(&mut asks, approval, &wide)).kind(), "tool", "nothing is hidden behind a command");
        assert_eq!(result(asks.answered("7#0", &Reply::Deny { text: String::new() })), json!({"decision": "decline"}));
        let host = json!({"networkApprovalContext": {"host": "example.com", "protocol": "https"}, "command": "curl"});
        assert_eq!(deed(&ask(&mut asks, approval, &host)).line(), "https://example.com");
        asks.all_withdrawn();
        ask(
            &mut asks,
            "item/permissions/requestApproval",
            &json!({"permissions": {"network": {"enabled": true}, "fileSystem": null}}),
        );
        let granted = json!({"permissions": {"network": {"enabled": true}}, "scope": "turn"});
        assert_eq!(result(asks.answered("7#0", &yes(""))), granted);
        let form = json!({"serverName": "s", "message": "m", "requestedSchema": {"properties": {"name": {}}}});
        assert_eq!(deed(&ask(&mut asks, "mcpServer/elicitation/request", &form)).line(), "s: m");
        assert_eq!(result(asks.answered("7#0", &yes("x")))["content"], json!({"name": "x"}));
        assert_eq!(asks.answered("7#0", &yes("x")), None);
    }

    #[test]
    fn questions_go_back_together_and_a_resolved_request_is_withdrawn() {
        let mut asks = Asks::default();
        let both = json!({"questions": [{"id": "a", "question": "A?", "options": [{"label": "x"}]}, {"id": "b", "question": "B?"}]});
        assert_eq!(ask(&mut asks, "item/tool/requestUserInput", &both).len(), 2);
        assert_eq!(asks.answered("7#0", &Reply::Allow { text: String::new(), option: Some(0) }), Some(Vec::new()));
        assert_eq!(
            result(asks.answered("7#1", &yes("because"))),
            json!({"answers": {"a": {"answers": ["x"]}, "b": {"answers": ["because"]}}})
        );
        ask(&mut asks, "item/tool/requestUserInput", &both);
        assert_eq!(asks.withdrawn(&json!(7)), ["7#0", "7#1"].map(|key| Step::Withdraw(key.to_owned())));
        assert_eq!(asks.withdrawn(&json!(7)), []);
    }
}
