//! Agents that speak ACP, as they were recorded: what each is sent, says, asks and has consumed.

mod play;
mod tape;

use ostler_agents::{Adapter, End, Outcome, Reply, Step};
use ostler_core::deed::Deed;
use ostler_core::event::{Event, Stream};
use ostler_core::failure::FailureClass;
use play::check;
use serde_json::{Value, json};
use tape::{adapter, context, launched};

#[test]
fn one_action_allowed_and_one_denied() {
    for agent in ["gemini", "goose", "openhands"] {
        check(&format!("acp-{agent}-decide"), false, &["yes", "no"]);
    }
    // A denial ends their turn: they are told to go on.
    for agent in ["opencode", "qwen", "copilot"] {
        check(&format!("acp-{agent}-decide"), false, &["yes", "no"]);
    }
    // The one asks only before commands, the other only before edits.
    check("acp-kimi-decide", false, &["no"]);
    check("acp-hermes-decide", false, &["yes"]);
}

#[test]
fn an_interrupt_withdraws_what_was_asked() {
    for agent in ["gemini", "goose", "hermes", "openhands"] {
        check(&format!("acp-{agent}-cancel"), false, &["wait"]);
    }
    for agent in ["opencode", "qwen", "kimi"] {
        check(&format!("acp-{agent}-interrupt"), false, &["yes"]);
    }
}

#[test]
fn a_session_goes_on() {
    for agent in ["gemini", "qwen", "copilot", "openhands"] {
        check(&format!("acp-{agent}-follow"), false, &["yes", "then: do more", "yes"]);
    }
    for agent in ["gemini", "goose", "opencode", "qwen", "copilot", "kimi", "openhands"] {
        check(&format!("acp-{agent}-resume"), true, &["yes"]);
    }
}

#[test]
fn a_session_that_is_gone_begins_afresh() {
    for agent in ["gemini", "goose", "kimi"] {
        check(&format!("acp-{agent}-gone"), true, &["yes"]);
    }
}

#[test]
fn questions_and_plans() {
    check("acp-kimi-question", false, &["option 0"]);
    check("acp-qwen-question", false, &["option 0"]);
    check("acp-kimi-plan", false, &[]);
    check("acp-gemini-fetch", false, &["yes"]);
}

#[test]
fn pi_asks_nobody() {
    check("acp-pi-follow", false, &["then: do more"]);
    check("acp-pi-resume", true, &[]);
    check("acp-pi-gone", true, &[]);
    check("acp-pi-401", false, &[]);
    check("acp-pi-interrupt", false, &[]);
}

#[test]
fn a_provider_that_refuses() {
    for agent in ["gemini", "goose", "opencode", "qwen", "copilot", "kimi", "hermes"] {
        check(&format!("acp-{agent}-401"), false, &[]);
    }
}

/// A conversation with an agent that is played by hand: goose, in a session, in its first turn.
struct Hand(Box<dyn Adapter>);

impl Hand {
    fn new() -> Self {
        let mut hand = Self(adapter("goose"));
        launched(hand.0.as_mut(), "goose", &context());
        hand.say(&json!({ "id": 1, "result": { "protocolVersion": 1 } }));
        hand.say(&json!({ "id": 2, "result": { "sessionId": "s" } }));
        hand
    }

    fn say(&mut self, message: &Value) -> Vec<Step> {
        self.0.feed(Stream::Out, format!("{message}\n").as_bytes())
    }

    fn update(&mut self, update: &Value) -> Vec<Step> {
        self.say(&json!({ "method": "session/update", "params": { "sessionId": "s", "update": update } }))
    }

    fn ask(&mut self, id: u64, options: &[&str]) -> Vec<Step> {
        let options: Vec<Value> = options.iter().map(|kind| json!({ "optionId": kind, "kind": kind })).collect();
        let call = json!({ "toolCallId": "c", "title": "shell · make", "rawInput": { "command": "make" } });
        let params = json!({ "sessionId": "s", "toolCall": call, "options": options });
        self.say(&json!({ "id": id, "method": "session/request_permission", "params": params }))
    }

    fn end_turn(&mut self) -> Vec<Step> {
        self.say(&json!({ "id": 3, "result": { "stopReason": "end_turn" } }))
    }
}

const BOTH: [&str; 3] = ["allow_always", "allow_once", "reject_once"];
const YES: Reply = Reply::Allow { text: String::new(), option: None };

fn keys(steps: &[Step]) -> Vec<&str> {
    steps.iter().filter_map(|step| if let Step::Ask(ask) = step { Some(ask.key.as_str()) } else { None }).collect()
}

fn withdrawn(steps: &[Step]) -> Vec<&str> {
    steps.iter().filter_map(|step| if let Step::Withdraw(key) = step { Some(key.as_str()) } else { None }).collect()
}

fn sent(steps: &[Step]) -> Vec<Value> {
    let read = |step: &Step| if let Step::Send(bytes) = step { serde_json::from_slice(bytes).ok() } else { None };
    steps.iter().filter_map(read).collect()
}

