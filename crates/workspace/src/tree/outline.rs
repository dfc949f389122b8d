//! What was done since a tree's source was cut, in few words: subjects of commits and names of files.
//!
//! Read from verified objects in the mirror, never from the tree. Names and subjects are an agent's words: control characters are
//! removed, and their number is bounded.

use git2::{Delta, DiffOptions, Oid, Repository, Sort};

use super::Tree;
use crate::error::{DiffError, Fault, printable};

/// Commits that are listed, newest first.
const COMMITS_MAX: usize = 30;
/// Files that are listed.
const FILES_MAX: usize = 60;
/// Characters of a subject or of a name.
const CHARS_MAX: usize = 160;

/// Work in few words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// Subjects of the commits, newest first; at most thirty.
    pub commits: Vec<String>,
    /// Files as `A name`, `M name`, `D name`; at most sixty.
    pub files: Vec<String>,
    /// Files beyond those.
    pub more_files: usize,
}

impl Tree {
    /// What `tip` (hex, as a save returns it) holds that the tree's source did not.
    pub fn outline(&self, tip: &str) -> Result<Outline, DiffError> {
        let repo = self.mirrors.glance(&self.record.mirror)?;
        let id = |hex: &str| {
            let id = crate::object::hex(hex.as_bytes()).filter(|id| repo.find_commit(*id).is_ok());
            id.ok_or_else(|| DiffError::NotACommit(printable(hex.as_bytes())))
        };
        let (tip, base) = (id(tip)?, self.source_base().map(id).transpose()?);
        let mut outline = Outline { commits: commits(&repo, tip, base)?, ..Outline::default() };
        files(&repo, tip, base, &mut outline)?;
        Ok(outline)
    }
}

fn commits(repo: &Repository, tip: Oid, base: Option<Oid>) -> Result<Vec<String>, Fault> {
    let fault = || Fault::git("list the commits");
    let mut walk = repo.revwalk().map_err(fault())?;
    walk.set_sorting(Sort::TOPOLOGICAL).and_then(|()| walk.push(tip)).map_err(fault())?;
    if let Some(base) = base {
        walk.hide(base).map_err(fault())?;
    }
    let subject = |id: Oid| Some(short(repo.find_commit(id).ok()?.summary_bytes()?));
    Ok(walk.flatten().take(COMMITS_MAX).filter_map(subject).collect())
}

fn files(repo: &Repository, tip: Oid, base: Option<Oid>, outline: &mut Outline) -> Result<(), Fault> {
    let fault = || Fault::git("compare the commits");
    let tree = |id: Oid| repo.find_commit(id).and_then(|commit| commit.tree()).map_err(fault());
    let (new, old) = (tree(tip)?, base.map(tree).transpose()?);
    let diff = repo.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut DiffOptions::new())).map_err(fault())?;
    for delta in diff.deltas().take(FILES_MAX) {
        let (letter, file) = match delta.status() {
            Delta::Added => ("A", delta.new_file()),
            Delta::Deleted => ("D", delta.old_file()),
            // Between two commits a delta is nothing else than these and a change.
            Delta::Modified
            | Delta::Renamed
            | Delta::Copied
            | Delta::Typechange
            | Delta::Unmodified
            | Delta::Ignored
            | Delta::Untracked
            | Delta::Unreadable
            | Delta::Conflicted => ("M", delta.new_file()),
        };
        outline.files.extend(file.path_bytes().map(|path| format!("{letter} {}", short(path))));
    }
    outline.more_files = diff.deltas().len().saturating_sub(FILES_MAX);
    Ok(())
}

fn short(bytes: &[u8]) -> String {
    printable(bytes).chars().take(CHARS_MAX).collect()
}
