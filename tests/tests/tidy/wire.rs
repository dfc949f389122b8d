//! The wire remembers: every variant of every enum that travels has its bytes written down in proto's tests.
//! Must not know the bytes.

use crate::house::{Breach, House};
use crate::outline::Closed;

/// Variants of travelling enums that no test of proto names as `Enum::Variant`.
pub(crate) fn golden(house: &House) -> Vec<Breach> {
    let tests = house.files(&["rs", "txt", "hex", "golden"]).into_iter().filter(|path| path.starts_with("proto/tests"));
    let written: String = tests.map(|path| house.text(&path)).collect();
    let wire = house.production().filter(|source| source.room == "proto");
    wire.flat_map(|source| {
        let travelling = source.outline.enums.iter().filter(|closed| travels(closed));
        travelling
            .flat_map(|closed| missing(closed, &written))
            .map(|(name, line)| Breach::new(&source.path, line, name, "a wire variant has golden bytes in proto/tests"))
    })
    .collect()
}

fn travels(closed: &Closed) -> bool {
    closed.derives.iter().any(|derives| derives.contains("Serialize"))
}

/// The variants whose full name does not stand in `written`, each with its line.
pub(crate) fn missing(closed: &Closed, written: &str) -> Vec<(String, usize)> {
    let names = closed.variants.iter().map(|(variant, line)| (format!("{}::{variant}", closed.name), *line));
    names.filter(|(name, _)| !stands(name, written)).collect()
}

/// Whether `name` stands in `text` as a whole word.
fn stands(name: &str, text: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| {
        !part_of_word(text[..at].chars().next_back()) && !part_of_word(text[at + name.len()..].chars().next())
    })
}
