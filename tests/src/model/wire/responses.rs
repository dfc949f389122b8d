//! OpenAI Responses. Source: the provider's API reference, and what Codex sends: free-form tools, namespaces.

use super::{Refusal, Reset, frame, items, openai_refusal, pieces, string, text_of, tokens};
use crate::model::play::Answer;
use crate::model::talk::{Talk, Turn};
use crate::model::tools::{Call, Input, Tool};
use serde_json::{Value, json};

pub(super) fn read(body: &Value) -> Talk {
    let told = items(&body["input"]).filter(|item| is_told(item)).map(|item| text_of(&item["content"]));
    let told = std::iter::once(string(&body["instructions"])).chain(told);
    let bare = body["input"].as_str().map(|text| Turn::Person(text.to_owned()));
    let format = &body["text"]["format"];
    Talk {
        model: string(&body["model"]),
        stream: body["stream"] == json!(true),
        system: told.collect::<Vec<_>>().join("\n"),
        turns: bare.into_iter().chain(items(&body["input"]).filter_map(turn)).collect(),
        tools: items(&body["tools"]).flat_map(tools).collect(),
        schema: Some(&format["schema"]).filter(|schema| schema.is_object()).cloned(),
        thinks: body["reasoning"].is_object(),
        counts: true,
    }
}

fn is_told(item: &Value) -> bool {
    matches!(item["role"].as_str(), Some("system" | "developer"))
}

fn turn(item: &Value) -> Option<Turn> {
    let kind = item["type"].as_str().unwrap_or("message");
    match (kind, item["role"].as_str()) {
        ("message", Some("user")) => Some(Turn::Person(text_of(&item["content"]))),
        ("message", Some("assistant")) => Some(Turn::Model(0)),
        ("function_call" | "custom_tool_call" | "local_shell_call", _) => Some(Turn::Model(1)),
        (kind, _) if kind.ends_with("_call_output") => Some(Turn::Results(vec![text_of(&item["output"])])),
        _ => None,
    }
}

fn tools(declared: &Value) -> Vec<Tool> {
    let one = |declared: &Value, namespace: Option<String>| {
        let schema = (declared["type"] == "function").then(|| declared["parameters"].clone());
        Tool { name: string(&declared["name"]), namespace, schema }
    };
    match declared["type"].as_str() {
        Some("function" | "custom") => vec![one(declared, None)],
        Some("namespace") => {
            let name = string(&declared["name"]);
            items(&declared["tools"]).map(|inner| one(inner, Some(name.clone()))).collect()
        }
        // Tools that the provider itself runs.
        Some(_) | None => Vec::new(),
    }
}

fn usage(answer: &Answer) -> Value {
    let (input, cached, output) = tokens(answer);
    json!({
        "input_tokens": input, "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + output,
    })
}

fn output(answer: &Answer) -> Vec<Value> {
    let thought = answer.thought.iter().map(
        |said| json!({"type": "reasoning", "id": "rs_scripted", "summary": [{"type": "summary_text", "text": said}]}),
    );
    let words = answer.words.iter().map(|said| {
        let content = json!([{"type": "output_text", "text": said, "annotations": []}]);
        json!({"type": "message", "id": "msg_scripted", "role": "assistant", "status": "completed", "content": content})
    });
    thought.chain(words).chain(answer.calls.iter().map(called)).collect()
}

fn called(call: &Call) -> Value {
    let mut item = match &call.input {
        Input::Text(text) => json!({"type": "custom_tool_call", "id": format!("ctc_{}", call.id), "input": text}),
        Input::Arguments(arguments) => {
            json!({"type": "function_call", "id": format!("fc_{}", call.id), "arguments": arguments.to_string()})
        }
    };
    item["call_id"] = json!(call.id);
    item["name"] = json!(call.tool);
    item["status"] = json!("completed");
    if let Some(namespace) = &call.namespace {
        item["namespace"] = json!(namespace);
    }
    item
}

