//! Gemini. Source: the provider's API reference, v1beta, and what its own CLI sends.

use super::{Refusal, Reset, frame, items, pieces, string, text_of, tokens};
use crate::model::play::Answer;
use crate::model::talk::{Talk, Turn};
use crate::model::tools::{Call, Tool};
use serde_json::{Value, json};

pub(super) fn read(path: &str, body: &Value) -> Talk {
    let config = &body["generationConfig"];
    let schema = [&config["responseJsonSchema"], &config["responseSchema"]];
    let declared = items(&body["tools"]).flat_map(|group| items(&group["functionDeclarations"]));
    Talk {
        model: path.rsplit('/').next().and_then(|last| last.split(':').next()).unwrap_or_default().to_owned(),
        stream: path.ends_with(":streamGenerateContent"),
        system: text_of(&body["systemInstruction"]),
        turns: items(&body["contents"]).flat_map(turns).collect(),
        tools: declared.map(tool).collect(),
        schema: schema.into_iter().find(|schema| schema.is_object()).cloned(),
        thinks: config["thinkingConfig"]["includeThoughts"] == json!(true),
        counts: true,
    }
}

fn turns(content: &Value) -> Vec<Turn> {
    let has = |name: &'static str| items(&content["parts"]).filter_map(move |part| part.get(name));
    if content["role"] == "model" {
        return vec![Turn::Model(has("functionCall").count())];
    }
    let results: Vec<String> = has("functionResponse").map(|result| result["response"].to_string()).collect();
    let said = has("text").filter_map(Value::as_str).collect::<Vec<_>>().join("\n");
    let results = (!results.is_empty()).then_some(Turn::Results(results));
    results.into_iter().chain((!said.is_empty()).then_some(Turn::Person(said))).collect()
}

fn tool(declared: &Value) -> Tool {
    let schema = ["parametersJsonSchema", "parameters"].into_iter().find_map(|name| declared.get(name));
    Tool { name: string(&declared["name"]), namespace: None, schema: Some(schema.cloned().unwrap_or_default()) }
}

fn called(call: &Call) -> Value {
    json!({"functionCall": {"id": call.id, "name": call.tool, "args": call.input.arguments()}})
}

fn response(answer: &Answer, model: &str, parts: &[Value], finish: Option<&str>) -> Value {
    let (input, cached, output) = tokens(answer);
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    let usage = json!({
        "promptTokenCount": input, "cachedContentTokenCount": cached, "candidatesTokenCount": output,
        "totalTokenCount": input + output,
    });
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "scripted"})
}

pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let thought = answer.thought.iter().map(|said| json!({"text": said, "thought": true}));
    let words = answer.words.iter().map(|said| json!({ "text": said }));
    let parts: Vec<Value> = thought.chain(words).chain(answer.calls.iter().map(called)).collect();
    response(answer, model, &parts, Some("STOP"))
}

pub(super) fn frames(answer: &Answer, model: &str) -> Vec<String> {
    let thought =
        answer.thought.iter().flat_map(|said| pieces(said)).map(|piece| json!({"text": piece, "thought": true}));
    let words = answer.words.iter().flat_map(|said| pieces(said)).map(|piece| json!({ "text": piece }));
    let parts = thought.chain(words).chain(answer.calls.iter().map(called));
    let responses = parts.map(|part| response(answer, model, &[part], None));
    let end = response(answer, model, &[json!({"text": ""})], Some("STOP"));
    responses.chain([end]).map(|response| frame(None, &response)).collect()
}

pub(super) fn refusal(status: u16, reset: Option<Reset>) -> Refusal {
    let (name, message) = match status {
        401 => ("UNAUTHENTICATED", "API key not valid. Please pass a valid API key."),
        403 => ("PERMISSION_DENIED", "The caller does not have permission."),
        429 => ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
        _ => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    };
    let retry = |reset: Reset| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{}s", reset.in_s)});
    let details: Vec<Value> = reset.map(retry).into_iter().collect();
    let body = json!({"error": {"code": status, "message": message, "status": name, "details": details}});
    Refusal { body, headers: reset.map(|reset| ("retry-after", reset.in_s.to_string())).into_iter().collect() }
}
