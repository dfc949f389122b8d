//! Text from elsewhere, made safe to show: nothing that came over the wire moves a cursor, hides, or reads backwards.
//!
//! Owns which characters are shown and which are spelled out. SECURITY.md T21: terminals obey what they are shown.

/// Characters that show nothing, or change how their neighbours read: soft hyphen, joiners, direction marks and
/// overrides, invisible operators, variation selectors, byte order mark, tags.
const UNSEEN: [(char, char); 12] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{e0000}', '\u{e01ef}'),
];

fn is_safe(c: char) -> bool {
    !c.is_control() && !UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// One line of `text` with everything unsafe spelled out, line breaks included.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_safe(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out
}

/// `text` over several lines, each safe; tabs become blanks.
pub(crate) fn lines(text: &str) -> String {
    text.lines().map(|line| plain(&line.replace('\t', "    "))).collect::<Vec<_>>().join("\n")
}

/// Output of a program: colours and cursor movements are left out, what remains is safe, line breaks stay.
pub(crate) fn output(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}' {
            rest = after_escape(rest);
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            // Progress bars go back to the start of their line; a log shows the last of them below the others.
            '\r' if rest.starts_with('\n') || rest.is_empty() => {}
            '\r' => out.push('\n'),
            safe if is_safe(safe) => out.push(safe),
            other => out.extend(other.escape_default()),
        }
    }
    out
}

/// What follows an escape sequence of ECMA-48: CSI, a string (OSC, DCS, …) or two characters.
fn after_escape(text: &str) -> &str {
    let body = &text[1..];
    if let Some(csi) = body.strip_prefix('[') {
        let end = csi.find(|c: char| ('@'..='~').contains(&c) || c.is_control());
        return end.map_or("", |at| if csi[at..].starts_with(char::is_control) { &csi[at..] } else { &csi[at + 1..] });
    }
    if body.starts_with([']', 'P', 'X', '^', '_']) {
        let end = body.find(['\u{7}', '\u{9c}', '\u{1b}', '\n']);
        return end.map_or("", |at| match body[at..].chars().next() {
            Some('\u{1b}') => body[at..].strip_prefix("\u{1b}\\").unwrap_or(&body[at..]),
            Some('\n') | None => &body[at..],
            Some(c) => &body[at + c.len_utf8()..],
        });
    }
    body.chars().next().filter(|c| c.is_ascii_graphic()).map_or(body, |c| &body[c.len_utf8()..])
}

/// At most `max` characters, with an ellipsis where something was cut.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// A command as a person would type it.
pub(crate) fn command(argv: &[String]) -> String {
    argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(bare) {
        return word.to_owned();
    }
    if word.chars().all(|c| is_safe(c) && c.is_ascii()) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    // Not typeable as it is: show every character that is not plain ASCII.
    format!("$'{}'", word.chars().map(|c| if c == '\'' { "\\'".to_owned() } else { spelled(c) }).collect::<String>())
}

fn spelled(c: char) -> String {
    if c.is_ascii() || !is_safe(c) { c.escape_default().to_string() } else { c.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unsafe_reaches_a_terminal() {
        let nasty = "a\u{1b}[2Jb\u{202e}c\u{200b}d\u{0}e\u{9b}31mf\u{e0041}\rg\n";
        for shown in [plain(nasty), lines(nasty).replace('\n', ""), output(nasty.as_bytes()).replace('\n', "")] {
            assert!(shown.chars().all(is_safe), "{shown:?}");
        }
        assert_eq!(plain("a\u{202e}b\n"), "a\\u{202e}b\\n");
    }

    #[test]
    fn output_keeps_its_words_and_loses_its_colours() {
        assert_eq!(output(b"\x1b[1;31mred\x1b[0m plain\n"), "red plain\n");
        assert_eq!(output(b"\x1b]0;title\x07after"), "after");
        assert_eq!(output(b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"), "link");
        assert_eq!(output(b"10%\r20%\r\ndone\n"), "10%\n20%\ndone\n");
        assert_eq!(output(b"\x1b]never ends\nnext"), "\nnext", "an unfinished string ends with its line");
        assert_eq!(output(b"\xff\x1b"), "\u{fffd}");
    }

    #[test]
    fn commands_show_where_words_end() {
        let argv = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(command(&argv(&["make", "deploy prod", "", "it's"])), r"make 'deploy prod' '' 'it'\''s'");
        assert_eq!(command(&argv(&["a\nb"])), r"$'a\nb'");
        assert_eq!(command(&argv(&["x\u{202e}y"])), r"$'x\u{202e}y'");
    }

    #[test]
    fn cuts_are_marked() {
        assert_eq!((cut("abcdef", 4).as_str(), cut("abc", 4).as_str()), ("abc…", "abc"));
    }
}
