//! The lexer: characters to simple commands.

use super::nested::{self, Body};
use super::word::{Known, Word};
use super::{DEPTH_MAX, LINE_CHARS_MAX, Line, Simple};
use crate::guard::spot::is_hidden;

/// Reads a line that stands `depth` shells deep.
pub(in crate::guard) fn read(text: &str, depth: usize) -> Line {
    let mut line = Line::default();
    if depth > DEPTH_MAX || text.chars().nth(LINE_CHARS_MAX).is_some() {
        line.doubt(if depth > DEPTH_MAX { "shells within shells" } else { "it is too long to be read" });
        line.push(Simple::unknown());
        return line;
    }
    let chars: Vec<char> = text.chars().collect();
    if chars.iter().any(|c| is_hidden(*c)) {
        line.doubt("hidden characters");
    }
    let mut lexer = Lexer { chars, at: 0, depth, line, ..Lexer::default() };
    while let Some(c) = lexer.next() {
        lexer.take(c);
    }
    debug_assert!(lexer.at == lexer.chars.len(), "all of a line is read");
    lexer.end_command(false);
    if !lexer.bodies.is_empty() {
        lexer.line.doubt("a heredoc without an end");
    }
    lexer.line
}

/// What the next word is, if it is no word of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Read,
    Write,
    /// `>&`: another descriptor, or a file.
    Copy,
    /// `<<<`: words of the line itself.
    Text,
    /// `<<`: the end of the lines that follow.
    Heredoc,
}

#[derive(Debug, Default)]
pub(super) struct Lexer {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) line: Line,
    command: Simple,
    pub(super) word: Option<Word>,
    target: Option<Target>,
    bodies: Vec<Body>,
}

impl Lexer {
    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next_is(&mut self, wanted: char) -> bool {
        let is = self.peek() == Some(wanted);
        self.at += usize::from(is);
        is
    }

    /// The word that is being read; it begins here if none is.
    pub(super) fn word(&mut self) -> &mut Word {
        self.word.get_or_insert_with(|| Word { is_bare: true, ..Word::default() })
    }

    fn quoted(&mut self) -> &mut Word {
        let word = self.word();
        word.is_bare = false;
        word
    }

