//! From the spool to steps: redacted, understood, and never told twice.
//!
//! ```text
//! command       spool ─▶ redactor of its stream ─▶ adapter ─▶ events           up to the journalled offset: replayed, not
//! conversation  spool ─▶ adapter ─▶ steps ─▶ their events cleaned             told again
//! ```
//!
//! Owns the adapter. Of a command, its state is a function of the bytes it was fed: after a restart the spool is fed to a fresh
//! one from the beginning, and what was told before is dropped. Must not know files or journals.

use super::clean::Cleaner;
use crate::shim::Chunk;
use ostler_agents::{Adapter, End, Outcome, Redactor, Reply, Step};
use ostler_core::event::{Event, Stream};

pub(in crate::attempt) struct Output {
    adapter: Box<dyn Adapter>,
    redactors: [Redactor; 3],
    /// A conversation's events are cleaned after they were understood.
    cleaner: Option<Cleaner>,
    /// How far the spool was read.
    offset: u64,
    /// How far an earlier life told it.
    told: u64,
    dropped: u64,
}

impl Output {
    /// Of an agent that is only listened to.
    pub(in crate::attempt) fn new(adapter: Box<dyn Adapter>, redactor: Redactor, told: u64) -> Self {
        let redactors = [redactor.fresh(), redactor.fresh(), redactor];
        Self { adapter, redactors, cleaner: None, offset: 0, told, dropped: 0 }
    }

    /// Of an agent that is spoken to.
    pub(in crate::attempt) fn of_conversation(adapter: Box<dyn Adapter>, redactor: Redactor, told: u64) -> Self {
        let cleaner = Some(Cleaner::new(redactor.fresh()));
        Self { cleaner, ..Self::new(adapter, redactor, told) }
    }

    /// How far the spool was read.
    pub(in crate::attempt) fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes on where an earlier life stopped: what lies before is not there any more. False when none got that far.
    pub(super) fn skip(&mut self) -> bool {
        let is_further = self.offset < self.told;
        self.offset = self.offset.max(self.told);
        is_further
    }

    /// Passes over what cannot be read.
    pub(super) fn pass(&mut self, to: u64) {
        self.offset = self.offset.max(to);
    }

    /// True while everything read was told by an earlier life.
    pub(in crate::attempt) fn is_replaying(&self) -> bool {
        self.offset <= self.told
    }

    /// Calls of tools that have begun and not ended.
    pub(super) fn in_flight(&self) -> usize {
        self.adapter.in_flight()
    }

    /// What these chunks mean, which end at `next`; neighbours of one stream are one piece.
    pub(super) fn take(&mut self, chunks: &[Chunk], next: u64) -> Vec<Step> {
        let payload: u64 = chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum();
        let count = u64::try_from(chunks.len()).unwrap_or(1).max(1);
        // All frames carry heads of one size.
        let head = (next - self.offset).saturating_sub(payload) / count;
        let mut steps = Vec::new();
        let mut piece: Option<(Stream, Vec<u8>)> = None;
        for chunk in chunks {
            let replayed = self.offset < self.told;
            self.offset += head + chunk.bytes.len() as u64;
            if replayed {
                drop(self.feed(chunk.stream, &chunk.bytes));
                continue;
            }
            match &mut piece {
                Some((stream, bytes)) if *stream == chunk.stream => bytes.extend_from_slice(&chunk.bytes),
                Some(_) | None => {
                    let done = piece.replace((chunk.stream, chunk.bytes.clone()));
                    steps.extend(done.into_iter().flat_map(|(stream, bytes)| self.feed(stream, &bytes)));
                }
            }
        }
        steps.extend(piece.into_iter().flat_map(|(stream, bytes)| self.feed(stream, &bytes)));
        self.offset = next;
        steps
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Step> {
        let exact = self.cleaner.is_some() && stream == Stream::Out;
        let steps = if exact {
            self.adapter.feed(stream, bytes)
        } else {
            let clean = self.redactors[slot(stream)].feed(bytes);
            self.adapter.feed(stream, &clean)
        };
        self.cleaned(steps)
    }

    /// Answers the agent.
    pub(super) fn reply(&mut self, key: &str, reply: &Reply) -> Vec<Step> {
        let steps = self.adapter.reply(key, reply);
        self.cleaned(steps)
    }

    /// Asks the agent for more; none when it takes only one prompt.
    pub(super) fn prompt(&mut self, text: &str) -> Option<Vec<Step>> {
        let steps = self.adapter.prompt(text)?;
        Some(self.cleaned(steps))
    }

    /// Has the agent stop its turn; none when only signals do.
    pub(super) fn interrupt(&mut self) -> Option<Vec<Step>> {
        let steps = self.adapter.interrupt()?;
        Some(self.cleaned(steps))
    }

    /// `event` as it may be told.
    pub(super) fn clean(&mut self, event: Event) -> Vec<Event> {
        match &mut self.cleaner {
            Some(cleaner) => cleaner.clean(event),
            None => vec![event],
        }
    }

    fn cleaned(&mut self, steps: Vec<Step>) -> Vec<Step> {
        let Some(cleaner) = &mut self.cleaner else { return steps };
        let mut told = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                Step::Event(event) => told.extend(cleaner.clean(event).into_iter().map(Step::Event)),
                // Whoever is asked has read all that was said before.
                Step::Ask(_) | Step::Idle => {
                    told.extend(cleaner.flush().map(Step::Event));
                    told.push(step);
                }
                Step::Send(_) | Step::Withdraw(_) | Step::Session(_) => told.push(step),
            }
        }
        told
    }

    /// The event that says how much output was dropped, when it is more than was said.
    pub(in crate::attempt) fn dropped(&mut self, dropped_bytes: u64, is_all: bool) -> Option<Event> {
        // Said at the first drop, at each doubling and at the end: a flood is told in few words.
        let is_told = dropped_bytes > self.dropped && (is_all || dropped_bytes / 2 >= self.dropped);
        is_told.then(|| {
            self.dropped = dropped_bytes;
            Event::Truncated { dropped_bytes }
        })
    }

    /// What was held back, and the judgement. Nobody is there any more to be answered.
    pub(in crate::attempt) fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let mut told = Vec::new();
        for stream in [Stream::Out, Stream::Err, Stream::Terminal] {
            let rest = self.redactors[slot(stream)].finish();
            let steps = self.adapter.feed(stream, &rest);
            told.extend(events(self.cleaned(steps)));
        }
        let (last, outcome) = self.adapter.end(end);
        for event in last {
            told.extend(self.clean(event));
        }
        told.extend(self.cleaner.as_mut().and_then(Cleaner::flush));
        (told, outcome)
    }
}

