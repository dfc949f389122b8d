//! From a reference a person wrote to a commit in the mirror, or to the names they may have meant.
//!
//! Must not touch the source: what was fetched is what there is.

use git2::{Oid, Repository};

use super::refresh::SOURCE_HEAD;
use super::{Mirror, Mirrors};
use crate::error::CheckoutError;
use crate::source::Source;

/// Shorter prefixes of commit ids name too much.
const PREFIX_CHARS_MIN: usize = 7;
/// Suggestions shown.
const NEAR_MAX: usize = 3;

impl Mirrors {
    /// The commit a source means; none without a repository.
    pub(crate) fn resolve(&self, mirror: &Mirror, source: &Source) -> Result<Option<Oid>, CheckoutError> {
        if *source.place() == crate::source::Place::Nowhere {
            return Ok(None);
        }
        let repo = &mirror.repo;
        let Some(wanted) = source.reference().filter(|name| *name != "HEAD") else {
            return commit(repo, SOURCE_HEAD).map(Some).ok_or_else(|| CheckoutError::NoCommit(source.name()));
        };
        let short = wanted.strip_prefix("refs/").unwrap_or(wanted);
        let found = [
            format!("refs/source/heads/{wanted}"),
            format!("refs/source/tags/{wanted}"),
            format!("refs/source/{short}"),
        ]
        .iter()
        .find_map(|name| commit(repo, name))
        .or_else(|| by_id(repo, wanted));
        found
            .map(Some)
            .ok_or_else(|| CheckoutError::NoReference { wanted: wanted.to_owned(), near: near(repo, wanted) })
    }
}

fn commit(repo: &Repository, name: &str) -> Option<Oid> {
    Some(repo.find_reference(name).ok()?.peel_to_commit().ok()?.id())
}

fn by_id(repo: &Repository, wanted: &str) -> Option<Oid> {
    let hex = wanted.len() >= PREFIX_CHARS_MIN && wanted.chars().all(|c| c.is_ascii_hexdigit());
    Some(repo.find_commit_by_prefix(&wanted.to_ascii_lowercase()).ok().filter(|_| hex)?.id())
}

fn near(repo: &Repository, wanted: &str) -> Vec<String> {
    let Ok(references) = repo.references_glob("refs/source/*") else { return Vec::new() };
    let mut scored: Vec<(usize, String)> = references
        .flatten()
        .filter_map(|reference| {
            let name = reference.name().ok()?;
            let short = name.strip_prefix("refs/source/heads/").or_else(|| name.strip_prefix("refs/source/tags/"))?;
            let contained = short.contains(wanted) || wanted.contains(short);
            let far = if contained { 1 } else { distance(short, wanted) };
            (far <= wanted.len().div_ceil(2).min(4)).then(|| (far, short.to_owned()))
        })
        .collect();
    scored.sort();
    scored.into_iter().map(|(_, name)| name).take(NEAR_MAX).collect()
}

/// Levenshtein's edit distance, by rows.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let swap = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    #[test]
    fn distance_counts_edits() {
        for (one, other, far) in [("main", "main", 0), ("main", "mian", 2), ("", "abc", 3), ("feature", "featre", 1)] {
            assert_eq!(super::distance(one, other), far, "{one} {other}");
        }
    }
}
