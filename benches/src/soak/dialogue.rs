//! The actor's side of the Agent Client Protocol, version 1: what it understands, and every line it can say.
//!
//! Owns the words of the protocol. Must not know when anything is said.

use super::mark::Mark;
use serde_json::{Value, json};

/// The one session there is.
const SESSION: &str = "act-1";
/// What an event carries beside its mark: about as much as a real agent's line.
const FILLER: &str =
    "the quick brown fox looks over the lazy dog's diff, finds nothing to mend, and says so at some length";

/// What the client said.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// It wants to know whom it speaks to.
    Initialize(Value),
    /// It wants a session.
    NewSession(Value),
    /// It gives the session something to do.
    Prompt(Value),
    /// It wants the turn ended.
    Cancel,
    /// It answers the permission request: whether the action is allowed.
    Answer(bool),
    /// It asks something that is not acted.
    Unknown(Value),
    /// Nothing that wants an answer.
    Noise,
}

/// What a line means.
pub(super) fn understand(line: &str) -> Said {
    let Ok(message) = serde_json::from_str::<Value>(line) else { return Said::Noise };
    let id = message.get("id").cloned();
    match (message.get("method").and_then(Value::as_str), id) {
        (Some("initialize"), Some(id)) => Said::Initialize(id),
        (Some("session/new"), Some(id)) => Said::NewSession(id),
        (Some("session/prompt"), Some(id)) => Said::Prompt(id),
        (Some("session/cancel"), _) => Said::Cancel,
        (Some(_), Some(id)) => Said::Unknown(id),
        (Some(_), None) => Said::Noise,
        (None, _) => message.pointer("/result/outcome").map_or(Said::Noise, |outcome| {
            Said::Answer(outcome.get("optionId").and_then(Value::as_str) == Some("yes"))
        }),
    }
}

/// Who it is.
pub(super) fn initialized(id: &Value) -> Value {
    let info = json!({ "name": "ostler-load", "title": "A scripted agent", "version": env!("CARGO_PKG_VERSION") });
    result(id, json!({ "protocolVersion": 1, "agentInfo": info, "agentCapabilities": {}, "authMethods": [] }))
}

/// The session.
pub(super) fn session(id: &Value) -> Value {
    result(id, json!({ "sessionId": SESSION }))
}

/// The turn is over, and why.
pub(super) fn over(id: &Value, reason: &str) -> Value {
    result(id, json!({ "stopReason": reason }))
}

/// A method that is not acted.
pub(super) fn refused(id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "not acted" } })
}

/// May it do this? The answer comes under the same `id`.
pub(super) fn ask(id: u64) -> Value {
    let options = json!([
        { "optionId": "yes", "name": "Allow", "kind": "allow_once" },
        { "optionId": "no", "name": "Reject", "kind": "reject_once" },
    ]);
    let (call, input) = (format!("ask-{id}"), json!({ "command": "make all" }));
    let call =
        json!({ "toolCallId": call, "title": "make all", "kind": "execute", "status": "pending", "rawInput": input });
    let params = json!({ "sessionId": SESSION, "options": options, "toolCall": call });
    json!({ "jsonrpc": "2.0", "id": id, "method": "session/request_permission", "params": params })
}

/// The event that carries `mark`: a tool is called, it ends, something is said about it, and again.
pub(super) fn event(mark: Mark) -> Value {
    let round = (mark.number - 1) / 3;
    let (call, text) = (format!("call-{round}"), format!("{mark} {FILLER}"));
    let content = json!({ "type": "text", "text": text });
    let update = match (mark.number - 1) % 3 {
        0 => {
            let input = json!({ "path": format!("/srv/act/{round}.rs") });
            json!({ "sessionUpdate": "tool_call", "toolCallId": call, "title": text, "kind": "read", "status": "in_progress", "rawInput": input })
        }
        1 => {
            let content = json!([{ "type": "content", "content": content }]);
            json!({ "sessionUpdate": "tool_call_update", "toolCallId": call, "status": "completed", "content": content })
        }
        _ => json!({ "sessionUpdate": "agent_message_chunk", "content": content }),
    };
    json!({ "jsonrpc": "2.0", "method": "session/update", "params": { "sessionId": SESSION, "update": update } })
}

fn result(id: &Value, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_understood_and_noise_is_not_answered() {
        let check = |line: &str, expected: Said| assert_eq!(understand(line), expected, "{line}");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, Said::Initialize(json!(1)));
        check(r#"{"jsonrpc":"2.0","id":"a","method":"session/prompt","params":{}}"#, Said::Prompt(json!("a")));
        check(r#"{"jsonrpc":"2.0","method":"session/cancel","params":{}}"#, Said::Cancel);
        check(r#"{"jsonrpc":"2.0","id":9,"method":"fs/read_text_file"}"#, Said::Unknown(json!(9)));
        let chosen =
            |option| format!(r#"{{"id":1,"result":{{"outcome":{{"outcome":"selected","optionId":"{option}"}}}}}}"#);
        check(&chosen("yes"), Said::Answer(true));
        check(&chosen("no"), Said::Answer(false));
        check(r#"{"id":1,"result":{"outcome":{"outcome":"cancelled"}}}"#, Said::Answer(false));
        check("garbage", Said::Noise);
        check(r#"{"jsonrpc":"2.0","method":"initialized"}"#, Said::Noise);
    }

    #[test]
    fn every_event_says_its_mark_once() {
        for number in 1..=6 {
            let mark = Mark { number, at_ms: 5 };
            let said = event(mark).to_string();
            assert_eq!(super::super::mark::marks(&said).collect::<Vec<_>>(), [mark], "{said}");
        }
    }
}
