//! An agent that talks to a person in text: its questions are known by their wording (read against aider 0.86.2).
//!
//! ```text
//!  …output…⏎ ⏎ subject⏎ Question? (Y)es/(N)o [Yes]: ▏ ─▶ Ask ─▶ y⏎ | n⏎
//!                                                   └─ more output ─▶ Withdraw: it was no question, it only read like one
//! ```
//!
//! Owns the reading of questions and of what it says about its end. What is printed is output, all of it. Nothing here is
//! enforced: a model can print what reads like a question, so that an answer to it would be taken for the next one.

use super::refusal;
use super::verdict::{Verdict, outcome};
use super::words::{asked, clipped};
use crate::adapter::{Ask, End, Outcome, Reply, Step, told};
use crate::command::{ended, judge};
use crate::shape::Shaper;
use ostler_core::deed::{Action, Deed, FileChange};
use ostler_core::event::{Event, Stream};
use ostler_core::failure::FailureClass;
use ostler_core::usage::{Usage, UsageSource};

/// Bytes of a line that are looked at: no question is longer.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of what stands above a question: the command that would be executed.
const ABOVE_BYTES_MAX: usize = 48 * 1024;
/// What every question ends with.
const CHOICE: &str = " (Y)es/(N)o";

/// One conversation.
#[derive(Debug, Default)]
pub(crate) struct Text {
    shaper: Shaper,
    directory: String,
    /// The line that is not ended.
    line: Vec<u8>,
    /// The lines above it, back to an empty one.
    above: Vec<String>,
    /// The question that waits.
    open: Option<String>,
    asked: u64,
    calls: u64,
    /// Why its model did not answer, until it does.
    trouble: Option<Verdict>,
    answered: bool,
}

/// What a question is to us.
enum Question {
    /// A person decides.
    Decide(Deed),
    /// It only wants to go on with what was decided.
    Yes,
}

impl Text {
    pub(crate) fn new(directory: String) -> Self {
        Self { directory, ..Self::default() }
    }

    pub(crate) fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        let mut steps = told(self.shaper.feed(stream, bytes));
        if stream == Stream::Err || bytes.is_empty() {
            return steps;
        }
        steps.extend(self.open.take().map(Step::Withdraw));
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() < LINE_BYTES_MAX {
                self.line.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.whole(String::from_utf8_lossy(&line).trim_end(), &mut steps);
            }
        }
        steps.extend(self.question());
        steps
    }

    pub(crate) fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        if self.open.as_deref() != Some(key) {
            return Vec::new();
        }
        self.open = None;
        let yes = matches!(reply, Reply::Allow { option: None | Some(0), .. });
        self.say(yes)
    }

    pub(crate) fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let mut steps = Vec::new();
        let line = std::mem::take(&mut self.line);
        self.whole(String::from_utf8_lossy(&line).trim_end(), &mut steps);
        let mut events: Vec<Event> = steps
            .into_iter()
            .filter_map(|step| if let Step::Event(event) = step { Some(event) } else { None })
            .collect();
        events.extend(self.shaper.finish());
        events.push(ended(end));
        (events, self.judged(end))
    }

    /// It exits with 0 whatever became of it: what it said last about its model decides.
    fn judged(&mut self, end: End) -> Outcome {
        if !matches!(judge(end), Outcome::Succeeded { .. }) {
            return outcome(self.trouble.take(), end);
        }
        let verdict = self.trouble.take().unwrap_or_else(|| match self.answered {
            true => Verdict::Done("the agent answered and exited".to_owned()),
            false => Verdict::not(FailureClass::Agent, "no answer", "the agent exited without an answer of its model"),
        });
        outcome(Some(verdict), end)
    }

    /// A line that is ended.
    fn whole(&mut self, line: &str, steps: &mut Vec<Step>) {
        if let Some(path) = line.strip_prefix("Applied edit to ") {
            steps.extend(self.applied(path));
        } else if let Some(usage) = usage(line) {
            (self.answered, self.trouble) = (true, None);
            steps.push(Step::Event(Event::Usage(usage)));
        } else if line.starts_with("litellm.") || line.starts_with("The API provider") {
            steps.extend(self.troubled(line));
        }
        if line.is_empty() {
            self.above.clear();
        } else if self.above.iter().map(String::len).sum::<usize>() + line.len() <= ABOVE_BYTES_MAX {
            self.above.push(line.to_owned());
        }
    }

    fn applied(&mut self, path: &str) -> Vec<Step> {
        self.calls += 1;
        let call = format!("edit-{}", self.calls);
        let changes = vec![FileChange { path: clipped(path, 4_096), diff: String::new() }];
        let begun = Event::ToolCalled { call: call.clone(), deed: Deed::Edit { changes }, title: String::new() };
        told(vec![begun, Event::ToolEnded { call, ok: true, output: String::new() }])
    }

    /// The first line of a trouble is its kind; what follows explains it.
    fn troubled(&mut self, line: &str) -> Option<Step> {
        let refusal = refusal::read(line);
        let words = clipped(line, 2_000);
        if self.trouble.is_some() && refusal.is_none() {
            return None;
        }
        let (verdict, event) = match refusal {
            Some(refusal) => (Verdict::Not(refusal.failure(), words.clone()), refusal.event(&words)),
            None => (Verdict::not(FailureClass::Agent, "model failed", words.clone()), Event::Failed(words)),
        };
        let known = self.trouble.replace(verdict).is_some();
        (!known).then_some(Step::Event(event))
    }

    /// The question that the open line is, if it is one.
    fn question(&mut self) -> Vec<Step> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        let Some((question, choice)) = line.split_once(CHOICE) else { return Vec::new() };
        if !choice.trim_end().ends_with("]:") || choice.len() > 64 {
            return Vec::new();
        }
        let deed = match read(question, &self.above.join("\n")) {
            Question::Yes => return self.say(true),
            Question::Decide(deed) => deed,
        };
        let Some(deed) = asked(deed) else { return self.say(false) };
        self.asked += 1;
        let key = format!("question-{}", self.asked);
        self.open = Some(key.clone());
        let action = Action::new(deed, &self.directory, question);
        vec![Step::Ask(Ask { key, action, patience_ms: None })]
    }

    fn say(&mut self, yes: bool) -> Vec<Step> {
        self.line.clear();
        self.above.clear();
        vec![Step::Send(if yes { b"y\n".to_vec() } else { b"n\n".to_vec() })]
    }
}

