//! Deeds: one line for a log, all of it for who decides, fields for programs.
//!
//! Owns how an action of an agent looks. Nothing in it is obeyed by the terminal, and nothing of what is decided is left out
//! without saying so.

use super::event::painted_patch;
use super::text::{command, cut, lines, plain};
use crate::out::Paint;
use ostler_core::deed::{Deed, FileChange, Program};
use serde_json::{Value, json};

/// Characters of a deed in a log: two lines of a usual terminal.
const LINE_CHARS_MAX: usize = 160;

/// One line, cut where it is long.
pub(crate) fn line(deed: &Deed) -> String {
    cut(&whole_line(deed), LINE_CHARS_MAX)
}

fn whole_line(deed: &Deed) -> String {
    match deed {
        Deed::Program(program) => format!("$ {}", command(&program.argv)),
        Deed::Command { line } => format!("$ {}", plain(line)),
        Deed::Read { path } => format!("read {}", plain(path)),
        Deed::Edit { changes } => format!("edit {}", changes.iter().map(changed).collect::<Vec<_>>().join(", ")),
        Deed::Search { pattern, path } if path.is_empty() => format!("search {}", plain(pattern)),
        Deed::Search { pattern, path } => format!("search {} in {}", plain(pattern), plain(path)),
        Deed::Fetch { url } => format!("fetch {}", plain(url)),
        Deed::Subagent { prompt } => format!("subagent: {}", plain(prompt)),
        Deed::Mcp { server, tool, input } => format!("{}.{} {}", plain(server), plain(tool), plain(input)),
        Deed::Question { text, .. } => format!("question: {}", plain(text)),
        Deed::Other { tool, input } => format!("{} {}", plain(tool), plain(input)),
    }
}

/// `src/x.rs +3 -1`; without numbers when the agent shows no diff.
fn changed(change: &FileChange) -> String {
    let path = plain(&change.path);
    if change.diff.is_empty() {
        return path;
    }
    let count = |sign: char, head: &str| {
        change.diff.lines().filter(|line| line.starts_with(sign) && !line.starts_with(head)).count()
    };
    format!("{path} +{} -{}", count('+', "+++ "), count('-', "--- "))
}

/// The deed in full, its word first; one entry per line, to be shown below each other.
pub(crate) fn page(kind: &str, deed: &Deed, paint: Paint) -> Vec<String> {
    let word = paint.bold(&plain(kind));
    let text = |text: &str, tint: fn(Paint, &str) -> String| block(&word, text, |line| tint(paint, line));
    match deed {
        Deed::Program(program) => executed(&word, program, paint),
        Deed::Command { line } => text(line, Paint::cyan),
        Deed::Read { path } => text(path, Paint::cyan),
        Deed::Edit { changes } => changes.iter().flat_map(|change| edited(&word, change, paint)).collect(),
        Deed::Search { pattern, path } => {
            let mut shown = text(pattern, Paint::cyan);
            shown.push(format!(
                "{} {}",
                paint.dim("where"),
                plain(if path.is_empty() { "the working tree" } else { path })
            ));
            shown
        }
        Deed::Fetch { url } => text(url, Paint::cyan),
        Deed::Subagent { prompt } => text(prompt, |_, line| line.to_owned()),
        Deed::Question { text: asked, options } => {
            let mut shown = text(asked, Paint::cyan);
            shown.extend(options.iter().enumerate().map(|(at, option)| format!("  {}) {}", at + 1, plain(option))));
            shown
        }
        Deed::Mcp { server, tool, input } => called(&word, &format!("{server}.{tool}"), input, paint),
        Deed::Other { tool, input } => called(&word, tool, input, paint),
    }
}

/// `text` behind `word`; what follows a line break stands behind a bar, so that it cannot pass for something of ours.
fn block(word: &str, text: &str, tint: impl Fn(&str) -> String) -> Vec<String> {
    let shown = lines(text);
    let mut shown = shown.split('\n');
    let first = format!("{word} {}", tint(shown.next().unwrap_or_default()));
    std::iter::once(first).chain(shown.map(|line| format!("  │ {}", tint(line)))).collect()
}

fn executed(word: &str, program: &Program, paint: Paint) -> Vec<String> {
    let mut shown = vec![
        format!("{word} {}", paint.cyan(&command(&program.argv))),
        format!("{} {} {}", paint.dim("program"), plain(&program.path), program.digest.short()),
    ];
    if !program.files.is_empty() {
        let file = |(at, digest): &(u32, ostler_core::ids::Digest)| {
            let word = usize::try_from(*at).ok().and_then(|at| program.argv.get(at));
            format!("{} {}", plain(word.map_or("?", String::as_str)), digest.short())
        };
        let files: Vec<String> = program.files.iter().map(file).collect();
        shown.push(format!("{} {}", paint.dim("files"), files.join(", ")));
    }
    if !program.env_names.is_empty() {
        shown.push(format!("{} {}", paint.dim("environment"), plain(&program.env_names.join(" "))));
    }
    shown
}

