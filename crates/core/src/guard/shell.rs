//! Reading of a POSIX command line, without executing any of it.
//!
//! ```text
//! line ─▶ lexer ─▶ Simple{words, redirections}… + what is unclear about them
//!             └─ nested: $(…) `…` <(…) are read the same way, and are unclear all the same
//! ```
//!
//! Owns quoting and splitting. Must not know programs or rules. What it does not understand it calls unclear and goes on
//! as well as it can, so that whoever denies finds something to deny; nobody allows what is unclear.

mod lexer;
mod nested;
mod word;

pub(super) use lexer::read;
pub(super) use word::{Known, Word};

/// Characters of a line that are read: no person reads a longer one.
const LINE_CHARS_MAX: usize = 16 * 1024;
/// Simple commands of a line: past it, a line is a program.
pub(super) const COMMANDS_MAX: usize = 64;
/// Substitutions and shells within each other.
pub(super) const DEPTH_MAX: usize = 6;

/// A command line as far as it was understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Its simple commands, those of substitutions too.
    pub(super) commands: Vec<Simple>,
    /// The first thing in it that cannot be known before it is executed.
    pub(super) unclear: Option<&'static str>,
}

/// One simple command.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Simple {
    /// Assignments, the program, its arguments.
    pub(super) words: Vec<Word>,
    /// Files it gets as input.
    pub(super) reads: Vec<Word>,
    /// Files its output goes to.
    pub(super) writes: Vec<Word>,
    /// It gets the output of the one before it, or words of the line itself.
    pub(super) is_fed: bool,
    /// Text that it is fed by the line itself.
    pub(super) fed: Vec<String>,
}

impl Simple {
    /// Stands for what was not read: it may be any program.
    fn unknown() -> Self {
        Self { words: vec![Word::unknown(Known::Nothing)], ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.reads.is_empty() && self.writes.is_empty()
    }
}

impl Line {
    /// Says that something is unclear; the first reason stays.
    pub(super) fn doubt(&mut self, why: &'static str) {
        self.unclear.get_or_insert(why);
    }

    /// Takes in what another line does.
    fn absorb(&mut self, other: Self) {
        if let Some(why) = other.unclear {
            self.doubt(why);
        }
        for command in other.commands {
            self.push(command);
        }
    }

    fn push(&mut self, command: Simple) {
        debug_assert!(self.commands.len() <= COMMANDS_MAX, "a line is bounded");
        if self.commands.len() < COMMANDS_MAX - 1 {
            self.commands.push(command);
        } else if self.commands.len() == COMMANDS_MAX - 1 {
            self.doubt("it does too many things");
            self.commands.push(Simple::unknown());
        }
    }
}
