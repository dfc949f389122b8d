//! OpenAI Chat Completions. Source: the provider's API reference; `reasoning_content` is what others added to it.

use super::{Refusal, Reset, frame, items, openai_refusal, pieces, string, text_of, tokens};
use crate::model::play::Answer;
use crate::model::talk::{Talk, Turn};
use crate::model::tools::{Call, Tool};
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Talk {
    let wanted = &body["response_format"];
    let schema = match wanted["type"].as_str() {
        Some("json_schema") => Some(wanted["json_schema"]["schema"].clone()),
        Some("json_object") => Some(json!({"type": "object"})),
        Some(_) | None => None,
    };
    let told = items(&body["messages"]).filter(|message| is_told(message)).map(|message| text_of(&message["content"]));
    Talk {
        model: string(&body["model"]),
        stream: body["stream"] == json!(true),
        system: told.collect::<Vec<_>>().join("\n"),
        turns: items(&body["messages"]).filter_map(turn).collect(),
        tools: items(&body["tools"]).map(tool).collect(),
        schema,
        thinks: true,
        counts: body["stream_options"]["include_usage"] == json!(true),
    }
}

fn is_told(message: &Value) -> bool {
    matches!(message["role"].as_str(), Some("system" | "developer"))
}

fn turn(message: &Value) -> Option<Turn> {
    let text = || text_of(&message["content"]);
    match message["role"].as_str()? {
        "user" => Some(Turn::Person(text())),
        "assistant" => Some(Turn::Model(items(&message["tool_calls"]).count())),
        "tool" => Some(Turn::Results(vec![text()])),
        _ => None,
    }
}

fn tool(declared: &Value) -> Tool {
    let function = &declared["function"];
    Tool { name: string(&function["name"]), namespace: None, schema: Some(function["parameters"].clone()) }
}

fn usage(answer: &Answer) -> Value {
    let (input, cached, output) = tokens(answer);
    json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached}, "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

fn called(call: &Call) -> Value {
    let arguments = call.input.arguments().to_string();
    json!({"id": call.id, "type": "function", "function": {"name": call.tool, "arguments": arguments}})
}

const fn finish(answer: &Answer) -> &'static str {
    if answer.calls.is_empty() { "stop" } else { "tool_calls" }
}

pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.words});
    if let Some(thought) = &answer.thought {
        message["reasoning_content"] = json!(thought);
    }
    if !answer.calls.is_empty() {
        message["tool_calls"] = answer.calls.iter().map(called).collect();
    }
    let choice = json!({"index": 0, "message": message, "finish_reason": finish(answer), "logprobs": null});
    json!({
        "id": "chatcmpl-scripted", "object": "chat.completion", "created": 0, "model": model, "choices": [choice],
        "usage": usage(answer),
    })
}

pub(super) fn frames(answer: &Answer, talk: &Talk) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 0, "model": talk.model,
            "choices": choices, "usage": usage,
        });
        frame(None, &chunk)
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": null}]), Value::Null)
    };
    let mut frames = vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)];
    let thought = answer.thought.iter().flat_map(|thought| pieces(thought));
    frames.extend(thought.map(|piece| delta(json!({"reasoning_content": piece}), Value::Null)));
    let words = answer.words.iter().flat_map(|words| pieces(words));
    frames.extend(words.map(|piece| delta(json!({"content": piece}), Value::Null)));
    for (at, call) in answer.calls.iter().enumerate() {
        let mut start = called(call);
        start["index"] = json!(at);
        let arguments = std::mem::take(&mut start["function"]["arguments"]);
        start["function"]["arguments"] = json!("");
        frames.push(delta(json!({"tool_calls": [start]}), Value::Null));
        let parts = pieces(arguments.as_str().unwrap_or_default());
        let part = |piece| json!({"tool_calls": [{"index": at, "function": {"arguments": piece}}]});
        frames.extend(parts.into_iter().map(|piece| delta(part(piece), Value::Null)));
    }
    frames.push(delta(json!({}), json!(finish(answer))));
    frames.extend(talk.counts.then(|| chunk(json!([]), usage(answer))));
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

pub(super) fn refusal(status: u16, reset: Option<Reset>) -> Refusal {
    openai_refusal(status, reset)
}
