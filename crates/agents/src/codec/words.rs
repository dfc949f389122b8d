//! An agent's words, bounded before they become events.
//!
//! Owns the bounds of texts and deeds. A cut always says that it is one; what a person is asked about is never cut, but
//! for the body of an edit.

use ostler_core::deed::{Deed, FileChange};
use ostler_core::event::Event;
use ostler_core::limits::EVENT_OUTPUT_BYTES_MAX;
use serde_json::Value;

/// Bytes of one message or thought; longer texts become several events.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a deed that a person is asked about: what an action may have, less its other fields.
const ASKED_BYTES_MAX: usize = 48 * 1024;
/// Bytes of a deed that is told, not asked.
const TOLD_BYTES_MAX: usize = 32 * 1024;
/// Bytes of an edit's diffs together; the rest of each is cut.
const DIFF_BYTES_MAX: usize = 24 * 1024;
/// Bytes of one diff that are always shown.
const DIFF_BYTES_MIN: usize = 256;
/// Characters of the sentence an outcome carries.
const SENTENCE_CHARS_MAX: usize = 2_000;

/// The text at `path`, or nothing.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The text of the first of these fields that has one.
pub(crate) fn first<'a>(value: &'a Value, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| value.get(name)?.as_str().filter(|text| !text.is_empty()))
}

