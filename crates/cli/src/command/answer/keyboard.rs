//! The person at the terminal: one question at a time, one line as the answer.
//!
//! ```text
//! question ─▶ turn (one at a time) ─▶ page, prompt ─▶ line ─▶ Word
//!                                          ▲            └ not understood ─┐
//!                                          └──────────────────────────────┘
//! ```
//!
//! Owns the one reader of stdin. A question that is dropped (answered elsewhere, withdrawn) is no longer asked; what was
//! typed before a question was shown is never its answer.

use super::Word;
use crate::out::{self, Paint};
use ostler_core::approval::{Action, Deed};
use ostler_core::guard::for_this_run;
use std::io::BufRead;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard, mpsc};

/// Lines as they are typed.
type Lines = mpsc::UnboundedReceiver<String>;

/// The keyboard. Clones are the same one; a second one beside it would read the first one's lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keyboard {
    lines: Arc<Mutex<Option<Lines>>>,
}

impl Keyboard {
    /// A person's, when one can be asked and nobody said otherwise.
    pub(crate) fn of_person(no_input: bool) -> Option<Self> {
        (!no_input && out::can_ask()).then(Self::default)
    }

    /// Waits until nobody else is being asked.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn(self.lines.lock().await)
    }
}

/// The right to ask, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(MutexGuard<'a, Option<Lines>>);

impl Turn<'_> {
    /// Shows `page` and waits for a word about `action`. None when nobody is there (any more).
    pub(crate) async fn ask(&mut self, page: &str, action: &Action) -> Option<Word> {
        if !out::can_ask() {
            return None;
        }
        let lines = self.0.get_or_insert_with(read);
        out::forget_typed();
        while lines.try_recv().is_ok() {}
        out::note(page);
        loop {
            out::ask(&Paint::stderr().bold(&prompt(action)));
            let line = lines.recv().await?;
            match parse(line.trim(), action) {
                Some(word) => return Some(word),
                None if line.trim().is_empty() => {}
                None => out::note("not understood"),
            }
        }
    }
}

/// Reads on a thread of its own, which the process does not wait for: a terminal cannot be asked with a deadline.
fn read() -> Lines {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while matches!(std::io::stdin().lock().read_line(&mut line), Ok(1..)) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                break;
            }
        }
    });
    lines
}

/// What can be said.
fn prompt(action: &Action) -> String {
    match &action.deed {
        Deed::Question { options, .. } if options.is_empty() => "your answer, or - to refuse: ".to_owned(),
        Deed::Question { options, .. } => format!("1 to {}, other words, or - to refuse: ", options.len()),
        Deed::Program(_)
        | Deed::Command { .. }
        | Deed::Read { .. }
        | Deed::Edit { .. }
        | Deed::Search { .. }
        | Deed::Fetch { .. }
        | Deed::Subagent { .. }
        | Deed::Mcp { .. }
        | Deed::Other { .. } => {
            let all = if for_this_run(action).is_some() { ", [a]ll like it in this run" } else { "" };
            format!("[y]es, [n]o{all}, or what to do instead: ")
        }
    }
}

/// The word of a line; none when it is none.
fn parse(line: &str, action: &Action) -> Option<Word> {
    if let Deed::Question { options, .. } = &action.deed {
        return answer(line, options.len());
    }
    let lower = line.to_lowercase();
    match lower.as_str() {
        "y" | "yes" => Some(Word::Yes(String::new())),
        "n" | "no" => Some(Word::No(String::new())),
        "a" | "all" => for_this_run(action).map(|_| Word::ForRun(String::new())),
        // A single word is more likely a slip than an instruction.
        _ => line.split_once(char::is_whitespace).map(|(first, rest)| {
            let no = ["n", "no", "no,", "no:"].contains(&first.to_lowercase().as_str());
            Word::No(if no { rest } else { line }.trim().to_owned())
        }),
    }
}

fn answer(line: &str, options: usize) -> Option<Word> {
    match (line, line.parse::<u32>()) {
        ("", _) => None,
        ("-", _) => Some(Word::No(String::new())),
        (_, Ok(n)) if options > 0 => {
            let is_one = n > 0 && usize::try_from(n).is_ok_and(|n| n <= options);
            is_one.then_some(Word::Choose(n))
        }
        (words, _) => Some(Word::Answer(words.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::answer::tests::colours;

    fn parsed(line: &str, deed: Deed) -> Option<Word> {
        parse(line, &Action::new(deed, "/srv", ""))
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        let read = || Deed::Read { path: "x".to_owned() };
        for yes in ["y", "Y", "yes", "YES"] {
            assert_eq!(parsed(yes, read()), Some(Word::Yes(String::new())));
        }
        for no in ["n", "No"] {
            assert_eq!(parsed(no, read()), Some(Word::No(String::new())));
        }
        for again in ["", "yess", "1", "why?"] {
            assert_eq!(parsed(again, read()), None, "{again}");
        }
        assert_eq!(parsed("no, use make", read()), Some(Word::No("use make".to_owned())));
        assert_eq!(parsed("yes but only once", read()), Some(Word::No("yes but only once".to_owned())));
    }

    #[test]
    fn a_question_takes_a_number_or_words() {
        assert_eq!(parsed("2", colours()), Some(Word::Choose(2)));
        assert_eq!(parsed("3", colours()), None, "there is no third");
        assert_eq!(parsed("no", colours()), Some(Word::Answer("no".to_owned())));
        assert_eq!(parsed("-", colours()), Some(Word::No(String::new())));
        let free = Deed::Question { text: "how many?".to_owned(), options: Vec::new() };
        assert_eq!(parsed("3", free), Some(Word::Answer("3".to_owned())));
    }
}
