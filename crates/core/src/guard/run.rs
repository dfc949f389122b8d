//! One execution of a program, found behind whatever wraps it.
//!
//! ```text
//! X=1 timeout 60 bash -lc 'cd a && cargo test' ─▶ cd [a], cargo [test] through timeout, bash
//! sudo rm -rf x                                ─▶ sudo […], rm [-rf, x]
//! find . -exec rm {} \;                        ─▶ find […], rm [{}] + whatever is found
//! ```
//!
//! Owns assignments, wrappers and shells within the line. Must not know which programs are harmful (defaults).

use super::shell::{self, Known, Line, Simple, Word};

/// Wrappers in front of each other: nobody needs more.
const WRAPPERS_MAX: usize = 8;
/// Programs that execute the text they are given.
pub(super) const SHELLS: [&str; 8] = ["sh", "bash", "zsh", "dash", "ksh", "ash", "mksh", "fish"];
/// Words that stand in front of a command and are none.
const KEYWORDS: [&str; 12] = ["if", "then", "else", "elif", "fi", "while", "until", "do", "done", "{", "}", "coproc"];
/// Words whose command is not read further.
const COMPOUNDS: [&str; 7] = ["for", "case", "select", "function", "[[", "esac", "in"];
/// Variables that change nothing but what is printed.
const HARMLESS: [&str; 12] = [
    "RUST_BACKTRACE",
    "RUST_LOG",
    "CARGO_TERM_COLOR",
    "CI",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "LANG",
    "LC_ALL",
    "TERM",
    "COLUMNS",
    "NODE_ENV",
];
/// Places where the system keeps programs.
const SYSTEM_FOLDERS: [&str; 7] =
    ["/bin/", "/usr/bin/", "/usr/local/bin/", "/sbin/", "/usr/sbin/", "/usr/local/sbin/", "/opt/homebrew/bin/"];

/// One program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Run {
    /// As it is called.
    pub(super) program: Word,
    /// Without its own name.
    pub(super) args: Vec<Word>,
    /// Names of what it is wrapped in, and what changes nothing about it.
    pub(super) through: Vec<String>,
    /// Variables are set that may change what it does.
    pub(super) is_bent: bool,
    /// It gets further arguments that nobody knows.
    pub(super) is_open: bool,
    /// It gets text that may be code to it.
    pub(super) is_fed: bool,
}

impl Run {
    /// Stands for what was not read: it may be any program.
    pub(super) fn unknown() -> Self {
        Self { program: Word::unknown(Known::Nothing), ..Self::default() }
    }

    /// Its name without directory; empty if it is not known.
    pub(super) fn name(&self) -> &str {
        let text = self.program.known_text().unwrap_or_default();
        text.rsplit('/').next().unwrap_or_default()
    }

    /// Its name decides what is executed: it is found by `PATH`, or where the system keeps programs.
    pub(super) fn is_plain(&self) -> bool {
        let Some(text) = self.program.known_text() else { return false };
        let folder = &text[..text.len() - self.name().len()];
        !self.program.is_glob && (folder.is_empty() || SYSTEM_FOLDERS.contains(&folder))
    }

    /// Arguments that are no options, as far as they are known.
    pub(super) fn operands(&self) -> impl Iterator<Item = &str> {
        self.args.iter().map(|word| word.text.as_str()).filter(|text| !text.starts_with('-') || *text == "-")
    }

    /// It has this option: a letter in any cluster, or a long one in any abbreviation.
    pub(super) fn has_option(&self, letters: &str, longs: &[&str]) -> bool {
        self.args.iter().any(|word| is_option(&word.text, letters, longs))
    }
}

/// Whether `text` may be one of the options.
pub(super) fn is_option(text: &str, letters: &str, longs: &[&str]) -> bool {
    if let Some(long) = text.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        return !name.is_empty() && longs.iter().any(|wanted| wanted.starts_with(name));
    }
    text.strip_prefix('-').is_some_and(|cluster| cluster.chars().any(|c| letters.contains(c)))
}

/// What a wrapper takes before the command that it wraps.
struct Wrapper {
    names: &'static [&'static str],
    /// Options without a value.
    flags: &'static [&'static str],
    /// Options with a value, in the next word or attached.
    valued: &'static [&'static str],
    /// Words before the command that are no options.
    operands: usize,
    /// It changes what the command may do or gets: it is judged too.
    is_judged: bool,
}

