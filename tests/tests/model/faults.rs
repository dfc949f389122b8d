//! What goes wrong on purpose: refusals in each provider's words, broken and held streams, and how often.

use crate::caller::{Answer, post};
use ostler_tests::{Heard, Model, Part, Scripts, Step, Trouble, WAIT};
use serde_json::{Value, json};
use std::time::Duration;

/// The same question in every protocol: its path, and a request with one tool.
fn asked(prompt: &str) -> [(&'static str, Value); 4] {
    let schema = json!({"properties": {"command": {"type": "string"}}});
    let function = json!({"name": "bash", "parameters": schema});
    let said = json!([{"role": "user", "content": prompt}]);
    [
        (
            "/v1/messages",
            json!({"stream": true, "messages": said, "tools": [{"name": "bash", "input_schema": schema}]}),
        ),
        (
            "/v1/responses",
            json!({"stream": true, "input": said, "tools": [{"type": "function", "name": "bash", "parameters": schema}]}),
        ),
        (
            "/v1/chat/completions",
            json!({"stream": true, "messages": said, "tools": [{"type": "function", "function": function}]}),
        ),
        (
            "/v1beta/models/m:streamGenerateContent",
            json!({
                "contents": [{"role": "user", "parts": [{"text": prompt}]}],
                "tools": [{"functionDeclarations": [function]}],
            }),
        ),
    ]
}

/// What each protocol's stream ends with when it is whole.
const ENDS: [&str; 4] = ["message_stop", "response.completed", "[DONE]", "\"STOP\""];

fn all(model: &Model, tag: &str, prompt: &str) -> Vec<Answer> {
    asked(prompt).iter().map(|(path, body)| post(model, tag, path, body)).collect()
}

#[track_caller]
fn check_refusal(fault: &str, status: u16, kinds: [&str; 4]) {
    let model = Model::start(Scripts::builtin());
    let answers = all(&model, "x", &format!("[[script:say {fault}]]"));
    for (answer, kind) in answers.iter().zip(kinds) {
        let error = &answer.json()["error"];
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(error["type"] == kind || error["code"] == kind || error["status"] == kind, "{answer:?} is no {kind}");
        assert_eq!(answer.head.contains("retry-after: 7"), fault.contains("after=7"), "{answer:?}");
    }
    assert!(model.requests().iter().all(|heard| heard.status == status && !heard.is_charged()));
}

#[test]
fn a_refusal_is_in_the_words_of_its_provider() {
    check_refusal("fault=401", 401, ["authentication_error", "invalid_api_key", "invalid_api_key", "UNAUTHENTICATED"]);
    let region = "unsupported_country_region_territory";
    check_refusal("fault=403", 403, ["permission_error", region, region, "PERMISSION_DENIED"]);
    let quota = "insufficient_quota";
    check_refusal("fault=429", 429, ["rate_limit_error", quota, quota, "RESOURCE_EXHAUSTED"]);
    let (usage, rate) = ("usage_limit_reached", "rate_limit_exceeded");
    check_refusal("fault=429 after=7", 429, ["rate_limit_error", usage, rate, "RESOURCE_EXHAUSTED"]);
    check_refusal("fault=529", 529, ["overloaded_error", "server_error", "server_error", "UNAVAILABLE"]);
}

#[test]
fn a_dropped_stream_has_a_beginning_and_no_end() {
    let model = Model::start(Scripts::builtin());
    for (broken, end) in all(&model, "x", "[[script:say fault=drop]]").iter().zip(ENDS) {
        assert_eq!(broken.status, 200);
        assert!(broken.text.contains("data: {") && !broken.text.contains(end), "{broken:?}");
    }
    assert!(model.requests().iter().all(|heard| heard.trouble == Some(Trouble::Drop) && !heard.is_charged()));
    for (whole, end) in all(&model, "x", "[[script:say]]").iter().zip(ENDS) {
        assert!(whole.text.contains(end), "{whole:?}");
    }
}

#[test]
fn garbage_is_no_json() {
    let model = Model::start(Scripts::builtin());
    for garbled in all(&model, "x", "[[script:say fault=garbage]]") {
        let data = garbled.text.strip_prefix("data: ").expect("an event");
        assert!(serde_json::from_str::<Value>(data.trim()).is_err(), "{data}");
    }
}

#[test]
fn a_fault_strikes_as_often_as_it_is_told_to_per_prompt_and_tag() {
    let model = Model::start(Scripts::builtin());
    let statuses = |tag: &str, prompt: &str| -> Vec<u16> {
        let (path, body) = &asked(prompt)[0];
        (0..4).map(|_| post(&model, tag, path, body).status).collect()
    };
    let prompt = "[[script:say fault=529 times=2]]";
    assert_eq!(statuses("a", prompt), [529, 529, 200, 200]);
    assert_eq!(statuses("b", prompt), [529, 529, 200, 200]);
    assert_eq!(statuses("a", "[[script:say fault=529 times=2 again=1]]"), [529, 529, 200, 200]);
    assert_eq!(statuses("a", "[[script:shell fault=529 at=1]]"), [200; 4]);
}

#[test]
fn a_script_of_the_test_may_be_struck_too() {
    let trouble = Trouble::Status { status: 500, retry_after_s: None };
    let steps = vec![Step::shell("ls").struck(trouble, Some(1)), Step::say("done")];
    let model = Model::start(Scripts::builtin().with("mine", steps));
    let statuses: Vec<u16> = all(&model, "x", "[[script:mine]]").iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [500, 200, 200, 200]);
    assert!(model.requests().iter().all(|heard| heard.part == Part::Scripted("mine".to_owned(), 0)));
}

