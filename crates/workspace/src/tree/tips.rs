//! Where an agent's repository stands, read from its ref files by us.
//!
//! Nothing is believed but 40 hex digits. `.git` as a symlink or a file, a symbolic ref to a symbolic ref, a ref
//! that is a symlink: each is reported and not followed. Must not open a repository.

use git2::Oid;

use crate::error::printable;
use crate::object::dir::{Dir, Kind};
use crate::object::hex;

/// The commits an agent's repository names.
#[derive(Debug, Default)]
pub(crate) struct Tips {
    /// Its `.git/objects`, when there is a `.git` folder at all.
    pub(crate) objects: Option<Dir>,
    /// What `HEAD` comes to.
    pub(crate) head: Option<Oid>,
    /// Every other ref, full name and id, in name order.
    pub(crate) others: Vec<(String, Oid)>,
    /// What was seen and not followed.
    pub(crate) odd: Vec<String>,
}

/// A ref file is 41 bytes, or `ref: ` and a path.
const REF_BYTES_MAX: u64 = 4096;
/// 16 MiB of packed refs is some 200,000 of them.
const PACKED_BYTES_MAX: u64 = 16 << 20;
/// More branches than any agent makes; those beyond are reported.
const REFS_MAX: usize = 10_000;
/// `refs/heads/a/b/c/…`: no deeper than this.
const DEPTH_MAX: u32 = 16;

/// Reads the tips of the repository in `tree`.
pub(crate) fn read(tree: &Dir) -> Tips {
    let mut tips = Tips::default();
    let git = match tree.dir(b".git") {
        Ok(git) => git,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return tips,
        Err(_) => {
            tips.odd.push("`.git` is no longer a folder; where it points was not followed".to_owned());
            return tips;
        }
    };
    tips.objects = git.dir(b"objects").ok();
    let packed = packed(&git);
    let mut all = packed.clone();
    if let Ok(refs) = git.dir(b"refs") {
        loose(&refs, "refs", 0, &mut all, &mut tips.odd);
    }
    tips.head = head(&git, &all, &mut tips.odd);
    all.sort();
    all.dedup_by(|later, kept| later.0 == kept.0 && later.1 == kept.1);
    if all.len() > REFS_MAX {
        tips.odd.push(format!("it has {} refs; only the first {REFS_MAX} were saved", all.len()));
        all.truncate(REFS_MAX);
    }
    tips.others = all;
    tips
}

fn head(git: &Dir, all: &[(String, Oid)], odd: &mut Vec<String>) -> Option<Oid> {
    let text = git.read(b"HEAD", REF_BYTES_MAX).ok()?;
    let text = text.trim_ascii_end();
    if let Some(id) = hex(text) {
        return Some(id);
    }
    let name = std::str::from_utf8(text.strip_prefix(b"ref: ")?).ok()?;
    if !git2::Reference::is_valid_name(name) || !name.starts_with("refs/") {
        odd.push(format!("HEAD names {:?}, which is not a branch", printable(name.as_bytes())));
        return None;
    }
    // A loose ref wins over a packed one of the same name, and loose ones were appended after.
    all.iter().rev().find(|(known, _)| known == name).map(|(_, id)| *id)
}

fn packed(git: &Dir) -> Vec<(String, Oid)> {
    let bytes = git.read(b"packed-refs", PACKED_BYTES_MAX).unwrap_or_default();
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.starts_with(b"#") && !line.starts_with(b"^"));
    lines
        .filter_map(|line| {
            let (id, name) = line.split_at_checked(40)?;
            let name = String::from_utf8(name.strip_prefix(b" ")?.to_vec()).ok()?;
            Some((name, hex(id)?))
        })
        .filter(|(name, _)| name.starts_with("refs/"))
        .collect()
}

fn loose(folder: &Dir, path: &str, depth: u32, found: &mut Vec<(String, Oid)>, odd: &mut Vec<String>) {
    let Ok(entries) = folder.entries() else { return };
    for (name, kind) in entries {
        let path = format!("{path}/{}", printable(&name));
        match kind {
            Kind::Dir if depth < DEPTH_MAX && found.len() <= REFS_MAX => {
                if let Ok(inner) = folder.dir(&name) {
                    loose(&inner, &path, depth + 1, found, odd);
                }
            }
            Kind::File { .. } => {
                let text = folder.read(&name, REF_BYTES_MAX).unwrap_or_default();
                if let Some(id) = hex(text.trim_ascii_end()) {
                    found.push((path, id));
                }
            }
            Kind::Link | Kind::Other | Kind::Dir => {
                odd.push(format!("the ref {path} is not a file; it was not followed"))
            }
        }
    }
}