const WRAPPERS: [Wrapper; 9] = [
    Wrapper {
        names: &["nohup", "setsid", "builtin", "busybox", "toybox", "!"],
        flags: &[],
        valued: &[],
        operands: 0,
        is_judged: false,
    },
    Wrapper { names: &["env"], flags: &["-i", "-"], valued: &["-u", "--unset"], operands: 0, is_judged: false },
    Wrapper { names: &["time"], flags: &["-p", "-v"], valued: &["-f"], operands: 0, is_judged: false },
    Wrapper { names: &["exec", "command"], flags: &["-p", "-c", "-l"], valued: &["-a"], operands: 0, is_judged: false },
    Wrapper {
        names: &["nice", "ionice"],
        flags: &["-t"],
        valued: &["-n", "-c", "--adjustment"],
        operands: 0,
        is_judged: false,
    },
    Wrapper {
        names: &["timeout"],
        flags: &["--foreground", "--preserve-status", "-v"],
        valued: &["-s", "-k", "--signal", "--kill-after"],
        operands: 1,
        is_judged: false,
    },
    Wrapper { names: &["stdbuf"], flags: &[], valued: &["-i", "-o", "-e"], operands: 0, is_judged: false },
    Wrapper {
        names: &["sudo", "doas"],
        flags: &["-n", "-E", "-H", "-S", "-i", "-k"],
        valued: &["-u", "-g"],
        operands: 0,
        is_judged: true,
    },
    Wrapper {
        names: &["xargs"],
        flags: &["-0", "-r", "-t", "-x", "--null", "--no-run-if-empty"],
        valued: &["-n", "-P", "-I", "-L", "-d", "-s"],
        operands: 0,
        is_judged: true,
    },
];

/// All that a line executes.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// In order.
    pub(super) runs: Vec<Run>,
    /// Files that are read by redirection.
    pub(super) reads: Vec<Word>,
    /// Files that are written by redirection.
    pub(super) writes: Vec<Word>,
    /// The first thing that cannot be known.
    pub(super) unclear: Option<&'static str>,
}

impl Runs {
    /// Reads a command line.
    pub(super) fn of_line(text: &str) -> Self {
        let mut found = Self::default();
        found.line(shell::read(text, 0), &[], 0);
        found
    }

    /// Reads a program's arguments, its own name first; no shell looks at them.
    pub(super) fn of_argv(program: &str, args: &[String]) -> Self {
        let mut found = Self::default();
        let words = std::iter::once(Word::literal(program)).chain(args.iter().map(|arg| Word::literal(arg)));
        found.simple(Simple { words: words.collect(), ..Simple::default() }, &[], 0);
        found
    }

    fn doubt(&mut self, why: &'static str) {
        self.unclear.get_or_insert(why);
    }

    fn line(&mut self, line: Line, through: &[String], depth: usize) {
        if let Some(why) = line.unclear {
            self.doubt(why);
        }
        for command in line.commands {
            self.simple(command, through, depth);
        }
    }

    fn simple(&mut self, mut command: Simple, through: &[String], depth: usize) {
        self.reads.append(&mut command.reads);
        self.writes.append(&mut command.writes);
        let mut run = Run { is_fed: command.is_fed, through: through.to_vec(), ..Run::default() };
        let mut words: &[Word] = &command.words;
        for _ in 0..WRAPPERS_MAX {
            words = self.past_assignments(words, &mut run);
            let Some((first, rest)) = words.split_first() else { return self.nothing_but_assignments(&run) };
            let Some(next) = self.past_wrapper(first, rest, &mut run) else {
                return self.program(first, rest, run, (depth, &command.fed));
            };
            words = next;
        }
        self.runs.push(Run::unknown());
        self.doubt("wrappers within wrappers");
    }

