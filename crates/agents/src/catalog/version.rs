//! The reading of `--version`.
//!
//! Names collide (`goose` may be a database tool, `amp` anything), so that a program counts as an agent only when its version
//! is printed in that agent's own way.

use super::entry::Entry;

/// Bytes of output looked at for a version: it stands at the top or nowhere.
const VERSION_BYTES_MAX: usize = 4_096;
/// Components of a version: three are usual, four happen, more is a date or an address.
const VERSION_PARTS: std::ops::RangeInclusive<usize> = 2..=4;

/// Reads the version out of what `entry`'s program printed, as `1.2.3`: the first dotted number of two to four
/// components. `None` when there is none, or when the program is not this agent.
#[must_use]
pub fn parse_version(entry: &Entry, printed: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&printed[..printed.len().min(VERSION_BYTES_MAX)]).into_owned();
    let lower = text.to_lowercase();
    if !entry.marks.is_empty() && !entry.marks.iter().any(|mark| lower.contains(&mark.to_lowercase())) {
        return None;
    }
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '+')).find_map(version_word)
}

/// `v1.2.3-rc1` is 1.2.3; `file.rs`, `1.` and `1.2.3.4.5` are nothing.
fn version_word(word: &str) -> Option<String> {
    let word = word.strip_prefix(['v', 'V']).unwrap_or(word);
    let core = word.split(['-', '+']).next()?.trim_end_matches('.');
    let parts: Vec<&str> = core.split('.').collect();
    let numeric = |part: &&str| !part.is_empty() && part.len() <= 18 && part.bytes().all(|byte| byte.is_ascii_digit());
    (VERSION_PARTS.contains(&parts.len()) && parts.iter().all(numeric)).then(|| core.to_owned())
}
