//! Git objects as bytes: what a tree, a commit and a tag may say.
//!
//! A parser and a writer of our own, because what an agent wrote must be refused before anything that knows
//! how to act on it sees it. Must not touch disk. The name rules are those of git's fsck, folded for the file
//! systems that fold: <https://git-scm.com/docs/git-fsck> and CVE-2014-9390.

pub(crate) mod carry;
pub(crate) mod dir;
pub(crate) mod quarantine;

use git2::Oid;

/// File modes a tree may hold.
pub(crate) const MODE_TREE: u32 = 0o040_000;
pub(crate) const MODE_FILE: u32 = 0o100_644;
pub(crate) const MODE_PROGRAM: u32 = 0o100_755;
pub(crate) const MODE_LINK: u32 = 0o120_000;
pub(crate) const MODE_GITLINK: u32 = 0o160_000;
/// Written by git before 2005 and still found in old histories.
const MODE_FILE_LEGACY: u32 = 0o100_664;

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mode: u32,
    pub(crate) name: Vec<u8>,
    pub(crate) id: Oid,
}

/// Why an object is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("a tree names a file {0:?}, which is never safe to write")]
    Name(String),
    #[error("a tree has a malformed, repeated or unsorted entry")]
    Tree,
    #[error("a tree gives a file the mode {0:o}")]
    Mode(u32),
    #[error("a commit is malformed")]
    Commit,
    #[error("a tag is malformed")]
    Tag,
}

/// Parses a tree and refuses what git's fsck would call dangerous.
pub(crate) fn tree(mut bytes: &[u8]) -> Result<Vec<Entry>, Flaw> {
    let mut entries: Vec<Entry> = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|b| *b == b' ').ok_or(Flaw::Tree)?;
        let mode = octal(&bytes[..space])?;
        let rest = &bytes[space + 1..];
        let end = rest.iter().position(|b| *b == 0).ok_or(Flaw::Tree)?;
        let name = rest[..end].to_vec();
        let id = rest.get(end + 1..end + 1 + ID_BYTES).ok_or(Flaw::Tree)?;
        if name_refused(&name) || (mode == MODE_LINK && name.eq_ignore_ascii_case(b".gitmodules")) {
            return Err(Flaw::Name(crate::error::printable(&name)));
        }
        let entry = Entry { mode, name, id: Oid::from_bytes(id).map_err(|_| Flaw::Tree)? };
        if entries.last().is_some_and(|last| sort_key(last) >= sort_key(&entry)) {
            return Err(Flaw::Tree);
        }
        entries.push(entry);
        bytes = &rest[end + 1 + ID_BYTES..];
    }
    let mut names: Vec<&[u8]> = entries.iter().map(|entry| entry.name.as_slice()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Flaw::Tree);
    }
    Ok(entries)
}

/// SHA-1 object ids; libgit2 is built without SHA-256.
const ID_BYTES: usize = 20;

fn octal(digits: &[u8]) -> Result<u32, Flaw> {
    let text = std::str::from_utf8(digits).map_err(|_| Flaw::Tree)?;
    let mode = u32::from_str_radix(text, 8).map_err(|_| Flaw::Tree)?;
    match mode {
        MODE_TREE | MODE_FILE | MODE_FILE_LEGACY | MODE_PROGRAM | MODE_LINK | MODE_GITLINK => Ok(mode),
        other => Err(Flaw::Mode(other)),
    }
}

/// Git sorts a folder as if its name ended in a slash.
fn sort_key(entry: &Entry) -> Vec<u8> {
    let mut key = entry.name.clone();
    if entry.mode == MODE_TREE {
        key.push(b'/');
    }
    key
}

/// The bytes of a tree, sorted the way git sorts.
pub(crate) fn tree_bytes(mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_by_key(sort_key);
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(format!("{:o} ", entry.mode).as_bytes());
        bytes.extend_from_slice(&entry.name);
        bytes.push(0);
        bytes.extend_from_slice(entry.id.as_bytes());
    }
    bytes
}

/// The tree and parents of a commit.
pub(crate) fn commit(bytes: &[u8]) -> Result<(Oid, Vec<Oid>), Flaw> {
    let mut lines = bytes.split(|b| *b == b'\n');
    let tree = lines.next().and_then(|line| line.strip_prefix(b"tree ")).and_then(hex).ok_or(Flaw::Commit)?;
    let mut parents = Vec::new();
    for line in lines {
        let Some(parent) = line.strip_prefix(b"parent ") else { break };
        parents.push(hex(parent).ok_or(Flaw::Commit)?);
    }
    Ok((tree, parents))
}