    fn past_assignments<'w>(&mut self, words: &'w [Word], run: &mut Run) -> &'w [Word] {
        let mut words = words;
        while let Some((name, value)) = words.first().and_then(|word| assignment(&word.text)) {
            run.is_bent |=
                !HARMLESS.contains(&name) || !value.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:,=".contains(c));
            words = &words[1..];
        }
        words
    }

    fn nothing_but_assignments(&mut self, run: &Run) {
        if run.is_bent {
            self.doubt("a variable is set for what follows");
        }
    }

    /// What the wrapper wraps; none if `first` wraps nothing.
    fn past_wrapper<'w>(&mut self, first: &Word, rest: &'w [Word], run: &mut Run) -> Option<&'w [Word]> {
        if first.is_bare && KEYWORDS.contains(&first.text.as_str()) {
            self.doubt("a compound command");
            return Some(rest);
        }
        let called = Run { program: first.clone(), ..Run::default() };
        let wrapper = WRAPPERS.iter().find(|wrapper| wrapper.names.contains(&called.name()))?;
        let asks_only =
            called.name() == "command" && rest.first().is_some_and(|word| matches!(word.text.as_str(), "-v" | "-V"));
        if asks_only {
            return None;
        }
        let words = self.past_options(wrapper, rest);
        if words.is_empty() {
            return None;
        }
        if !called.is_plain() {
            self.doubt("a wrapper from elsewhere");
        }
        run.is_open |= wrapper.names.contains(&"xargs");
        if wrapper.is_judged {
            let (args, through) = (rest.to_vec(), run.through.clone());
            self.runs.push(Run { args, is_bent: run.is_bent, through, ..called });
        } else {
            run.through.push(called.name().to_owned());
        }
        Some(words)
    }

    fn past_options<'w>(&mut self, wrapper: &Wrapper, words: &'w [Word]) -> &'w [Word] {
        let mut at = 0;
        while let Some(text) = words.get(at).map(|word| word.text.as_str()).filter(|text| text.starts_with('-')) {
            at += 1;
            let attached = |option: &&str| text.starts_with(*option) && text.len() > option.len();
            if text == "--" {
                break;
            }
            if wrapper.valued.contains(&text) {
                at += 1;
            } else if !wrapper.flags.contains(&text) && !wrapper.valued.iter().any(attached) {
                self.doubt("an option of a wrapper");
                self.runs.push(Run::unknown());
            }
        }
        &words[(at + wrapper.operands).min(words.len())..]
    }

    fn program(&mut self, first: &Word, rest: &[Word], run: Run, (depth, fed): (usize, &[String])) {
        let run = Run { program: first.clone(), args: rest.to_vec(), ..run };
        if first.known != Known::Wholly || first.is_glob {
            self.doubt("a program whose name is not known");
        }
        if first.is_bare && COMPOUNDS.contains(&first.text.as_str()) {
            self.doubt("a compound command");
        }
        match run.name() {
            name if SHELLS.contains(&name) => return self.shell(run, depth, fed),
            "eval" | "trap" => {
                self.doubt("`eval` or `trap`");
                let text = rest.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
                self.line(shell::read(&text, depth + 1), &run.through, depth + 1);
            }
            "." | "source" => self.doubt("commands from a file"),
            "alias" | "unalias" | "enable" | "hash" => self.doubt("names get another meaning"),
            "pushd" | "popd" => self.doubt("another directory"),
            "find" => self.found_by_find(&run, depth),
            _ => {}
        }
        self.runs.push(run);
    }

    /// A shell with `-c` is what its line is; with a script it is a program; else it executes what it is fed.
    fn shell(&mut self, run: Run, depth: usize, fed: &[String]) {
        let (line, is_strange) = line_of_shell(&run.args);
        debug_assert!(SHELLS.contains(&run.name()), "only shells have lines");
        let mut through = run.through.clone();
        through.push(run.name().to_owned());
        let strange = run.args.iter().filter(|_| is_strange).map(|word| &word.text);
        for text in fed.iter().chain(strange).chain(line.map(|word| &word.text)) {
            self.line(shell::read(text, depth + 1), &through, depth + 1);
        }
        if line.is_some_and(|line| line.known != Known::Wholly) {
            self.doubt("a line that is not known");
            self.runs.push(Run::unknown());
        }
        if is_strange || run.is_bent || !run.is_plain() {
            self.doubt("a shell under options, variables or a name of its own");
        }
        if line.is_none() || is_strange || run.is_bent {
            self.runs.push(run);
        }
    }

    fn found_by_find(&mut self, find: &Run, depth: usize) {
        const EXECUTES: [&str; 4] = ["-exec", "-execdir", "-ok", "-okdir"];
        let mut starts = find.args.iter().enumerate().filter(|(_, word)| EXECUTES.contains(&word.text.as_str()));
        let inner = starts.next().map(|(at, _)| &find.args[at + 1..]);
        let Some(inner) = inner else { return };
        if starts.next().is_some() || depth > shell::DEPTH_MAX {
            self.doubt("a search that executes several programs");
            self.runs.push(Run::unknown());
        }
        let words = inner.iter().take_while(|word| word.text != ";" && word.text != "+").cloned().collect();
        let before = self.runs.len();
        self.simple(Simple { words, ..Simple::default() }, &[], shell::DEPTH_MAX + 1);
        debug_assert!(before <= self.runs.len(), "what was found stays found");
        self.runs[before..].iter_mut().for_each(|run| run.is_open = true);
    }
}

