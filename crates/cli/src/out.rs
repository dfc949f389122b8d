//! The terminal: where text goes, how wide it is, whether it has colours. Must not know what is said.
//!
//! Results go to stdout; progress, warnings and errors to stderr. A reader that closes its pipe has read enough.

use std::io::{IsTerminal, Write};

/// Columns when nobody says: the width mail and terminals agree on.
const WIDTH: usize = 80;
/// Narrower is a mistake of the terminal, or unreadable anyway.
const WIDTH_MIN: usize = 40;

/// Writes one line to stdout.
pub(crate) fn line(text: &str) {
    raw(format!("{text}\n").as_bytes());
}

/// Writes bytes to stdout as they are.
pub(crate) fn raw(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    if written.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// Writes one line to stderr.
pub(crate) fn note(text: &str) {
    // Without a stderr there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// A warning on stderr.
pub(crate) fn warn(text: &str) {
    note(&format!("{} {text}", Paint::stderr().yellow("warning:")));
}

/// Columns of stdout.
pub(crate) fn width() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let real = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    asked.or_else(real).filter(|width| *width > 0).map_or(WIDTH, |width: usize| width.max(WIDTH_MIN))
}

/// True when a person can be asked something. A job in the background is stopped by the system when it reads the terminal.
pub(crate) fn can_ask() -> bool {
    let in_front =
        || rustix::termios::tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && in_front()
}

/// Writes a prompt to stderr, without a line break behind it.
pub(crate) fn ask(prompt: &str) {
    let mut stderr = std::io::stderr().lock();
    // Without a stderr there is nobody to ask.
    drop(write!(stderr, "{prompt}").and_then(|()| stderr.flush()));
}

/// Throws away what was typed and not yet read: it answers nothing that was not asked then.
pub(crate) fn forget_typed() {
    // What is not a terminal has nothing typed.
    let _nothing = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
}

/// Colours, or none: in a pipe, with NO_COLOR (no-color.org), on a dumb terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// For stdout.
    pub(crate) fn stdout() -> Self {
        Self(std::io::stdout().is_terminal() && wanted(|name| std::env::var(name).ok()))
    }

    /// For stderr.
    pub(crate) fn stderr() -> Self {
        Self(std::io::stderr().is_terminal() && wanted(|name| std::env::var(name).ok()))
    }

    /// Without colours.
    #[cfg(test)]
    pub(crate) const fn off() -> Self {
        Self(false)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Bad.
    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// Good.
    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Waits for somebody.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Moves.
    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    /// Matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// Matters more.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }
}

fn wanted(env: impl Fn(&str) -> Option<String>) -> bool {
    let refused = env("NO_COLOR").is_some_and(|text| !text.is_empty());
    !refused && env("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_and_dumb_terminals_are_honoured() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        assert!(wanted(env(&[])));
        assert!(wanted(env(&[("NO_COLOR", "")])), "empty means unset");
        assert!(!wanted(env(&[("NO_COLOR", "1")])));
        assert!(!wanted(env(&[("TERM", "dumb")])));
    }

    #[test]
    fn paint_that_is_off_changes_nothing() {
        assert_eq!(Paint::off().red("x"), "x");
        assert_eq!(Paint(true).red("x"), "\x1b[31mx\x1b[0m");
    }
}