/// What is to be kept of `steps`.
fn events(steps: Vec<Step>) -> Vec<Event> {
    let event = |step| if let Step::Event(event) = step { Some(event) } else { None };
    steps.into_iter().filter_map(event).collect()
}

fn slot(stream: Stream) -> usize {
    match stream {
        Stream::Out => 0,
        Stream::Err => 1,
        Stream::Terminal => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_agents::Catalog;

    fn output(told: u64) -> Output {
        Output::new(Catalog::standard().adapter("shell").expect("is there"), Redactor::new(["hunter2-hunter2"]), told)
    }

    fn chunk(stream: Stream, text: &str) -> Chunk {
        Chunk { stream, bytes: text.as_bytes().to_vec() }
    }

    fn text(events: &[Event]) -> String {
        let bytes = events.iter().flat_map(|event| {
            let Event::Output { bytes, .. } = event else { return format!("{event:?}").into_bytes() };
            bytes.clone()
        });
        String::from_utf8(bytes.collect()).expect("text")
    }

    #[test]
    fn a_later_life_tells_exactly_what_the_earlier_did_not() {
        let chunks = ["one hun", "ter2-hun", "ter2 two ", "three"].map(|part| chunk(Stream::Out, part));
        let ends: Vec<u64> = chunks
            .iter()
            .scan(0, |at, c| {
                *at += 5 + c.bytes.len() as u64;
                Some(*at)
            })
            .collect();
        let mut whole = output(0);
        let mut all = events(whole.take(&chunks, ends[3]));
        all.extend(whole.end(End { code: Some(0), signal: None }).0);
        assert!(text(&all).starts_with("one [redacted] two three"), "{}", text(&all));
        for cut in 0..chunks.len() {
            let mut first = output(0);
            let mut told = events(first.take(&chunks[..=cut], ends[cut]));
            let mut second = output(ends[cut]);
            told.extend(events(second.take(&chunks, ends[3])));
            told.extend(second.end(End { code: Some(0), signal: None }).0);
            assert_eq!(text(&told), text(&all), "cut after chunk {cut}");
        }
    }

    #[test]
    fn neighbours_of_one_stream_are_one_event() {
        let chunks = [chunk(Stream::Out, "a"), chunk(Stream::Out, "b"), chunk(Stream::Err, "c")];
        let adapter = Catalog::standard().adapter("shell").expect("is there");
        let mut output = Output::new(adapter, Redactor::new::<&str>([]), 0);
        assert_eq!(output.take(&chunks, 18).len(), 2);
        assert_eq!(output.dropped(0, true), None);
        assert_eq!(output.dropped(10, false), Some(Event::Truncated { dropped_bytes: 10 }));
        for more in 11..20 {
            assert_eq!(output.dropped(more, false), None);
        }
        assert_eq!(output.dropped(20, false), Some(Event::Truncated { dropped_bytes: 20 }));
        assert_eq!(output.dropped(21, true), Some(Event::Truncated { dropped_bytes: 21 }));
        assert_eq!(output.dropped(21, true), None);
    }
}