/// The whole number at `path`, or zero.
pub(crate) fn number(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

/// The list at `path`, or an empty one.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// `text` in events, each bounded and cut between characters. An empty text is none.
pub(crate) fn spoken(text: &str, make: fn(String) -> Event) -> Vec<Event> {
    let (mut rest, mut events) = (text, Vec::new());
    while !rest.is_empty() {
        let (now, later) = rest.split_at(floor(rest, TEXT_BYTES_MAX));
        events.push(make(now.to_owned()));
        rest = later;
    }
    events
}

/// `text` within `bytes`; a cut one says how much is missing.
pub(crate) fn clipped(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let at = floor(text, bytes);
    format!("{}\n[… {} more bytes]", &text[..at], text.len() - at)
}

/// What a tool gave back, as it is kept.
pub(crate) fn output(text: &str) -> String {
    clipped(text, EVENT_OUTPUT_BYTES_MAX)
}

/// The sentence an outcome carries.
pub(crate) fn sentence(words: &str) -> String {
    words.chars().take(SENTENCE_CHARS_MAX).collect()
}

/// `deed` as it is told: every text within a bound.
pub(crate) fn told(deed: Deed) -> Deed {
    if weight(&deed) <= TOLD_BYTES_MAX {
        return deed;
    }
    let clip = |text: String| clipped(&text, TOLD_BYTES_MAX / 2);
    match deed {
        Deed::Program(program) => Deed::Program(program),
        Deed::Command { line } => Deed::Command { line: clip(line) },
        Deed::Read { path } => Deed::Read { path: clip(path) },
        Deed::Edit { mut changes } => {
            let all = changes.len();
            changes.truncate(TOLD_BYTES_MAX / DIFF_BYTES_MIN / 4);
            for change in &mut changes {
                change.path = clipped(&change.path, DIFF_BYTES_MIN);
            }
            if changes.len() < all {
                let path = format!("[… {} more files]", all - changes.len());
                changes.push(FileChange { path, diff: String::new() });
            }
            Deed::Edit { changes: cut(changes) }
        }
        Deed::Search { pattern, path } => Deed::Search { pattern: clip(pattern), path: clip(path) },
        Deed::Fetch { url } => Deed::Fetch { url: clip(url) },
        Deed::Subagent { prompt } => Deed::Subagent { prompt: clip(prompt) },
        Deed::Mcp { server, tool, input } => {
            Deed::Mcp { server: clipped(&server, 256), tool: clipped(&tool, 256), input: clip(input) }
        }
        Deed::Question { text, options } => {
            let options = options.iter().take(32).map(|option| clipped(option, 256)).collect();
            Deed::Question { text: clip(text), options }
        }
        Deed::Other { tool, input } => Deed::Other { tool: clipped(&tool, 256), input: clip(input) },
    }
}

/// `deed` as a person is asked about it; none when it cannot be shown whole.
pub(crate) fn asked(deed: Deed) -> Option<Deed> {
    let deed = if let Deed::Edit { changes } = deed { Deed::Edit { changes: cut(changes) } } else { deed };
    (weight(&deed) <= ASKED_BYTES_MAX).then_some(deed)
}

/// What an agent reads when its wish was too large to be shown.
pub(crate) const TOO_LARGE: &str =
    "This is too large to be shown to the person who decides. Do it in smaller steps, or put it into a file first.";

fn cut(mut changes: Vec<FileChange>) -> Vec<FileChange> {
    let each = (DIFF_BYTES_MAX / changes.len().max(1)).max(DIFF_BYTES_MIN);
    for change in &mut changes {
        change.diff = clipped(&change.diff, each);
    }
    changes
}

/// Bytes of all texts of a deed.
fn weight(deed: &Deed) -> usize {
    match deed {
        Deed::Program(program) => program.argv.iter().map(String::len).sum(),
        Deed::Command { line } => line.len(),
        Deed::Read { path } => path.len(),
        Deed::Edit { changes } => changes.iter().map(|change| change.path.len() + change.diff.len() + 16).sum(),
        Deed::Search { pattern, path } => pattern.len() + path.len(),
        Deed::Fetch { url } => url.len(),
        Deed::Subagent { prompt } => prompt.len(),
        Deed::Mcp { server, tool, input } => server.len() + tool.len() + input.len(),
        Deed::Question { text, options } => text.len() + options.iter().map(|option| option.len() + 8).sum::<usize>(),
        Deed::Other { tool, input } => tool.len() + input.len(),
    }
}

/// The last place at or before `bytes` that is between two characters.
pub(crate) fn floor(text: &str, bytes: usize) -> usize {
    let mut at = text.len().min(bytes);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_loses_nothing() {
        for shift in 0..4 {
            let whole = "x".repeat(shift) + &"𝄞".repeat(TEXT_BYTES_MAX / 2);
            let events = spoken(&whole, Event::Message);
            let parts: Vec<&str> = events
                .iter()
                .filter_map(|e| if let Event::Message(text) = e { Some(text.as_str()) } else { None })
                .collect();
            assert!(parts.iter().all(|part| !part.is_empty() && part.len() <= TEXT_BYTES_MAX));
            assert_eq!(parts.concat(), whole);
        }
        assert!(spoken("", Event::Message).is_empty());
        assert_eq!(spoken("é", Event::Thought), [Event::Thought("é".to_owned())]);
    }

    #[test]
    fn a_cut_says_so_and_what_is_asked_is_whole_or_not_asked() {
        assert_eq!(clipped("ééé", 3), "é\n[… 4 more bytes]");
        let line = "x".repeat(ASKED_BYTES_MAX + 1);
        assert_eq!(asked(Deed::Command { line: line.clone() }), None);
        assert!(weight(&told(Deed::Command { line: line.clone() })) <= TOLD_BYTES_MAX);
        let change = |diff: &str| FileChange { path: "a".to_owned(), diff: diff.to_owned() };
        let Some(Deed::Edit { changes }) = asked(Deed::Edit { changes: vec![change(&line), change("+b")] }) else {
            panic!("an edit is asked about, with its body cut")
        };
        assert!(changes[0].diff.ends_with("more bytes]"));
        assert_eq!(changes[1].diff, "+b");
        let many: Vec<FileChange> = (0..5_000).map(|_| change("+")).collect();
        assert_eq!(asked(Deed::Edit { changes: many.clone() }), None, "no path is hidden from who decides");
        assert!(weight(&told(Deed::Edit { changes: many })) <= TOLD_BYTES_MAX);
    }
}
