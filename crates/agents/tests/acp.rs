//! Agents that speak ACP, as they were recorded: what each is sent, says, asks and has consumed.

mod play;
mod tape;

use play::check;

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
