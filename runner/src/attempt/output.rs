//! From the spool to events: redacted, understood, and never told twice.
//!
//! ```text
//! spool ─▶ redactor of its stream ─▶ adapter ─▶ events        up to the journalled offset: replayed, not told again
//! ```
//!
//! Owns the adapter. An adapter's state is a function of the bytes it was fed: after a restart the spool is fed to a fresh one
//! from the beginning, and what was told before is dropped. Must not know files or journals.

use crate::shim::Chunk;
use ostler_agents::{Adapter, End, Outcome, Redactor, Step};
use ostler_core::event::{Event, Stream};

pub(super) struct Output {
    adapter: Box<dyn Adapter>,
    redactors: [Redactor; 3],
    /// How far the spool was read.
    offset: u64,
    /// How far an earlier life told it.
    told: u64,
    dropped: u64,
}

impl Output {
    pub(super) fn new(adapter: Box<dyn Adapter>, redactor: Redactor, told: u64) -> Self {
        let redactors = [redactor.fresh(), redactor.fresh(), redactor];
        Self { adapter, redactors, offset: 0, told, dropped: 0 }
    }

    /// How far the spool was read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// True while everything read was told by an earlier life.
    pub(super) fn is_replaying(&self) -> bool {
        self.offset <= self.told
    }

    /// The events of these chunks, which end at `next`; neighbours of one stream are one piece.
    pub(super) fn take(&mut self, chunks: &[Chunk], next: u64) -> Vec<Event> {
        let payload: u64 = chunks.iter().map(|chunk| chunk.bytes.len() as u64).sum();
        let count = u64::try_from(chunks.len()).unwrap_or(1).max(1);
        // All frames carry heads of one size.
        let head = (next - self.offset).saturating_sub(payload) / count;
        let mut events = Vec::new();
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
                    events.extend(done.into_iter().flat_map(|(stream, bytes)| self.feed(stream, &bytes)));
                }
            }
        }
        events.extend(piece.into_iter().flat_map(|(stream, bytes)| self.feed(stream, &bytes)));
        self.offset = next;
        events
    }

    fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Event> {
        let clean = self.redactors[slot(stream)].feed(bytes);
        events(self.adapter.feed(stream, &clean))
    }

    /// The event that says how much output was dropped, when it is more than was said.
    pub(super) fn dropped(&mut self, dropped_bytes: u64) -> Option<Event> {
        let before = self.dropped;
        self.dropped = before.max(dropped_bytes);
        // Said at the first drop and at each doubling: a flood is told in few words.
        (dropped_bytes > 0 && dropped_bytes / 2 >= before).then_some(Event::Truncated { dropped_bytes })
    }

    /// What was held back, and the judgement.
    pub(super) fn end(&mut self, end: End) -> (Vec<Event>, Outcome) {
        let mut told = Vec::new();
        for stream in [Stream::Out, Stream::Err, Stream::Terminal] {
            let rest = self.redactors[slot(stream)].finish();
            told.extend(events(self.adapter.feed(stream, &rest)));
        }
        let (last, outcome) = self.adapter.end(end);
        told.extend(last);
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
        let mut all = whole.take(&chunks, ends[3]);
        all.extend(whole.end(End { code: Some(0), signal: None }).0);
        assert!(text(&all).starts_with("one [redacted] two three"), "{}", text(&all));
        for cut in 0..chunks.len() {
            let mut first = output(0);
            let mut told = first.take(&chunks[..=cut], ends[cut]);
            let mut second = output(ends[cut]);
            told.extend(second.take(&chunks, ends[3]));
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
        assert_eq!(output.dropped(0), None);
        assert_eq!(output.dropped(10), Some(Event::Truncated { dropped_bytes: 10 }));
        assert_eq!(output.dropped(11), None);
    }
}
