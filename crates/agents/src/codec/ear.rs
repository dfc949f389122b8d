//! What an agent prints: JSON objects, one per line, and the noise between them.
//!
//! Owns the telling apart. Must not know what an object means. Nothing is lost: what is no object is output.

use crate::lines::{Line, Lines};
use crate::shape::Shaper;
use ostler_core::event::{Event, Stream};
use serde_json::Value;

/// Bytes of a line kept as [`Event::Raw`]; a longer one is kept as output. Well under what one sealed event holds.
const RAW_BYTES_MAX: usize = 256 * 1024;

/// A part of what was printed.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A JSON object, and the line it came in.
    Object(Value, Vec<u8>),
    /// Anything else, as it is kept.
    Noise(Vec<Event>),
}

/// Listens to one attempt.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    lines: Lines,
    shaper: Shaper,
}

impl Ear {
    /// What `bytes` of `stream` are. Only standard output carries the protocol.
    pub(crate) fn hear(&mut self, stream: Stream, bytes: &[u8]) -> Vec<Heard> {
        match stream {
            Stream::Out => self.lines.feed(bytes).into_iter().map(|line| self.line(line)).collect(),
            Stream::Err | Stream::Terminal => vec![Heard::Noise(self.shaper.feed(stream, bytes))],
        }
    }

    /// The line that nobody ended.
    pub(crate) fn rest(&mut self) -> Option<Heard> {
        self.lines.finish().map(|line| self.line(line))
    }

    /// The characters that nobody completed. Call it last.
    pub(crate) fn finish(&mut self) -> Vec<Event> {
        self.shaper.finish()
    }

    /// A line for whose object there is no word.
    pub(crate) fn keep(&mut self, line: Vec<u8>) -> Vec<Event> {
        if line.len() <= RAW_BYTES_MAX { vec![Event::Raw(line)] } else { self.output(line) }
    }

    fn line(&mut self, line: Line) -> Heard {
        let whole = match line {
            Line::Piece(piece) => return Heard::Noise(self.shaper.feed(Stream::Out, &piece)),
            Line::Whole(whole) => whole,
        };
        match serde_json::from_slice::<Value>(&whole).ok().filter(Value::is_object) {
            Some(object) => Heard::Object(object, whole),
            None => Heard::Noise(self.output(whole)),
        }
    }

    fn output(&mut self, mut line: Vec<u8>) -> Vec<Event> {
        line.push(b'\n');
        self.shaper.feed(Stream::Out, &line)
    }
}
