//! Anthropic Messages. Source: the provider's API reference, version 2023-06-01, and what its own CLI sends.

use super::{Refusal, Reset, frame, items, pieces, string, text_of, tokens};
use crate::model::play::Answer;
use crate::model::talk::{Talk, Turn};
use crate::model::tools::Tool;
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Talk {
    let format = &body["output_config"]["format"];
    Talk {
        model: string(&body["model"]),
        stream: body["stream"] == json!(true),
        system: text_of(&body["system"]),
        turns: items(&body["messages"]).flat_map(turns).collect(),
        tools: items(&body["tools"]).map(tool).collect(),
        schema: Some(&format["schema"]).filter(|schema| schema.is_object()).cloned(),
        thinks: matches!(body["thinking"]["type"].as_str(), Some("enabled" | "adaptive")),
        counts: true,
    }
}

fn turns(message: &Value) -> Vec<Turn> {
    let content = &message["content"];
    let of = |kind: &'static str| items(content).filter(move |block| block["type"] == kind);
    if message["role"] == "assistant" {
        return vec![Turn::Model(of("tool_use").count())];
    }
    let results: Vec<String> = of("tool_result").map(text_of).collect();
    let blocks = items(content).filter(|block| block["type"] == "text").map(text_of);
    let said = content.as_str().map(str::to_owned).into_iter().chain(blocks).collect::<Vec<_>>().join("\n");
    let results = (!results.is_empty()).then_some(Turn::Results(results));
    results.into_iter().chain((!said.is_empty()).then_some(Turn::Person(said))).collect()
}

fn tool(declared: &Value) -> Tool {
    Tool { name: string(&declared["name"]), namespace: None, schema: Some(declared["input_schema"].clone()) }
}

fn blocks(answer: &Answer) -> Vec<Value> {
    let thought = answer.thought.iter().map(|said| json!({"type": "thinking", "thinking": said, "signature": "c2ln"}));
    let words = answer.words.iter().map(|said| json!({"type": "text", "text": said}));
    let calls = answer.calls.iter().map(|call| {
        let id = call.id.replacen("call_", "toolu_", 1);
        json!({"type": "tool_use", "id": id, "name": call.tool, "input": call.input.arguments()})
    });
    thought.chain(words).chain(calls).collect()
}

fn message(answer: &Answer, model: &str, content: &[Value]) -> Value {
    let stop = if answer.calls.is_empty() { "end_turn" } else { "tool_use" };
    json!({
        "id": "msg_scripted", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop, "stop_sequence": null, "usage": usage(answer),
    })
}

fn usage(answer: &Answer) -> Value {
    let (input, cached, output) = tokens(answer);
    json!({
        "input_tokens": input - cached, "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached,
        "output_tokens": output, "service_tier": "standard",
    })
}

pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    message(answer, model, &blocks(answer))
}

pub(super) fn frames(answer: &Answer, model: &str) -> Vec<String> {
    let mut start = message(answer, model, &[]);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = json!(0);
    let mut events = vec![json!({"type": "message_start", "message": start})];
    for (at, block) in blocks(answer).into_iter().enumerate() {
        events.extend(streamed(at, block));
    }
    let stop = message(answer, model, &[]);
    let delta = json!({"stop_reason": stop["stop_reason"], "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": delta, "usage": stop["usage"]}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(|event| frame(event["type"].as_str(), event)).collect()
}

/// The events of one block: its start without what it says, what it says in pieces, its end.
fn streamed(at: usize, mut block: Value) -> Vec<Value> {
    let (field, delta, name) = match block["type"].as_str() {
        Some("thinking") => ("thinking", "thinking_delta", "thinking"),
        Some("tool_use") => ("input", "input_json_delta", "partial_json"),
        Some(_) | None => ("text", "text_delta", "text"),
    };
    let empty = if field == "input" { json!({}) } else { json!("") };
    let said = std::mem::replace(&mut block[field], empty);
    let said = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
    let mut deltas: Vec<Value> = pieces(&said).iter().map(|piece| json!({"type": delta, (name): piece})).collect();
    if let Some(signature) = block.get_mut("signature").map(|signature| std::mem::replace(signature, json!(""))) {
        deltas.push(json!({"type": "signature_delta", "signature": signature}));
    }
    let mut events = vec![json!({"type": "content_block_start", "index": at, "content_block": block})];
    events.extend(deltas.iter().map(|delta| json!({"type": "content_block_delta", "index": at, "delta": delta})));
    events.push(json!({"type": "content_block_stop", "index": at}));
    events
}

pub(super) fn refusal(status: u16, reset: Option<Reset>) -> Refusal {
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "Your API key does not have permission to use the specified resource."),
        429 => ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
        529 => ("overloaded_error", "Overloaded"),
        _ => ("api_error", "Internal server error"),
    };
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"});
    let headers = reset.into_iter().flat_map(|reset| {
        [
            ("retry-after", reset.in_s.to_string()),
            ("anthropic-ratelimit-unified-status", "rejected".to_owned()),
            ("anthropic-ratelimit-unified-reset", reset.at_unix_s.to_string()),
        ]
    });
    Refusal { body, headers: headers.collect() }
}