fn response(model: &str, status: &str, output: &[Value], usage: &Value) -> Value {
    json!({
        "id": "resp_scripted", "object": "response", "created_at": 0, "model": model, "status": status,
        "output": output, "usage": usage, "error": null, "incomplete_details": null, "instructions": null,
        "metadata": {}, "parallel_tool_calls": true, "temperature": 1, "tool_choice": "auto", "tools": [], "top_p": 1,
    })
}

pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    response(model, "completed", &output(answer), &usage(answer))
}

pub(super) fn frames(answer: &Answer, model: &str) -> Vec<String> {
    let begun = response(model, "in_progress", &[], &Value::Null);
    let mut events = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
    ];
    for (at, item) in output(answer).into_iter().enumerate() {
        events.extend(streamed(at, &item));
    }
    events.push(json!({"type": "response.completed", "response": whole(answer, model)}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events.iter().map(|event| frame(event["type"].as_str(), event)).collect()
}

/// The events of one item: added without what it says, what it says in pieces, done.
fn streamed(at: usize, item: &Value) -> Vec<Value> {
    let event = |kind: &str, more: Value| {
        let mut event = json!({"type": kind, "output_index": at, "item_id": item["id"]});
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    };
    let mut added = item.clone();
    added["status"] = json!("in_progress");
    let middle = match item["type"].as_str() {
        Some("message") => {
            added["content"] = json!([]);
            worded(&event, &item["content"][0])
        }
        Some("reasoning") => {
            added["summary"] = json!([]);
            thought(&event, &item["summary"][0])
        }
        Some("custom_tool_call") => input(&event, &mut added, "input", "response.custom_tool_call_input"),
        Some(_) | None => input(&event, &mut added, "arguments", "response.function_call_arguments"),
    };
    let added = json!({"type": "response.output_item.added", "output_index": at, "item": added});
    let done = json!({"type": "response.output_item.done", "output_index": at, "item": item});
    std::iter::once(added).chain(middle).chain([done]).collect()
}

fn worded(event: &dyn Fn(&str, Value) -> Value, part: &Value) -> Vec<Value> {
    let text = string(&part["text"]);
    let empty = json!({"type": "output_text", "text": "", "annotations": []});
    let mut events = vec![event("response.content_part.added", json!({"content_index": 0, "part": empty}))];
    let delta = |piece| event("response.output_text.delta", json!({"content_index": 0, "delta": piece}));
    events.extend(pieces(&text).iter().map(delta));
    events.push(event("response.output_text.done", json!({"content_index": 0, "text": text})));
    events.push(event("response.content_part.done", json!({"content_index": 0, "part": part})));
    events
}

fn thought(event: &dyn Fn(&str, Value) -> Value, part: &Value) -> Vec<Value> {
    let text = string(&part["text"]);
    let empty = json!({"type": "summary_text", "text": ""});
    let mut events = vec![event("response.reasoning_summary_part.added", json!({"summary_index": 0, "part": empty}))];
    let delta = |piece| event("response.reasoning_summary_text.delta", json!({"summary_index": 0, "delta": piece}));
    events.extend(pieces(&text).iter().map(delta));
    events.push(event("response.reasoning_summary_text.done", json!({"summary_index": 0, "text": text})));
    events.push(event("response.reasoning_summary_part.done", json!({"summary_index": 0, "part": part})));
    events
}

fn input(event: &dyn Fn(&str, Value) -> Value, added: &mut Value, field: &str, kind: &str) -> Vec<Value> {
    let text = string(&std::mem::replace(&mut added[field], json!("")));
    let mut events: Vec<Value> =
        pieces(&text).iter().map(|piece| event(&format!("{kind}.delta"), json!({ "delta": piece }))).collect();
    events.push(event(&format!("{kind}.done"), json!({ (field): text })));
    events
}

/// As for an account with a plan where the end of the limit is known: it is the only refusal that names a time.
pub(super) fn refusal(status: u16, reset: Option<Reset>) -> Refusal {
    let mut refusal = openai_refusal(status, reset);
    if let (429, Some(reset)) = (status, reset) {
        refusal.body = json!({"error": {
            "type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus",
            "resets_at": reset.at_unix_s, "resets_in_seconds": reset.in_s,
        }});
    }
    refusal
}