#[test]
fn a_question_the_agent_gives_up_is_withdrawn_and_a_late_answer_is_nobodys() {
    let give_up: [fn(&mut Hand) -> Vec<Step>; 4] = [
        Hand::end_turn,
        |hand| hand.update(&json!({ "sessionUpdate": "tool_call_update", "toolCallId": "c", "status": "failed" })),
        |hand| hand.say(&json!({ "method": "$/cancel_request", "params": { "requestId": 7 } })),
        |hand| hand.ask(7, &BOTH),
    ];
    for how in give_up {
        let mut hand = Hand::new();
        let asked = hand.ask(7, &BOTH);
        let [key] = keys(&asked)[..] else { panic!("{asked:?}") };
        let steps = how(&mut hand);
        assert_eq!(withdrawn(&steps), [key]);
        assert_eq!(hand.0.reply(key, &YES), []);
    }
}

#[test]
fn nothing_is_asked_after_an_interrupt_and_yes_is_never_for_ever() {
    let mut hand = Hand::new();
    hand.0.interrupt().expect("in a turn");
    let steps = hand.ask(8, &BOTH);
    assert_eq!((keys(&steps).len(), &sent(&steps)[0]["result"]["outcome"]["outcome"]), (0, &json!("cancelled")));

    let mut hand = Hand::new();
    let asked = hand.ask(9, &["allow_always", "reject_always"]);
    let reply = hand.0.reply(keys(&asked)[0], &YES);
    assert_eq!(sent(&reply)[0]["result"]["outcome"]["outcome"], "cancelled");
    assert!(reply.iter().any(|step| matches!(step, Step::Event(Event::Notice(_)))));
}

#[test]
fn a_command_too_long_to_be_read_is_denied_and_the_agent_is_told_why() {
    let mut hand = Hand::new();
    let call = json!({ "toolCallId": "c", "rawInput": { "command": "x ".repeat(40_000) }, "kind": "execute" });
    let options = json!([{ "optionId": "y", "kind": "allow_once" }, { "optionId": "n", "kind": "reject_once" }]);
    let params = json!({ "sessionId": "s", "toolCall": call, "options": options });
    let steps = hand.say(&json!({ "id": 4, "method": "session/request_permission", "params": params }));
    assert_eq!((keys(&steps).len(), &sent(&steps)[0]["result"]["outcome"]["optionId"]), (0, &json!("n")));
    let next = sent(&hand.end_turn());
    assert!(next[0]["params"]["prompt"][0]["text"].as_str().is_some_and(|text| text.contains("too large")));
}

#[test]
fn an_agent_that_stops_where_it_was_denied_has_not_done_its_work() {
    let mut hand = Hand::new();
    let asked = hand.ask(5, &BOTH);
    let told = hand.0.reply(keys(&asked)[0], &Reply::Deny { text: String::new() });
    assert_eq!(sent(&told)[0]["result"]["outcome"]["optionId"], "reject_once");
    hand.end_turn();
    let (_, outcome) = hand.0.end(End { code: Some(0), signal: None });
    assert!(matches!(outcome, Outcome::Failed { failure, .. } if failure.class == FailureClass::Policy));
}

#[test]
fn a_form_of_one_field_reaches_a_person() {
    let mut hand = Hand::new();
    let schema = json!({ "type": "object", "properties": { "db": { "type": "string", "enum": ["a", "b"] } } });
    let params = json!({ "sessionId": "s", "mode": "form", "message": "which?", "requestedSchema": schema });
    let asked = hand.say(&json!({ "id": "q", "method": "elicitation/create", "params": params }));
    let Some(Step::Ask(ask)) = asked.first() else { panic!("{asked:?}") };
    let options = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(ask.action.deed, Deed::Question { text: "which?".to_owned(), options });
    let answer = sent(&hand.0.reply(&ask.key, &Reply::Allow { text: String::new(), option: Some(1) }));
    assert_eq!(answer[0]["result"], json!({ "action": "accept", "content": { "db": "b" } }));
}

#[test]
fn an_agent_of_another_version_or_without_its_mode_is_not_prompted() {
    let mut hand = adapter("goose");
    launched(hand.as_mut(), "goose", &context());
    let steps = hand.feed(Stream::Out, b"{\"id\":1,\"result\":{\"protocolVersion\":2}}\n");
    assert!(sent(&steps).is_empty() && steps.contains(&Step::Idle));
    assert!(
        matches!(hand.end(End::default()).1, Outcome::Failed { failure, .. } if failure.code == "protocol version")
    );

    let mut hand = adapter("goose");
    launched(hand.as_mut(), "goose", &context());
    hand.feed(Stream::Out, b"{\"id\":1,\"result\":{\"protocolVersion\":1}}\n");
    let modes = json!({ "availableModes": [{ "id": "auto" }], "currentModeId": "auto" });
    let answer = json!({ "id": 2, "result": { "sessionId": "s", "modes": modes } });
    let steps = hand.feed(Stream::Out, format!("{answer}\n").as_bytes());
    assert!(sent(&steps).is_empty() && steps.contains(&Step::Idle) && hand.prompt("more").is_none());
}