#[test]
fn what_is_held_comes_once_it_is_released() {
    let model = Model::start(Scripts::builtin());
    let (path, body) = &asked("[[script:say fault=hold]]")[0];
    std::thread::scope(|scope| {
        let held = scope.spawn(|| post(&model, "x", path, body));
        let free = post(&model, "y", path, &asked("[[script:say]]")[0].1);
        assert_eq!(free.status, 200, "others are served meanwhile");
        until(|| !model.heard("x").is_empty());
        assert!(!held.is_finished(), "it is held");
        model.release("x");
        assert!(held.join().expect("answered").text.contains("message_stop"));
    });
}

fn until(mut there: impl FnMut() -> bool) {
    let look = Duration::from_millis(5);
    let looks = WAIT.as_millis() / look.as_millis();
    assert!((0..looks).any(|_| there() || {
        std::thread::sleep(look);
        false
    }));
}

#[test]
fn a_tag_may_want_a_key_of_its_own() {
    let model = Model::start(Scripts::builtin().keyed("x", "right"));
    let (path, body) = &asked("[[script:say]]")[0];
    let with = |tag: &str, header: &str| {
        let request = format!("POST /t/{tag}{path}");
        crate::caller::send(&model, &request, &[header], &body.to_string()).status
    };
    assert_eq!(with("x", "x-api-key: right"), 200);
    assert_eq!(with("x", "authorization: Bearer right"), 200);
    assert_eq!(with("x", "x-goog-api-key: wrong"), 401);
    assert_eq!(with("y", "x-api-key: wrong"), 200);
    let keys: Vec<String> = model.requests().into_iter().map(|Heard { key, .. }| key).collect();
    assert_eq!(keys, ["right", "right", "wrong", "wrong"]);
}

#[test]
fn a_paced_stream_comes_in_its_own_time() {
    let model = Model::start(Scripts::builtin());
    let (path, body) = &asked("[[script:say pace=20]]")[0];
    #[expect(clippy::disallowed_methods, reason = "the pause is real")]
    let started = std::time::Instant::now();
    let answer = post(&model, "x", path, body);
    let pauses = u32::try_from(answer.events().len()).expect("a few");
    assert!(started.elapsed() >= Duration::from_millis(20) * pauses, "{answer:?}");
}