fn edited(word: &str, change: &FileChange, paint: Paint) -> Vec<String> {
    let head = format!("{word} {}", paint.cyan(&changed(change)));
    if change.diff.is_empty() {
        return vec![head, format!("  {}", paint.yellow("the agent does not show what it writes"))];
    }
    let patch = painted_patch(change.diff.as_bytes(), paint);
    std::iter::once(head).chain(patch.split('\n').map(|line| format!("  {line}"))).collect()
}

fn called(word: &str, tool: &str, input: &str, paint: Paint) -> Vec<String> {
    let pretty = serde_json::from_str::<Value>(input).ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
    let shown = lines(pretty.as_deref().unwrap_or(input));
    let head = format!("{word} {}", paint.cyan(&plain(tool)));
    std::iter::once(head).chain(shown.split('\n').map(|line| format!("  {line}"))).collect()
}

/// A deed for programs.
pub(crate) fn json(deed: &Deed) -> Value {
    let mut value = match deed {
        Deed::Program(program) => json!({
            "argv": program.argv,
            "program": program.path,
            "program_digest": program.digest.to_string(),
            "files": program.files.iter().map(|(at, digest)| json!([at, digest.to_string()])).collect::<Vec<_>>(),
            "env_names": program.env_names,
        }),
        Deed::Command { line } => json!({ "line": line }),
        Deed::Read { path } => json!({ "path": path }),
        Deed::Edit { changes } => {
            let change = |change: &FileChange| json!({ "path": change.path, "diff": change.diff });
            json!({ "changes": changes.iter().map(change).collect::<Vec<_>>() })
        }
        Deed::Search { pattern, path } => json!({ "pattern": pattern, "path": path }),
        Deed::Fetch { url } => json!({ "url": url }),
        Deed::Subagent { prompt } => json!({ "prompt": prompt }),
        Deed::Mcp { server, tool, input } => json!({ "server": server, "tool": tool, "input": input }),
        Deed::Question { text, options } => json!({ "text": text, "options": options }),
        Deed::Other { tool, input } => json!({ "tool": tool, "input": input }),
    };
    value["is"] = json!(deed.kind());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(diff: &str) -> Deed {
        Deed::Edit { changes: vec![FileChange { path: "src/x.rs".to_owned(), diff: diff.to_owned() }] }
    }

    #[test]
    fn a_line_says_what_is_done() {
        let cases = [
            (Deed::Command { line: "cargo test".to_owned() }, "$ cargo test"),
            (Deed::Read { path: "a\u{1b}b".to_owned() }, r"read a\u{1b}b"),
            (edit("--- a\n+++ b\n@@ -1 +1,2 @@\n-x\n+y\n+z\n"), "edit src/x.rs +2 -1"),
            (edit(""), "edit src/x.rs"),
            (Deed::Search { pattern: "fn".to_owned(), path: String::new() }, "search fn"),
        ];
        for (deed, shown) in cases {
            assert_eq!(line(&deed), shown);
        }
        let long = Deed::Command { line: "x".repeat(1_000) };
        assert_eq!(line(&long).chars().count(), LINE_CHARS_MAX);
    }

    #[test]
    fn a_command_of_several_lines_is_whole_and_nothing_in_it_passes_for_ours() {
        let deed = Deed::Command { line: format!("make\n  digest abc\u{1b}[2J{}", "x".repeat(1_000)) };
        let shown = page("command", &deed, Paint::off()).join("\n");
        assert!(shown.starts_with("command make\n  │   digest abc\\u{1b}[2Jxxx"), "{shown}");
        assert!(shown.ends_with(&"x".repeat(1_000)), "never cut");
    }

    #[test]
    fn options_are_numbered_from_one_and_a_hidden_edit_is_said_to_be() {
        let options = vec!["red".to_owned(), "blue".to_owned()];
        let deed = Deed::Question { text: "which?".to_owned(), options };
        assert_eq!(page("question", &deed, Paint::off()), ["question which?", "  1) red", "  2) blue"]);
        assert!(page("write", &edit(""), Paint::off())[1].contains("does not show"));
        assert_eq!(page("write", &edit("-a\n+b"), Paint::off()), ["write src/x.rs +1 -1", "  -a", "  +b"]);
    }
}
