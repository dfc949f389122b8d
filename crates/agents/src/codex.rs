//! Codex CLI, headless: `codex exec --json` (read against 0.169.0).
//!
//! Owns its lines and its verdict. It asks nobody here and works inside its own sandbox: a command the sandbox refuses
//! leaves no line at all, so that success means no more than that the agent thinks it is done.

use crate::headless::{Dialect, Verdict, messages, text};
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use serde_json::Value;

/// One headless turn.
#[derive(Debug, Default)]
pub(crate) struct Codex {
    last_words: String,
    verdict: Option<Verdict>,
}

impl Dialect for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn args(&self) -> &'static [&'static str] {
        &["exec", "--json", "--skip-git-repo-check", "-s", "workspace-write", "-"]
    }

    fn read(&mut self, line: &Value, events: &mut Vec<Event>) -> bool {
        match (text(line, "/type"), text(line, "/item/type")) {
            ("item.completed", "agent_message") => {
                self.last_words = text(line, "/item/text").to_owned();
                messages(&self.last_words, events);
                true
            }
            ("item.completed", "error") => notice(text(line, "/item/message"), events),
            ("error", _) => notice(text(line, "/message"), events),
            ("turn.completed", _) => {
                self.verdict = Some(Verdict::Done(self.last_words.clone()));
                false
            }
            ("turn.failed", _) => {
                let words = text(line, "/error/message");
                let (class, code) = failure(words);
                self.verdict = Some(Verdict::Not(class, code, words.to_owned()));
                false
            }
            _ => false,
        }
    }

    fn verdict(&mut self) -> Option<Verdict> {
        self.verdict.take()
    }
}

fn notice(words: &str, events: &mut Vec<Event>) -> bool {
    events.push(Event::Notice(words.chars().take(4_096).collect()));
    true
}

/// It gives no status but in its words.
fn failure(words: &str) -> (FailureClass, &'static str) {
    let says = |part: &str| words.contains(part);
    if says("status 401") || says("status 403") || says("Missing environment variable") {
        (FailureClass::Infra, "not signed in")
    } else if says("status: 429") || says("status 429") || says("usage limit") {
        (FailureClass::Limit, "provider limit")
    } else {
        (FailureClass::Agent, "turn failed")
    }
}