/// What an annotated tag points at.
pub(crate) fn tag(bytes: &[u8]) -> Result<Oid, Flaw> {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    line.strip_prefix(b"object ").and_then(hex).ok_or(Flaw::Tag)
}

/// A full object id in lower-case hex, and nothing else.
pub(crate) fn hex(text: &[u8]) -> Option<Oid> {
    let plain = text.len() == 2 * ID_BYTES && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let text = std::str::from_utf8(text).ok().filter(|_| plain)?;
    Oid::from_str(text).ok()
}

/// Names that are, or on some file system become, a way out of the tree or into its `.git`.
pub(crate) fn name_refused(name: &[u8]) -> bool {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0) {
        return true;
    }
    is_dot_git(name)
}

/// `.git` in any case, with what HFS+ ignores taken out, or as NTFS would read it.
fn is_dot_git(name: &[u8]) -> bool {
    let text = String::from_utf8_lossy(name);
    let folded: String = text.chars().filter(|c| !hfs_ignores(*c)).flat_map(char::to_lowercase).collect();
    let stem = folded.split([':', '\\']).next().unwrap_or_default().trim_end_matches(['.', ' ']);
    stem == ".git" || stem == "git~1"
}

/// Code points HFS+ leaves out when it compares names (git's `utf8.c`, `next_hfs_char`).
fn hfs_ignores(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: u32, name: &[u8]) -> Entry {
        Entry { mode, name: name.to_vec(), id: Oid::from_bytes(&[7; 20]).expect("20 bytes") }
    }

    #[test]
    fn dot_git_is_refused_in_every_dress() {
        for name in [
            &b".git"[..],
            b".GIT",
            b".Git ",
            b".git.",
            b"git~1",
            b"GIT~1",
            b".git::$INDEX_ALLOCATION",
            b".git\\config",
            ".g\u{200c}it".as_bytes(),
            "\u{feff}.git".as_bytes(),
            b".",
            b"..",
            b"",
            b"a/b",
            b"a\0b",
        ] {
            assert!(name_refused(name), "{name:?}");
            assert!(
                matches!(tree(&tree_bytes(vec![entry(MODE_FILE, name)])), Err(Flaw::Name(_) | Flaw::Tree)),
                "{name:?}"
            );
        }
        for name in [&b".gitignore"[..], b".github", b"git", b"...", b"a b", b"-rf", b"\xff\xfe"] {
            assert!(!name_refused(name), "{name:?}");
        }
    }

    #[test]
    fn a_tree_survives_the_round_trip_in_git_order() {
        let bytes = tree_bytes(vec![entry(MODE_TREE, b"a"), entry(MODE_FILE, b"a.b"), entry(MODE_FILE, b"a-b")]);
        let names: Vec<Vec<u8>> = tree(&bytes).expect("well formed").into_iter().map(|e| e.name).collect();
        assert_eq!(names, [b"a-b".to_vec(), b"a.b".to_vec(), b"a".to_vec()]);
    }

    #[test]
    fn malformed_trees_are_refused() {
        let twice = [tree_bytes(vec![entry(MODE_FILE, b"a")]), tree_bytes(vec![entry(MODE_FILE, b"a")])].concat();
        assert_eq!(tree(&twice), Err(Flaw::Tree));
        let both = tree_bytes(vec![entry(MODE_FILE, b"a"), entry(MODE_TREE, b"a"), entry(MODE_FILE, b"a0")]);
        assert_eq!(tree(&both), Err(Flaw::Tree), "a file and a folder of one name");
        assert_eq!(tree(&tree_bytes(vec![entry(0o104_755, b"a")])), Err(Flaw::Mode(0o104_755)));
        assert_eq!(tree(b"100644 a\0short"), Err(Flaw::Tree));
        let link = tree_bytes(vec![entry(MODE_LINK, b".gitmodules")]);
        assert!(matches!(tree(&link), Err(Flaw::Name(_))));
    }

    #[test]
    fn only_whole_lower_case_hex_is_an_id() {
        assert!(hex(b"0123456789012345678901234567890123456789").is_some());
        for bad in [&b"0123"[..], b"012345678901234567890123456789012345678G", b"ref: refs/heads/main", b""] {
            assert!(hex(bad).is_none());
        }
    }
}
