//! The tally of one run: whether every mark was heard once and in order, and how long each was under way.
//!
//! Owns the judgement of what was heard. Must not know how it is heard.

use super::mark::marks;
use crate::clock;
use ostler_client::Heard;
use ostler_core::event::Event;
use std::time::Duration;

/// Oddities that are quoted; the rest is counted.
const QUOTED_MAX: usize = 5;

/// What was heard of one run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Marks heard in order, from 1 on.
    pub(crate) heard: u64,
    /// When the first was said, in milliseconds since 1970.
    pub(crate) began_ms: Option<u64>,
    /// Marks that came twice, too early or not at all, and events nobody expected.
    pub(crate) odd: u64,
    /// The first of them, in words.
    pub(crate) quotes: Vec<String>,
    /// Connections that were lost and made again.
    pub(crate) lost: u64,
    /// How long marks were under way since the last look.
    lags: Vec<Duration>,
}

impl Tally {
    /// Takes in one event, now.
    pub(crate) fn hear(&mut self, heard: &Heard) {
        match &heard.event {
            Ok(event) => self.event(event),
            Err(error) => self.odd(format!("event {} cannot be read: {error}", heard.seq)),
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Message(text) | Event::ToolCalled { title: text, .. } | Event::ToolEnded { output: text, .. } => {
                self.text(text);
            }
            Event::Raw(_)
            | Event::Truncated { .. }
            | Event::Output { .. }
            | Event::Failed(_)
            | Event::Limit { .. }
            | Event::Thought(_)
            | Event::Plan(_) => self.odd(format!("nobody said {event:?}")),
            Event::Started { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::Saved { .. }
            | Event::Diff { .. }
            | Event::Ended { .. }
            | Event::Notice(_)
            | Event::Ruled { .. }
            | Event::Withdrawn { .. }
            | Event::Usage(_)
            | Event::Session { .. }
            | Event::TurnEnded { .. }
            | Event::Prompted(_)
            | Event::Checked { .. } => {}
        }
    }

    fn text(&mut self, text: &str) {
        let now_ms = clock::unix_ms();
        for mark in marks(text) {
            self.lags.push(Duration::from_millis(now_ms.saturating_sub(mark.at_ms)));
            self.began_ms.get_or_insert(mark.at_ms);
            let expected = self.heard + 1;
            if mark.number == expected {
                self.heard = expected;
            } else {
                self.odd(format!("mark {} came where {expected} was due", mark.number));
                self.heard = self.heard.max(mark.number);
            }
        }
    }

    /// Counts what should not have been, and quotes the first few.
    pub(crate) fn odd(&mut self, what: String) {
        self.odd += 1;
        if self.quotes.len() < QUOTED_MAX {
            self.quotes.push(what.chars().take(300).collect());
        }
    }

    /// How long marks were under way since this was asked last.
    pub(crate) fn lags(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.lags)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mark::Mark;
    use super::*;

    fn told(numbers: &[u64]) -> Tally {
        let mut tally = Tally::default();
        for number in numbers {
            tally.event(&Event::Message(Mark { number: *number, at_ms: 1 }.to_string()));
        }
        tally
    }

    #[test]
    fn a_gap_a_repeat_and_a_stranger_are_odd() {
        let whole = told(&[1, 2, 3]);
        assert_eq!((whole.heard, whole.odd, whole.began_ms), (3, 0, Some(1)));
        assert_eq!((told(&[1, 3]).odd, told(&[1, 1, 2]).odd, told(&[2]).odd), (1, 1, 1));
        let mut tally = told(&[1]);
        tally.event(&Event::Raw(b"{}".to_vec()));
        assert_eq!((tally.odd, tally.quotes.len(), tally.lags().len()), (1, 1, 1));
    }

    #[test]
    fn several_marks_of_one_text_are_several() {
        let mut tally = Tally::default();
        let text: String = (1..=3).map(|number| Mark { number, at_ms: 1 }.to_string()).collect();
        tally.event(&Event::Message(text));
        assert_eq!((tally.heard, tally.odd), (3, 0));
    }
}
