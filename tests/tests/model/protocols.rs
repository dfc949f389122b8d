//! Each protocol, from the request of a client that has just been asked to the answer that ends its turn.

use crate::caller::{Answer, post, send};
use ostler_tests::{CACHED_TOKENS, INPUT_TOKENS, Model, OUTPUT_TOKENS, Part, Scripts};
use serde_json::{Value, json};

const PROMPT: &str = "[[script:both]] Please.";
const DIRECTORY: &str = "Your working directory: /srv/tree\n";
const WROTE: &str = "/srv/tree/scripted.txt";
const COMMAND: &str = "printf 'ran\\n' > scripted-shell.txt";
const END: &str = "Done: the file is written and the command ran.";

fn model() -> Model {
    Model::start(Scripts::builtin())
}

/// Schemas of a tool that writes and of one that runs, as agents declare them.
fn writes() -> Value {
    json!({"type": "object", "properties": {"file_path": {}, "content": {}}, "required": ["file_path", "content"]})
}

fn runs() -> Value {
    json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]})
}

/// The pieces of a streamed text put together.
fn joined<'a>(pieces: impl Iterator<Item = &'a Value>) -> String {
    pieces.filter_map(Value::as_str).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|wrong| panic!("{wrong}: {text}"))
}

#[track_caller]
fn check_heard(model: &Model, tag: &str, results: &[&[&str]]) {
    let heard = model.heard(tag);
    let steps: Vec<_> = heard.iter().map(|heard| heard.part.clone()).collect();
    let expected: Vec<_> = (0..results.len()).map(|step| Part::Scripted("both".to_owned(), step)).collect();
    assert_eq!(steps, expected);
    let heard: Vec<_> = heard.into_iter().map(|heard| heard.results).collect();
    assert_eq!(heard, results);
}

#[test]
fn anthropic_messages() {
    let model = model();
    let tools = json!([{"name": "Write", "input_schema": writes()}, {"name": "Bash", "input_schema": runs()}]);
    let mut messages = vec![json!({"role": "user", "content": [{"type": "text", "text": PROMPT}]})];
    let ask = |messages: &[Value], stream: bool| {
        let system = json!([{"type": "text", "text": DIRECTORY}]);
        let body = json!({"model": "m", "system": system, "tools": tools, "messages": messages, "stream": stream});
        let answer = post(&model, if stream { "streamed" } else { "whole" }, "/v1/messages?beta=true", &body);
        assert_eq!(answer.status, 200);
        answer
    };
    for (input, result) in [
        (json!({"file_path": WROTE, "content": "written by the script\n"}), "written"),
        (json!({"command": COMMAND}), "ran"),
    ] {
        let whole = ask(&messages, false).json();
        assert_eq!((&whole["stop_reason"], &whole["content"][1]["input"]), (&json!("tool_use"), &input));
        let events = ask(&messages, true).events();
        assert_eq!(events[0]["type"], "message_start");
        let arguments = joined(events.iter().map(|event| &event["delta"]["partial_json"]));
        assert_eq!(parsed(&arguments), input);
        let call = &whole["content"][1];
        messages.push(json!({"role": "assistant", "content": whole["content"]}));
        let result =
            json!({"type": "tool_result", "tool_use_id": call["id"], "content": [{"type": "text", "text": result}]});
        let reminder = json!({"type": "text", "text": "<system-reminder>Mind the time.</system-reminder>"});
        messages.push(json!({"role": "user", "content": [result, reminder]}));
    }
    let whole = ask(&messages, false).json();
    assert_eq!((&whole["stop_reason"], &whole["content"][0]["text"]), (&json!("end_turn"), &json!(END)));
    let usage =
        [&whole["usage"]["input_tokens"], &whole["usage"]["cache_read_input_tokens"], &whole["usage"]["output_tokens"]];
    assert_eq!(usage.map(Value::as_u64), [INPUT_TOKENS - CACHED_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS].map(Some));
    let events = ask(&messages, true).events();
    assert_eq!(joined(events.iter().map(|event| &event["delta"]["text"])), END);
    let [.., delta, stop] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&delta["usage"], &stop["type"]), (&whole["usage"], &json!("message_stop")));
    check_heard(&model, "streamed", &[&[], &["written"], &["written", "ran"]]);
}

