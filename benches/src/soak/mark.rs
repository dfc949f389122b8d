//! Marks: a number and a time in a text, found again wherever the text went.

use std::fmt;

/// `#17@1795242132420;`: which one it is, and when it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// From 1, without gaps.
    pub(crate) number: u64,
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}@{};", self.number, self.at_ms)
    }
}

/// All marks of a text, in order. What only looks like one is passed over.
pub(crate) fn marks(text: &str) -> impl Iterator<Item = Mark> {
    text.split('#').skip(1).filter_map(|rest| {
        let (number, at_ms) = rest.split_once(';')?.0.split_once('@')?;
        Some(Mark { number: number.parse().ok()?, at_ms: at_ms.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_where_they_were_put() {
        let [first, second] = [(7, 1_795_242_132_420), (8, 0)].map(|(number, at_ms)| Mark { number, at_ms });
        let text = format!("# no #3@x; none {first} read #4@5 a.rs{second}#");
        assert_eq!(marks(&text).collect::<Vec<_>>(), [first, second]);
    }
}
