//! Agents that work through a prompt alone and print one JSON object per line.
//!
//! Owns what they share: the prompt goes in through standard input (an argument would be readable by every user of the
//! machine, and is bounded by the system), lines are parsed, what cannot be parsed is output. Must not know a dialect.

use crate::adapter::{Adapter, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Step, told};
use crate::command::{ended, judge};
use crate::environment::environment;
use crate::lines::{Line, Lines};
use crate::shape::Shaper;
use ostler_core::event::{Event, Stream};
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::task::{Task, Work};
use serde_json::Value;

/// Bytes of a line kept as [`Event::Raw`]; a longer one is kept as output. Well under what one sealed event holds.
const RAW_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one [`Event::Message`]; longer texts become several.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Characters of the sentence an outcome carries.
const SENTENCE_CHARS_MAX: usize = 2_000;

/// What an agent said about its own end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The work is done; the agent's last words.
    Done(String),
    /// It is not; a class, a code in clear, and words that may quote the agent.
    Not(FailureClass, &'static str, String),
}

/// What differs between headless agents.
pub(crate) trait Dialect: Send {
    /// The agent's name in the catalog, which is also its program's.
    fn name(&self) -> &'static str;
    /// Arguments that make it read a prompt from standard input and print lines.
    fn args(&self) -> &'static [&'static str];
    /// Reads one object. False when there is no event for it: it is then kept raw.
    fn read(&mut self, line: &Value, events: &mut Vec<Event>) -> bool;
    /// Its verdict, if it gave one; never from the exit code, which is 0 for many failures.
    fn verdict(&mut self) -> Option<Verdict>;
}

/// A headless agent.
pub(crate) struct Headless<D> {
    dialect: D,
    lines: Lines,
    shaper: Shaper,
}

impl<D: Dialect> Headless<D> {
    pub(crate) fn new(dialect: D) -> Self {
        Self { dialect, lines: Lines::default(), shaper: Shaper::default() }
    }

    fn line(&mut self, line: Line) -> Vec<Event> {
        let whole = match line {
            Line::Piece(piece) => return self.shaper.feed(Stream::Out, &piece),
            Line::Whole(whole) => whole,
        };
        // Banners and warnings share the stream with the protocol.
        let Some(value) = serde_json::from_slice::<Value>(&whole).ok().filter(Value::is_object) else {
            return self.shaper.feed(Stream::Out, &[&whole[..], b"\n"].concat());
        };
        let mut events = Vec::new();
        if !self.dialect.read(&value, &mut events) {
            if whole.len() <= RAW_BYTES_MAX {
                events.push(Event::Raw(whole));
            } else {
                events.extend(self.shaper.feed(Stream::Out, &[&whole[..], b"\n"].concat()));
            }
        }
        events
    }
}

impl<D: Dialect> Adapter for Headless<D> {
    fn launch(&mut self, task: &Task, context: &LaunchContext) -> Result<Launch, LaunchError> {
        let prompt = match &task.work {
            Work::Prompt(prompt) => prompt.clone().into_bytes(),
            Work::Command(_) => return Err(LaunchError::WantsPrompt(self.dialect.name())),
        };
        let name = self.dialect.name();
        let program = context.program.as_ref().map_or_else(|| name.to_owned(), |path| path.display().to_string());
        let argv = std::iter::once(program).chain(self.dialect.args().iter().map(|arg| (*arg).to_owned())).collect();
        let env = environment(context, &task.env, false)?;
        Ok(Launch::Process(Process { argv, env, terminal: None, input: Input::Given(prompt), files: Vec::new() }))
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        told(match stream {
            Stream::Out => self.lines.feed(bytes).into_iter().flat_map(|line| self.line(line)).collect(),
            Stream::Err | Stream::Terminal => self.shaper.feed(stream, bytes),
        })
    }

    fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let mut events: Vec<Event> = self.lines.finish().into_iter().flat_map(|line| self.line(line)).collect();
        events.extend(self.shaper.finish());
        events.push(ended(end));
        let outcome = match self.dialect.verdict() {
            Some(Verdict::Done(words)) => Outcome::Succeeded { message: sentence(&words) },
            Some(Verdict::Not(class, code, words)) => {
                Outcome::Failed { failure: Failure::new(class, code), message: sentence(&words) }
            }
            None => unspoken(end),
        };
        (events, outcome)
    }
}

/// An agent that ended without a verdict broke its protocol, whatever its exit code says.
fn unspoken(end: End) -> Outcome {
    match judge(end) {
        Outcome::Succeeded { .. } => Outcome::Failed {
            failure: Failure::new(FailureClass::Agent, "no verdict"),
            message: "the agent exited without saying whether it was done".to_owned(),
        },
        Outcome::Failed { failure, message } if failure.class == FailureClass::Task => {
            Outcome::Failed { failure: Failure { class: FailureClass::Agent, ..failure }, message }
        }
        other @ Outcome::Failed { .. } => other,
    }
}

fn sentence(words: &str) -> String {
    words.chars().take(SENTENCE_CHARS_MAX).collect()
}

/// A text as messages, each bounded and cut between characters.
pub(crate) fn messages(text: &str, events: &mut Vec<Event>) {
    let mut rest = text;
    while !rest.is_empty() {
        // A character has at most four bytes, so that one of the last four places is between two.
        let mut places = (0..4).filter_map(|back| rest.len().min(MESSAGE_BYTES_MAX).checked_sub(back));
        let cut = places.find(|at| rest.is_char_boundary(*at));
        let (now, later) = rest.split_at(cut.expect("UTF-8 has a boundary in any four bytes"));
        events.push(Event::Message(now.to_owned()));
        rest = later;
    }
}

/// The text at `path`, or nothing.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_loses_nothing() {
        for shift in 0..4 {
            let whole = "x".repeat(shift) + &"𝄞".repeat(MESSAGE_BYTES_MAX / 2);
            let mut events = Vec::new();
            messages(&whole, &mut events);
            let parts: Vec<&str> = events
                .iter()
                .filter_map(|e| if let Event::Message(text) = e { Some(text.as_str()) } else { None })
                .collect();
            assert!(parts.iter().all(|part| !part.is_empty() && part.len() <= MESSAGE_BYTES_MAX));
            assert_eq!(parts.concat(), whole);
        }
        let mut none = Vec::new();
        messages("", &mut none);
        messages("é", &mut none);
        assert_eq!(none, [Event::Message("é".to_owned())]);
    }
}