    fn take(&mut self, c: char) {
        match c {
            '\\' => self.escape(),
            '\'' => self.single(),
            '"' => self.double(),
            '$' | '`' => nested::expand(self, c, false),
            ' ' | '\t' => self.end_word(),
            '\n' => self.end_line(),
            '#' if self.word.is_none() => {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.at += 1
                }
            }
            ';' | '&' | '|' => self.separator(c),
            '<' | '>' => self.redirect(c),
            '(' | ')' => {
                self.line.doubt("a group or a function");
                self.end_command(false);
            }
            '*' | '?' | '[' => {
                self.word().is_glob = true;
                self.word().text.push(c);
            }
            '{' => {
                let at = self.word().text.len();
                self.word().brace.get_or_insert(at);
                self.word().text.push(c);
            }
            _ => self.word().text.push(c),
        }
    }

    fn escape(&mut self) {
        match self.next() {
            Some('\n') => {}
            Some(c) => self.quoted().text.push(c),
            None => self.line.doubt("it ends in the middle"),
        }
    }

    fn single(&mut self) {
        self.quoted();
        loop {
            match self.next() {
                Some('\'') => return,
                Some(c) => self.quoted().text.push(c),
                None => return self.line.doubt("a quote that does not end"),
            }
        }
    }

    fn double(&mut self) {
        self.quoted();
        loop {
            match self.next() {
                Some('"') => return,
                Some(c @ ('$' | '`')) => nested::expand(self, c, true),
                Some('\\') => self.escape_in_double(),
                Some(c) => self.quoted().text.push(c),
                None => return self.line.doubt("a quote that does not end"),
            }
        }
    }

    fn escape_in_double(&mut self) {
        match self.next() {
            Some('\n') | None => {}
            Some(c @ ('$' | '`' | '"' | '\\')) => self.quoted().text.push(c),
            Some(c) => {
                self.quoted().text.push('\\');
                self.quoted().text.push(c);
            }
        }
    }

    fn separator(&mut self, c: char) {
        if c == '&' && self.peek() == Some('>') {
            self.end_word();
            self.at += 1;
            self.next_is('>');
            self.target = Some(Target::Write);
            return;
        }
        let is_double = self.next_is(c);
        let is_pipe = c == '|' && !is_double;
        if is_pipe {
            self.next_is('&');
        }
        if c == ';' && is_double {
            self.line.doubt("a case");
        }
        self.end_command(is_pipe);
    }

    fn redirect(&mut self, c: char) {
        let is_number = |word: &Word| word.is_bare && word.text.chars().all(|c| c.is_ascii_digit());
        if self.word.as_ref().is_some_and(is_number) {
            self.word = None;
        }
        self.end_word();
        if self.next_is('(') {
            self.line.doubt("a process substitution");
            nested::parenthesis(self);
            return self.word().forget(Known::One);
        }
        let target = match (c, self.peek()) {
            ('<', Some('<')) => return self.heredoc(),
            ('<', Some('>')) | ('>', Some('>' | '|')) => Some((Target::Write, 1)),
            (_, Some('&')) => Some((Target::Copy, 1)),
            ('<', _) => Some((Target::Read, 0)),
            _ => Some((Target::Write, 0)),
        };
        let (target, further) = target.expect("every redirection has a target");
        self.target = Some(target);
        self.at += further;
    }

    fn heredoc(&mut self) {
        self.at += 1;
        let is_text = self.next_is('<');
        if !is_text {
            self.next_is('-');
        }
        self.line.doubt("a heredoc");
        self.command.is_fed = true;
        self.target = Some(if is_text { Target::Text } else { Target::Heredoc });
    }

    fn end_word(&mut self) {
        let Some(mut word) = self.word.take() else { return };
        // A bracket on its own is the name of `test`.
        word.is_glob &= word.text != "[";
        if word.expands() {
            self.line.doubt("an expansion in braces");
            word.forget(Known::Nothing);
        }
        match self.target.take() {
            None => self.command.words.push(word),
            Some(Target::Read) => self.command.reads.push(word),
            Some(Target::Copy) if word.text == "-" || word.text.chars().all(|c| c.is_ascii_digit()) => {}
            Some(Target::Write | Target::Copy) => self.command.writes.push(word),
            Some(Target::Text) => self.command.fed.push(word.text),
            Some(Target::Heredoc) => self.bodies.push(Body { end: word.text, expands: word.is_bare }),
        }
    }

    fn end_command(&mut self, feeds: bool) {
        self.end_word();
        if self.target.take().is_some() {
            self.line.doubt("a redirection to nowhere");
        }
        let command = std::mem::replace(&mut self.command, Simple { is_fed: feeds, ..Simple::default() });
        if !command.is_empty() {
            self.line.push(command);
        }
    }

    fn end_line(&mut self) {
        let bodies = std::mem::take(&mut self.bodies);
        self.end_word();
        let late = std::mem::take(&mut self.bodies);
        for body in bodies.into_iter().chain(late) {
            let text = nested::body(self, &body);
            self.command.fed.push(text);
        }
        self.end_command(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &Line) -> Vec<Vec<&str>> {
        line.commands.iter().map(|command| command.words.iter().map(|word| word.text.as_str()).collect()).collect()
    }

    #[test]
    fn a_clean_line_is_split_as_a_shell_splits_it() {
        for (text, expected) in [
            ("ls -la", vec![vec!["ls", "-la"]]),
            ("a && b||c;d|e & f\ng", vec![vec!["a"], vec!["b"], vec!["c"], vec!["d"], vec!["e"], vec!["f"], vec!["g"]]),
            (r#"g'i't "pu"sh \-f"#, vec![vec!["git", "push", "-f"]]),
            ("git pu\\\nsh", vec![vec!["git", "push"]]),
            ("echo a#b # git push", vec![vec!["echo", "a#b"]]),
            (r#"echo "a \"b\" \n $" '$x'"#, vec![vec!["echo", r#"a "b" \n $"#, "$x"]]),
            ("echo '' \"\"", vec![vec!["echo", "", ""]]),
            ("git show HEAD@{1} {}", vec![vec!["git", "show", "HEAD@{1}", "{}"]]),
            ("  \n ; ", vec![]),
        ] {
            let line = read(text, 0);
            assert_eq!((words(&line), line.unclear), (expected, None), "{text:?}");
        }
    }

    #[test]
    fn redirections_are_files() {
        let line = read("sort <in 2>err >>out 2>&1 &>both >|c 3<>rw >&f <&-", 0);
        let texts = |words: &[Word]| words.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
        let [command] = line.commands.as_slice() else { panic!("one command: {line:?}") };
        assert_eq!(line.unclear, None);
        assert_eq!(texts(&command.words), ["sort"]);
        assert_eq!(texts(&command.reads), ["in"]);
        assert_eq!(texts(&command.writes), ["err", "out", "both", "c", "rw", "f"]);
    }

    #[test]
    fn what_is_not_known_before_it_runs_is_unclear_and_still_looked_into() {
        for (text, inner) in [
            ("echo $(git push)", vec!["git", "push"]),
            ("echo \"`git push`\"", vec!["git", "push"]),
            ("echo \"$(echo \")\"; git push)\"", vec!["git", "push"]),
            ("diff <(git push) x", vec!["git", "push"]),
            ("(cd x; git push)", vec!["git", "push"]),
            ("cat <<EOF\n$(git push)\nEOF\nls", vec!["git", "push"]),
            ("cat <<'EOF'\nx\nEOF\ngit push", vec!["git", "push"]),
            ("cat ${X:-$(git push)}", vec!["git", "push"]),
            ("echo $((1+$(git push)))", vec!["git", "push"]),
        ] {
            let line = read(text, 0);
            assert!(line.unclear.is_some(), "{text:?}");
            assert!(words(&line).contains(&inner), "{text:?} gave {:?}", words(&line));
        }
        for text in [
            "$X",
            "a $'\\x41'",
            "a {b,c}",
            "a {1..3}",
            "echo 'x",
            "echo \"x",
            "a \\",
            "a\rb",
            "a >",
            "a \u{202e}b",
            "case x in a) b;; esac",
            "f() { x; }",
            "a <<< b",
            "a $\"b\"",
            "`a",
            "$(a",
        ] {
            assert!(read(text, 0).unclear.is_some(), "{text:?}");
        }
    }

    #[test]
    fn bounds_hold_and_what_is_behind_them_may_be_anything() {
        let unread = |line: &Line| line.commands.iter().any(|command| command.words[0].known == Known::Nothing);
        let many = read(&"a;".repeat(10_000 / 2), 0);
        assert!(many.commands.len() == crate::guard::shell::COMMANDS_MAX && unread(&many) && many.unclear.is_some());
        let long = read(&"a".repeat(LINE_CHARS_MAX + 1), 0);
        assert!(unread(&long) && long.unclear.is_some());
        let deep = read(&format!("{}x{}", "$(".repeat(4_000), ")".repeat(4_000)), 0);
        assert!(unread(&deep) && deep.unclear.is_some());
    }
}
