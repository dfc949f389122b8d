//! Claude Code, Codex and Aider, as they were recorded.

mod play;
mod tape;

use play::check;

#[test]
fn claude_decided_upon() {
    check("claude-decide", false, &["yes", "no: use another way"]);
    check("claude-question", false, &["option 1"]);
    check("claude-withdrawn", false, &["wait"]);
}

#[test]
fn claude_thinks_and_plans() {
    check("claude-plan", false, &[]);
    check("claude-think", false, &[]);
}

#[test]
fn claude_in_trouble() {
    for name in ["401", "529", "drop", "killed", "nokey", "maxturns"] {
        check(&format!("claude-{name}"), false, &[]);
    }
    check("claude-interrupt", false, &["yes"]);
}

#[test]
fn claude_goes_on() {
    check("claude-follow", false, &["then: do more", "yes"]);
    check("claude-resume", true, &["yes"]);
    check("claude-gone", true, &[]);
}

#[test]
fn codex_decided_upon() {
    check("codex-decide", false, &["yes", "no: use another way"]);
    check("codex-question", false, &["option 1"]);
    check("codex-withdrawn", false, &["wait"]);
}

#[test]
fn codex_in_trouble() {
    for name in ["401", "429", "quota", "drop", "signedout"] {
        check(&format!("codex-{name}"), false, &[]);
    }
    check("codex-interrupt", false, &["yes"]);
}

#[test]
fn codex_goes_on() {
    check("codex-follow", false, &["then: do more", "yes"]);
    check("codex-resume", true, &["yes"]);
    check("codex-gone", true, &[]);
}

#[test]
fn aider_in_text() {
    check("aider-decide", false, &["yes", "no"]);
    check("aider-resume", true, &["yes"]);
    check("aider-401", false, &[]);
}
