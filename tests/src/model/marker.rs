//! The marker in a prompt that names a script: `[[script:NAME key=value key='two words']]`.
//!
//! Owns its grammar. Must not know what the words mean.

use std::collections::BTreeMap;

const OPENS: &str = "[[script:";
const CLOSES: &str = "]]";

/// A marker as it stands in a prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The script.
    pub(crate) name: String,
    /// Its words.
    pub(crate) words: BTreeMap<String, String>,
    /// The whole text between the brackets.
    pub(crate) text: String,
}

impl Marker {
    /// The last one in a text.
    pub(crate) fn last_in(text: &str) -> Option<Self> {
        let inside = &text[text.rfind(OPENS)? + OPENS.len()..];
        let inside = &inside[..inside.find(CLOSES)?];
        let mut words = split(inside).into_iter();
        let name = words.next()?;
        let words =
            words.filter_map(|word| word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())));
        Some(Self { name, words: words.collect(), text: inside.to_owned() })
    }

    /// A number among its words.
    pub(crate) fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.words.get(key)?.parse().ok()
    }

    /// A script's text with its `{{name:default}}` filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((blank, beyond)) = after.split_once("}}") else { break };
            let (name, default) = blank.split_once(':').unwrap_or((blank, ""));
            filled.push_str(before);
            filled.push_str(self.words.get(name).map_or(default, String::as_str));
            rest = beyond;
        }
        filled + rest
    }
}

/// Words between spaces; quotes, single or double and perhaps escaped by an agent that quoted the prompt, hold spaces
/// together.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in text.replace("\\\"", "\"").chars() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, space) if space.is_whitespace() => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)))
            }
            (_, letter) => word.push(letter),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::Marker;

    #[test]
    fn the_last_marker_of_a_text_is_read_with_its_words() {
        let marker = Marker::last_in("[[script:say]] then [[script:shell command='ls -l' at=1]] please").unwrap();
        assert_eq!(marker.name, "shell");
        assert_eq!(marker.words["command"], "ls -l");
        assert_eq!(marker.number::<usize>("at"), Some(1));
        assert_eq!(Marker::last_in(r#"\"[[script:say words=\"a b\"]]\""#).unwrap().words["words"], "a b");
        for none in ["", "[[script:", "[[script:]]", "[script:say]"] {
            assert_eq!(Marker::last_in(none), None, "{none}");
        }
    }

    #[test]
    fn blanks_are_filled_or_left_at_their_default() {
        let marker = Marker::last_in("[[script:write path=a.txt]]").unwrap();
        assert_eq!(marker.fill("{{path:b.txt}} {{content:some: text}} {{nothing}}"), "a.txt some: text ");
        assert_eq!(marker.fill("f() { g; } {{"), "f() { g; } {{");
    }
}
