//! A recording, played to an adapter again.
//!
//! Owns the comparison: what the adapter sends is what was sent then, and what it understands stands beside the recording.

use crate::tape::{adapter, context, launched, recording};
use ostler_agents::{Adapter, Input, Outcome, Reply, Resume, Step};
use ostler_core::event::{Event, Stream};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;

/// Plays `name` in pieces of at most `piece` bytes. What is decided and asked is in `plan`, in order: `yes`, `no: words`,
/// `option 1`, `say: words`, `wait`, and `then: prompt`. The answer has one line per step that is no output, and the outcome.
fn replay(name: &str, resume: bool, plan: &[&'static str], piece: usize) -> String {
    let agent = name.trim_start_matches("acp-").split('-').next().expect("a name");
    let mut adapter = adapter(agent);
    let mut context = context();
    context.resume = resume.then(|| Resume { session: session(name), otherwise: format!("FRESH: {}", context.prompt) });
    let process = launched(adapter.as_mut(), agent, &context);
    assert!(matches!(process.input, Input::Open(_)), "{name}");
    let mut play =
        Play { name, adapter, plan: plan.iter().copied().collect(), sent: VecDeque::new(), told: String::new() };
    let (lines, end) = recording(name);
    for (direction, bytes) in lines {
        match direction.as_str() {
            "in" => play.expect(&bytes),
            _ => {
                let stream = if direction == "out" { Stream::Out } else { Stream::Err };
                for part in bytes.chunks(piece) {
                    let steps = play.adapter.feed(stream, part);
                    play.steps(steps);
                }
            }
        }
    }
    assert!(play.sent.is_empty(), "{name}: said more than was said then: {:?}", play.sent);
    assert_eq!(play.adapter.in_flight(), 0, "{name}: every call has ended");
    let (events, outcome) = play.adapter.end(end);
    play.steps(events.into_iter().map(Step::Event).collect());
    assert!(play.plan.is_empty(), "{name}: everything was decided");
    play.told + &judged(&outcome)
}

/// Compares what `name` becomes, cut anywhere, with what stands beside it.
pub(crate) fn check(name: &str, resume: bool, plan: &[&'static str]) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("transcripts/{name}.steps"));
    let told = replay(name, resume, plan, usize::MAX);
    if std::env::var_os("OSTLER_BLESS").is_some() {
        std::fs::write(&golden, &told).expect("writes");
    }
    let expected = std::fs::read_to_string(&golden).expect("OSTLER_BLESS=1 writes what is missing");
    assert_eq!(told, expected, "{name}");
    // A text agent's question is known by nothing coming after it, so that its pieces are as they came.
    for piece in [1, 7, 4_096].into_iter().filter(|_| !name.starts_with("aider")) {
        assert_eq!(replay(name, resume, plan, piece), expected, "{name} in pieces of {piece}");
    }
}

fn judged(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded { message } => format!("succeeded: {message}\n"),
        Outcome::Failed { failure, message } => {
            format!("failed as {} ({:?}): {message}\n", failure, failure.retry_after_ms)
        }
    }
}

/// The session a resumed recording goes on with: the recording knows it.
fn session(name: &str) -> String {
    let all = String::from_utf8(recording(name).0.into_iter().flat_map(|(_, bytes)| bytes).collect()).expect("UTF-8");
    let after = |mark: &str| all.split(mark).nth(1).map(|rest| rest.split('"').next().unwrap_or_default().to_owned());
    let marks = ["\"session_id\":\"", "\"threadId\":\"", "\"sessionId\":\""];
    marks.into_iter().find_map(after).unwrap_or_else(|| "chat".to_owned())
}

struct Play<'a> {
    name: &'a str,
    adapter: Box<dyn Adapter>,
    plan: VecDeque<&'static str>,
    sent: VecDeque<Vec<u8>>,
    told: String,
}

impl Play<'_> {
    /// What was said to the program here is what the adapter has said; an interrupt is ours to ask for.
    fn expect(&mut self, bytes: &[u8]) {
        if self.sent.is_empty() {
            let steps = self.adapter.interrupt().expect("only an interrupt is sent unasked");
            self.steps(steps);
        }
        let sent = self.sent.pop_front().unwrap_or_default();
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
        assert!(
            read(&sent) == read(bytes) && (sent == bytes || read(bytes).is_some()),
            "{}: {}",
            self.name,
            String::from_utf8_lossy(&sent)
        );
    }

    fn steps(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Event(event) => self.event(&event),
                Step::Send(bytes) => self.sent.extend(bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec)),
                Step::Withdraw(_) => self.told += "withdraw\n",
                Step::Session(_) => {}
                Step::Idle => {
                    self.told += "idle\n";
                    if let Some(words) = self.plan.front().and_then(|next| next.strip_prefix("then: ")) {
                        self.plan.pop_front();
                        let more = self.adapter.prompt(words).expect("takes another prompt");
                        self.steps(more);
                    }
                }
                Step::Ask(ask) => {
                    self.told += &format!("ask {} {}\n", ask.action.deed.kind(), ask.action.deed.line());
                    let next = self.plan.pop_front().expect("a decision");
                    if next != "wait" {
                        let more = self.adapter.reply(&ask.key, &decision(next));
                        self.steps(more);
                    }
                }
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what has no line of its own is shown as it is")]
    fn event(&mut self, event: &Event) {
        let line = match event {
            Event::Output { .. } => return,
            Event::Message(text) => format!("message {text}"),
            Event::Thought(text) => format!("thought {text}"),
            Event::Notice(text) => format!("notice {}", first(text)),
            Event::Failed(text) => format!("failed {}", first(text)),
            Event::Plan(entries) => {
                format!("plan {}", entries.iter().map(|e| format!("{}:{:?} ", e.text, e.state)).collect::<String>())
            }
            Event::ToolCalled { deed, .. } => format!("call {} {}", deed.kind(), deed.line()),
            Event::ToolEnded { ok, output, .. } => format!("ended {ok} {}", first(output)),
            Event::Usage(u) => {
                format!(
                    "usage {} {} {} {:?} {:?}",
                    u.input_tokens, u.output_tokens, u.cached_tokens, u.cost_micros, u.source
                )
            }
            Event::Limit { kind, reset, .. } => format!("limit {kind:?} {reset:?}"),
            Event::Session { resumed, .. } => format!("session {resumed}"),
            Event::TurnEnded { reason } => format!("turn {reason}"),
            Event::Ended { message, .. } => message.clone(),
            Event::Raw(line) => format!("raw {}", first(&String::from_utf8_lossy(line))),
            other => format!("{other:?}"),
        };
        self.told += line.trim_end();
        self.told += "\n";
    }
}

fn first(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(60).collect()
}

fn decision(words: &str) -> Reply {
    let allow = |text: &str, option| Reply::Allow { text: text.to_owned(), option };
    match words.split_once(": ").unwrap_or((words, "")) {
        ("no", text) => Reply::Deny { text: text.to_owned() },
        ("say", text) => allow(text, None),
        (option, _) => allow("", option.strip_prefix("option ").map(|at| at.parse().expect("a number"))),
    }
}