/// The line of a shell with `-c`, and whether it has options that are not known here.
fn line_of_shell(args: &[Word]) -> (Option<&Word>, bool) {
    let (mut has_line, mut is_strange) = (false, false);
    let mut at = 0;
    while let Some(word) = args.get(at) {
        at += 1;
        let Some(letters) = word.text.strip_prefix(['-', '+']).filter(|letters| !letters.is_empty()) else {
            return (Some(word).filter(|_| has_line), is_strange);
        };
        let is_known = letters.chars().all(|c| "celuxo".contains(c));
        has_line |= is_known && letters.contains('c');
        is_strange |= !is_known && !matches!(letters, "-login" | "-norc" | "-noprofile" | "-posix");
        at += usize::from(is_known && letters.contains('o'));
    }
    (None, is_strange)
}

/// Name and value, if a word is an assignment.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let fits = |c: char| c.is_ascii_alphanumeric() || "_[]".contains(c);
    (name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(fits)).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<String> {
        let told = |run: &Run| {
            let args: Vec<&str> = run.args.iter().map(|word| word.text.as_str()).collect();
            format!("{} {}", run.name(), args.join(" ")).trim_end().to_owned()
        };
        Runs::of_line(text).runs.iter().map(told).collect()
    }

    #[test]
    fn wrappers_are_looked_through() {
        for (text, expected) in [
            ("/bin/bash -lc 'cargo test && git push'", vec!["cargo test", "git push"]),
            ("env RUST_LOG=debug timeout -k 5 60 nice -n 5 cargo test", vec!["cargo test"]),
            ("RUST_BACKTRACE=1 cargo test", vec!["cargo test"]),
            ("bash -euo pipefail -c 'sh -c \"git push\"'", vec!["git push"]),
            ("nohup sh -x -c 'git push' &", vec!["git push"]),
            ("! time -p git push", vec!["git push"]),
            ("busybox rm -rf x", vec!["rm -rf x"]),
            ("sudo -u root rm -rf x", vec!["sudo -u root rm -rf x", "rm -rf x"]),
            ("rg -l x | xargs -n1 rm -f", vec!["rg -l x", "xargs -n1 rm -f", "rm -f"]),
            ("find . -name x -exec rm {} \\;", vec!["rm {}", "find . -name x -exec rm {} ;"]),
            ("command -v git", vec!["command -v git"]),
            ("bash script.sh", vec!["bash script.sh"]),
        ] {
            assert_eq!(seen(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_bends_a_program_is_noticed() {
        for text in ["LD_PRELOAD=x ls", "env PATH=. ls", "RUST_LOG=/etc ls"] {
            let found = Runs::of_line(text);
            assert!(found.runs.iter().all(|run| run.is_bent), "{text:?}");
        }
        for text in [
            "eval git push",
            "trap 'git push' EXIT",
            "if true; then git push; fi",
            "env -S 'git push'",
            "sudo --weird git push",
            "bash --rcfile x -c 'git push'",
            "PATH=.; ls",
            ". ./x",
            "alias ls=rm",
            "/tmp/sh -c 'git push'",
        ] {
            assert!(Runs::of_line(text).unclear.is_some(), "{text:?}");
        }
        for text in [
            "eval git push",
            "trap 'git push' EXIT",
            "if true; then git push; fi",
            "sh <<E\ngit push\nE",
            "sh <<< 'git push'",
            "/tmp/sh -c 'git push'",
            "bash --rcfile x -c 'git push'",
        ] {
            assert!(seen(text).iter().any(|run| run.starts_with("git push")), "{text:?}");
        }
    }
}
