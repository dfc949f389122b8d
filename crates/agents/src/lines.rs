//! Bytes into lines, within a bound.
//!
//! Owns the cutting. Must not know what a line holds.

/// Bytes of a line that is held until it is whole: an agent's tool result may quote a large file; more is not a
/// protocol, and is passed on in pieces.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// A line, or what passes for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Whole, without its end.
    Whole(Vec<u8>),
    /// Part of one that is too long, line end included where there was one.
    Piece(Vec<u8>),
}

/// Cuts one stream.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    held: Vec<u8>,
    overlong: bool,
}

impl Lines {
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.held.extend_from_slice(part);
            if part.ends_with(b"\n") {
                lines.extend(self.take(true));
            } else if self.held.len() > LINE_BYTES_MAX {
                self.overlong = true;
            }
            if self.overlong {
                lines.extend(self.take(false));
            }
        }
        lines
    }

    /// The line that nobody ended.
    pub(crate) fn finish(&mut self) -> Option<Line> {
        self.take(true)
    }

    fn take(&mut self, ended: bool) -> Option<Line> {
        let mut held = std::mem::take(&mut self.held);
        let piece = self.overlong || held.len() > LINE_BYTES_MAX;
        self.overlong = piece && !ended;
        if held.is_empty() {
            return None;
        }
        if piece {
            return Some(Line::Piece(held));
        }
        while matches!(held.last(), Some(b'\n' | b'\r')) {
            held.pop();
        }
        Some(Line::Whole(held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_the_same_at_every_cut() {
        let text = b"one\n\ntwo\r\nthree";
        for at in 0..=text.len() {
            let mut lines = Lines::default();
            let mut all = lines.feed(&text[..at]);
            all.extend(lines.feed(&text[at..]));
            all.extend(lines.finish());
            assert_eq!(all, [whole("one"), whole(""), whole("two"), whole("three")], "cut at {at}");
        }
    }

    #[test]
    fn a_line_without_end_is_passed_on_and_never_held() {
        let mut lines = Lines::default();
        let mut passed = 0;
        for _ in 0..64 {
            for line in lines.feed(&[b'x'; 100_000]) {
                match line {
                    Line::Piece(piece) => passed += piece.len(),
                    Line::Whole(_) => panic!("not whole"),
                }
            }
            assert!(lines.held.len() <= LINE_BYTES_MAX);
        }
        let rest = lines.feed(b"end\nnext\n");
        assert_eq!(rest, [Line::Piece(b"end\n".to_vec()), whole("next")]);
        assert!(passed > LINE_BYTES_MAX);
    }
}
