//! The known word that somebody probably meant. Pure.

/// The known word closest to `word`, if it is at most a third of its letters away.
pub(super) fn nearest(word: &str, known: &[String]) -> Option<String> {
    let far = word.chars().count().div_ceil(3);
    let scored = known.iter().map(|candidate| (distance(word, candidate), candidate));
    scored.min().filter(|(away, _)| *away <= far).map(|(_, candidate)| candidate.clone())
}

/// Levenshtein's distance: insertions, deletions and replacements of one letter.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, ours) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, theirs) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(ours != *theirs);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["lease_ttl", "listen", "log"].map(str::to_owned);
        assert_eq!(nearest("leese_ttl", &known).as_deref(), Some("lease_ttl"));
        assert_eq!(nearest("listem", &known).as_deref(), Some("listen"));
        assert_eq!(nearest("workspace", &known), None);
        assert_eq!(nearest("anything", &[]), None);
    }

    #[test]
    fn distance_counts_single_letter_edits() {
        for (from, to, edits) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("flaw", "lawn", 2)] {
            assert_eq!(distance(from, to), edits, "{from} to {to}");
        }
    }
}