#[test]
fn openai_responses() {
    let model = model();
    let patch = json!({"type": "custom", "name": "apply_patch", "format": {"type": "grammar"}});
    let runs = json!({"properties": {"cmd": {"type": "string"}}, "required": ["cmd"]});
    let namespace = json!({"type": "namespace", "name": "shell", "tools": [{"type": "function", "name": "exec_command", "parameters": runs}]});
    let tools = json!([patch, {"type": "web_search"}, namespace]);
    let mut input = vec![
        json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]}),
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": PROMPT}]}),
    ];
    let ask = |input: &[Value], stream: bool| {
        let body = json!({"model": "m", "input": input, "tools": tools, "stream": stream});
        post(&model, if stream { "streamed" } else { "whole" }, "/v1/responses", &body)
    };
    let last = |events: &[Value]| {
        let last = events.last().expect("events");
        assert_eq!(last["type"], "response.completed");
        last["response"].clone()
    };
    let patched = "*** Begin Patch\n*** Add File: scripted.txt\n+written by the script\n*** End Patch\n";
    let first = ask(&input, true).events();
    let call = last(&first)["output"][1].clone();
    assert_eq!((&call["type"], &call["input"]), (&json!("custom_tool_call"), &json!(patched)));
    let deltas = first.iter().filter(|event| event["type"] == "response.custom_tool_call_input.delta");
    assert_eq!(joined(deltas.map(|event| &event["delta"])), patched);
    input.push(call.clone());
    input.push(json!({"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "written"}));

    let call = ask(&input, false).json()["output"][1].clone();
    let shown = [&call["type"], &call["name"], &call["namespace"]];
    assert_eq!(shown, [&json!("function_call"), &json!("exec_command"), &json!("shell")]);
    assert_eq!(parsed(call["arguments"].as_str().expect("text")), json!({ "cmd": COMMAND }));
    let second = last(&ask(&input, true).events());
    assert_eq!(second["output"][1]["arguments"], call["arguments"]);
    input.push(call.clone());
    let output = json!([{"type": "input_text", "text": "ran"}]);
    input.push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": output}));

    let third = ask(&input, true).events();
    assert_eq!(last(&third)["output"][0]["content"][0]["text"], END);
    let usage = &last(&third)["usage"];
    let usage = [&usage["input_tokens"], &usage["input_tokens_details"]["cached_tokens"], &usage["output_tokens"]];
    assert_eq!(usage.map(Value::as_u64), [INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS].map(Some));
    check_heard(&model, "streamed", &[&[], &["written"], &["written", "ran"]]);
}

#[test]
fn openai_chat_completions() {
    let model = model();
    let function =
        |name: &str, schema: Value| json!({"type": "function", "function": {"name": name, "parameters": schema}});
    let tools = json!([function("mcp__dev__write_file", writes()), function("terminal", runs())]);
    let mut messages =
        vec![json!({"role": "system", "content": DIRECTORY}), json!({"role": "user", "content": PROMPT})];
    let ask = |messages: &[Value], stream: bool| {
        let counts = json!({"include_usage": true});
        let body =
            json!({"model": "m", "messages": messages, "tools": tools, "stream": stream, "stream_options": counts});
        post(&model, if stream { "streamed" } else { "whole" }, "/v1/chat/completions", &body)
    };
    for (name, input, result) in [
        ("mcp__dev__write_file", json!({"file_path": WROTE, "content": "written by the script\n"}), "written"),
        ("terminal", json!({"command": COMMAND}), "ran"),
    ] {
        let choice = ask(&messages, false).json()["choices"][0].clone();
        let function = &choice["message"]["tool_calls"][0]["function"];
        assert_eq!((&choice["finish_reason"], &function["name"]), (&json!("tool_calls"), &json!(name)));
        assert_eq!(parsed(function["arguments"].as_str().expect("text")), input);
        let events = ask(&messages, true).events();
        let calls = events.iter().map(|event| &event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]);
        assert_eq!(parsed(&joined(calls)), input);
        messages.push(choice["message"].clone());
        messages
            .push(json!({"role": "tool", "tool_call_id": choice["message"]["tool_calls"][0]["id"], "content": result}));
    }
    let streamed = ask(&messages, true);
    assert!(streamed.text.ends_with("data: [DONE]\n\n"), "{streamed:?}");
    let events = streamed.events();
    assert_eq!(joined(events.iter().map(|event| &event["choices"][0]["delta"]["content"])), END);
    let usage = &events.last().expect("events")["usage"];
    let usage =
        [&usage["prompt_tokens"], &usage["prompt_tokens_details"]["cached_tokens"], &usage["completion_tokens"]];
    assert_eq!(usage.map(Value::as_u64), [INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS].map(Some));
    check_heard(&model, "streamed", &[&[], &["written"], &["written", "ran"]]);
}

#[test]
fn gemini() {
    let model = model();
    let declared = |name: &str, schema: Value| json!({"name": name, "parametersJsonSchema": schema});
    let tools =
        json!([{"functionDeclarations": [declared("write_file", writes()), declared("run_shell_command", runs())]}]);
    let mut contents = vec![json!({"role": "user", "parts": [{"text": DIRECTORY}, {"text": PROMPT}]})];
    let ask = |contents: &[Value], stream: bool| {
        let (tag, verb) =
            if stream { ("streamed", "streamGenerateContent?alt=sse") } else { ("whole", "generateContent") };
        post(&model, tag, &format!("/v1beta/models/m:{verb}"), &json!({"contents": contents, "tools": tools}))
    };
    for (name, input) in [
        ("write_file", json!({"file_path": WROTE, "content": "written by the script\n"})),
        ("run_shell_command", json!({"command": COMMAND})),
    ] {
        let content = ask(&contents, false).json()["candidates"][0]["content"].clone();
        let call = &content["parts"][1]["functionCall"];
        assert_eq!((&call["name"], &call["args"]), (&json!(name), &input));
        let events = ask(&contents, true).events();
        let calls = events.iter().filter_map(|event| event["candidates"][0]["content"]["parts"][0].get("functionCall"));
        assert_eq!(calls.map(|call| call["args"].clone()).collect::<Vec<_>>(), [input]);
        let result = json!({"functionResponse": {"id": call["id"], "name": name, "response": {"output": "ok"}}});
        contents.push(content.clone());
        contents.push(json!({"role": "user", "parts": [result]}));
    }
    let events = ask(&contents, true).events();
    assert_eq!(joined(events.iter().map(|event| &event["candidates"][0]["content"]["parts"][0]["text"])), END);
    let last = events.last().expect("events");
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    let usage = &last["usageMetadata"];
    let usage = [&usage["promptTokenCount"], &usage["cachedContentTokenCount"], &usage["candidatesTokenCount"]];
    assert_eq!(usage.map(Value::as_u64), [INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS].map(Some));
    let ok = r#"{"output":"ok"}"#;
    check_heard(&model, "streamed", &[&[], &[ok], &[ok, ok]]);
}

#[test]
fn thoughts_come_where_they_are_wanted() {
    let model = model();
    let shell = json!([{"name": "Bash", "input_schema": runs()}]);
    let messages = json!([{"role": "user", "content": "[[script:think]]"}]);
    let ask = |thinking: Value| {
        let body = json!({"model": "m", "messages": messages, "tools": shell, "thinking": thinking, "stream": true});
        post(&model, "x", "/v1/messages", &body).events()
    };
    let thought = |events: Vec<Value>| joined(events.iter().map(|event| &event["delta"]["thinking"]));
    assert_eq!(thought(ask(json!({"type": "enabled"}))), "One thing after the other.");
    assert_eq!(thought(ask(json!(null))), "");
}

#[test]
fn what_is_no_call_of_the_model_is_answered_too() {
    let model = model();
    let get = |path: &str, headers: &[&str]| send(&model, &format!("GET /t/x{path}"), headers, "");
    assert_eq!(get("/v1/responses", &["connection: upgrade", "upgrade: websocket"]).status, 426);
    assert_eq!(get("/v1/models", &[]).json()["data"][0]["id"], "scripted");
    assert_eq!(get("/v1beta/models/m", &[]).json()["name"], "models/m");
    assert_eq!(get("/v1/nothing", &[]).status, 404);
    assert_eq!(get("/v1/messages", &[]).status, 404);
    let counted = post(&model, "x", "/v1/messages/count_tokens", &json!({"messages": []})).json();
    assert_eq!(counted["input_tokens"], INPUT_TOKENS);
    let counted = post(&model, "x", "/v1beta/models/m:countTokens", &json!({})).json();
    assert_eq!(counted["totalTokens"], INPUT_TOKENS);
    assert!(model.heard("x").iter().all(|heard| heard.part == Part::Outside && !heard.is_charged()));
}

#[test]
fn side_calls_cost_nothing() {
    let model = model();
    let title = json!({"properties": {"title": {"type": "string"}}, "required": ["title"]});
    let format = json!({"type": "json_schema", "json_schema": {"schema": title}});
    let messages = json!([{"role": "user", "content": "A title for: [[script:both]]"}]);
    let ask = |format: Value| {
        let Answer { status, text, .. } =
            post(&model, "x", "/v1/chat/completions", &json!({"messages": messages, "response_format": format}));
        assert_eq!(status, 200);
        parsed(&text)
    };
    let plain = ask(json!(null));
    assert_eq!(plain["choices"][0]["message"]["content"], "Scripted work");
    assert_eq!(plain["usage"]["total_tokens"], 0);
    assert_eq!(ask(format)["choices"][0]["message"]["content"], r#"{"title":"scripted"}"#);
    assert!(model.requests().iter().all(|heard| heard.part == Part::Aside));
}
