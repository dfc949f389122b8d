//! One word of a command line, and how much of it is known.

/// How much of a word is known before it is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::guard) enum Known {
    /// All of it, letter by letter.
    #[default]
    Wholly,
    /// It is one word, and may be any.
    One,
    /// It may be any number of words.
    Nothing,
}

/// One word, quotes removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::guard) struct Word {
    /// Its letters, without what is not known.
    pub(in crate::guard) text: String,
    /// How much of it is known.
    pub(in crate::guard) known: Known,
    /// It has an unquoted `*`, `?` or `[`: names of files may take its place.
    pub(in crate::guard) is_glob: bool,
    /// No part of it was quoted: it may be a word of the shell's own.
    pub(in crate::guard) is_bare: bool,
    /// Bytes of `text` before an unquoted `{`, if there is one.
    pub(super) brace: Option<usize>,
}

impl Word {
    /// A word as it is.
    pub(in crate::guard) fn literal(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// A word that may be anything.
    pub(in crate::guard) fn unknown(known: Known) -> Self {
        Self { known, ..Self::default() }
    }

    /// Its letters, if all are known.
    pub(in crate::guard) fn known_text(&self) -> Option<&str> {
        (self.known == Known::Wholly).then_some(self.text.as_str())
    }

    /// Knows less from now on.
    pub(super) fn forget(&mut self, known: Known) {
        self.known = self.known.max(known);
    }

    /// The shell would make several words of it: `{a,b}`, `{1..3}`.
    pub(super) fn expands(&self) -> bool {
        let Some(rest) = self.brace.map(|at| &self.text[at..]) else { return false };
        rest.contains(',') || rest.contains("..")
    }
}
