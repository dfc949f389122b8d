//! Bytes into [`Event::Output`]s: bounded, few, and cut where a reader would cut them.
//!
//! Owns chunking. Must not know where bytes come from or where events go.
//!
//! A chunk never exceeds [`EVENT_OUTPUT_BYTES_MAX`] and never ends inside a UTF-8 character that could still be
//! completed: those up to three bytes wait for the next feed of the same stream. Bytes that are no UTF-8 pass untouched.

use ostler_core::event::{Event, Stream};
use ostler_core::limits::EVENT_OUTPUT_BYTES_MAX;

/// Shapes the output of one attempt. Nothing is held back but an unfinished character per stream.
#[derive(Debug, Default)]
pub struct Shaper {
    held: [Vec<u8>; 3],
}

impl Shaper {
    /// The events that `bytes` of `stream` make.
    pub fn feed(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Event> {
        if bytes.is_empty() {
            return Vec::new();
        }
        let held = &mut self.held[slot(stream)];
        let mut whole = std::mem::take(held);
        whole.extend_from_slice(bytes);
        *held = whole.split_off(whole.len() - unfinished(&whole));
        chunks(stream, &whole)
    }

    /// What is still held back: the characters that nobody completed.
    pub fn finish(&mut self) -> Vec<Event> {
        let held = std::mem::take(&mut self.held);
        [Stream::Out, Stream::Err, Stream::Terminal]
            .into_iter()
            .flat_map(|stream| chunks(stream, &held[slot(stream)]))
            .collect()
    }
}

fn slot(stream: Stream) -> usize {
    match stream {
        Stream::Out => 0,
        Stream::Err => 1,
        Stream::Terminal => 2,
    }
}

fn chunks(stream: Stream, mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::with_capacity(bytes.len().div_ceil(EVENT_OUTPUT_BYTES_MAX));
    while !bytes.is_empty() {
        let mut at = bytes.len().min(EVENT_OUTPUT_BYTES_MAX);
        if at < bytes.len() {
            at -= unfinished(&bytes[..at]);
        }
        let (chunk, rest) = bytes.split_at(at);
        events.push(Event::Output { stream, bytes: chunk.to_vec() });
        bytes = rest;
    }
    events
}

/// How many of the last bytes begin a UTF-8 character that is not yet whole: 0 to 3 (RFC 3629 §3).
fn unfinished(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let needs = match bytes[bytes.len() - back] {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x00..=0x7f | 0xc0 | 0xc1 | 0xf5..=0xff => 1,
        };
        return if needs > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(events: &[Event]) -> Vec<u8> {
        events
            .iter()
            .flat_map(|event| {
                let Event::Output { bytes, .. } = event else { panic!("{event:?}") };
                bytes.clone()
            })
            .collect()
    }

    #[test]
    fn a_character_cut_anywhere_is_given_whole() {
        let text = "añ€𝄞z".as_bytes();
        for at in 0..=text.len() {
            let mut shaper = Shaper::default();
            let mut events = shaper.feed(Stream::Out, &text[..at]);
            events.extend(shaper.feed(Stream::Out, &text[at..]));
            for event in &events {
                let Event::Output { bytes, .. } = event else { panic!() };
                assert!(std::str::from_utf8(bytes).is_ok(), "cut at {at}: {bytes:?}");
            }
            assert_eq!(joined(&events), text);
            assert!(shaper.finish().is_empty());
        }
    }

    #[test]
    fn chunks_are_bounded_lossless_and_end_between_characters() {
        let text = "€".repeat(EVENT_OUTPUT_BYTES_MAX);
        let mut shaper = Shaper::default();
        let events = shaper.feed(Stream::Terminal, text.as_bytes());
        assert_eq!(joined(&events), text.as_bytes());
        assert!(events.len() <= text.len() / (EVENT_OUTPUT_BYTES_MAX - 3) + 1);
        for event in &events {
            let Event::Output { bytes, .. } = event else { panic!() };
            assert!(!bytes.is_empty() && bytes.len() <= EVENT_OUTPUT_BYTES_MAX);
            assert!(std::str::from_utf8(bytes).is_ok());
        }
    }

    #[test]
    fn bytes_that_are_no_text_pass_and_an_unfinished_end_is_not_lost() {
        let mut shaper = Shaper::default();
        let noise = [0xff, 0xc0, 0x80, 0x80, 0x80, 0x80, 0xfe];
        assert_eq!(joined(&shaper.feed(Stream::Err, &noise)), noise);
        assert!(shaper.feed(Stream::Err, &[0xe2, 0x82]).is_empty());
        assert_eq!(joined(&shaper.finish()), [0xe2, 0x82]);
    }

    #[test]
    fn streams_do_not_complete_each_other() {
        let mut shaper = Shaper::default();
        assert!(shaper.feed(Stream::Out, &[0xc3]).is_empty());
        assert_eq!(joined(&shaper.feed(Stream::Err, &[0xa9])), [0xa9]);
        assert_eq!(joined(&shaper.feed(Stream::Out, &[0xa9])), "é".as_bytes());
    }
}