/// Aider's questions. `above` is what it shows over them.
fn read(question: &str, above: &str) -> Question {
    let subject = above.to_owned();
    Question::Decide(match question {
        "Create new file?" | "Allow edits to file that has not been added to the chat?" => {
            Deed::Edit { changes: vec![FileChange { path: subject, diff: String::new() }] }
        }
        "Run shell command?" | "Run shell commands?" => Deed::Command { line: subject },
        "Add file to the chat?" => Deed::Read { path: subject },
        "Add URL to the chat?" => Deed::Fetch { url: subject },
        // The command was decided; what it printed goes where any agent's output goes.
        "Add command output to the chat?" => return Question::Yes,
        other => {
            let text = [above, other].join("\n").trim().to_owned();
            Deed::Question { text, options: vec!["Yes".to_owned(), "No".to_owned()] }
        }
    })
}

/// `Tokens: 1.9k sent, 21 received. Cost: $0.0061 message, $0.02 session.`: rounded, and so a guess.
fn usage(line: &str) -> Option<Usage> {
    let (tokens, cost) = line.strip_prefix("Tokens: ")?.split_once(" received.")?;
    let mut usage = Usage { source: UsageSource::Estimated, ..Usage::default() };
    for part in tokens.split(", ") {
        let mut words = part.split(' ');
        let count = words.next().and_then(count)?;
        match words.next() {
            Some("sent") => usage.input_tokens = count,
            Some("cache") if words.next() == Some("hit") => usage.cached_tokens = count,
            Some(_) => {}
            None => usage.output_tokens = count,
        }
    }
    let dollars = cost.trim().strip_prefix("Cost: $").and_then(|cost| cost.split(' ').next()?.parse::<f64>().ok());
    usage.cost_micros = dollars.map(|dollars| whole(dollars * 1_000_000.0));
    Some(usage)
}

/// `21`, `1.9k`, `12k`, `1.2M`.
fn count(word: &str) -> Option<u64> {
    let (digits, unit) = match word.strip_suffix('k') {
        Some(thousands) => (thousands, 1e3),
        None => word.strip_suffix('M').map_or((word, 1.0), |millions| (millions, 1e6)),
    };
    digits.replace(',', "").parse::<f64>().ok().map(|number| whole(number * unit))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates, and below zero it is zero"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(steps: &[Step]) -> Vec<&Ask> {
        steps.iter().filter_map(|step| if let Step::Ask(ask) = step { Some(ask) } else { None }).collect()
    }

    fn check(above: &str, question: &str, kind: &str, line: &str) {
        let mut text = Text::new("/srv".to_owned());
        let steps = text
            .feed(Stream::Out, format!("words\n\n{above}{question} (Y)es/(N)o/(D)on't ask again [Yes]: ").as_bytes());
        let [ask] = asks(&steps)[..] else { panic!("{steps:?}") };
        assert_eq!((ask.action.deed.kind(), ask.action.deed.line().as_str()), (kind, line));
        let no = text.reply(&ask.key, &Reply::Deny { text: "no".to_owned() });
        assert_eq!(no, [Step::Send(b"n\n".to_vec())]);
        assert_eq!(text.reply(&ask.key, &Reply::Deny { text: "no".to_owned() }), [], "answered once");
    }

    #[test]
    fn questions_are_known_by_their_wording() {
        check("src/a.rs\n", "Create new file?", "write", "src/a.rs");
        check("one   \ntwo\n", "Run shell commands?", "command", "one\ntwo");
        check("b.rs\n", "Add file to the chat?", "read", "b.rs");
        check("", "Try to proceed anyway?", "question", "Try to proceed anyway?");
    }

    #[test]
    fn what_only_reads_like_a_question_is_withdrawn() {
        let mut text = Text::default();
        let steps = text.feed(Stream::Out, b"\nls\nRun shell command? (Y)es/(N)o [Yes]: ");
        let key = asks(&steps)[0].key.clone();
        assert!(text.feed(Stream::Out, b"\n").contains(&Step::Withdraw(key.clone())));
        assert_eq!(text.reply(&key, &Reply::Allow { text: String::new(), option: None }), []);
        let whole = text.feed(Stream::Out, b"ls\nRun shell command? (Y)es/(N)o [Yes]: \nmore\n");
        assert!(asks(&whole).is_empty());
    }

    #[test]
    fn tokens_and_cost_are_read_from_its_words() {
        let usage = usage("Tokens: 1.9k sent, 1.2k cache hit, 21 received. Cost: $0.0061 message, $0.02 session.")
            .expect("read");
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (1_900, 1_200, 21));
        assert_eq!(usage.cost_micros, Some(6_100));
        assert_eq!(super::usage("Tokens: many sent, 1 received."), None);
    }
}
