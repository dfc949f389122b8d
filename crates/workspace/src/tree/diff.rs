//! What a run changed, as a patch made from verified objects in the mirror.
//!
//! libgit2 runs no text conversion and no external diff; what a `.gitattributes` asks for is not there to ask.

use std::cell::Cell;

use git2::{DiffDelta, DiffFindOptions, DiffFormat, DiffLine, DiffOptions, Oid, Repository};

use super::Tree;
use crate::clock::Stop;
use crate::error::{DiffError, Fault, printable};

/// A patch and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// A unified diff in git's format, cut at a line's end where the bound fell.
    pub patch: Vec<u8>,
    /// Files changed, all of them.
    pub files: u64,
    /// Lines added, all of them.
    pub added: u64,
    /// Lines removed, all of them.
    pub removed: u64,
    /// Whether the patch is shorter than the change.
    pub cut: bool,
}

/// A file larger than this is compared as binary: its lines help nobody.
const TEXT_BYTES_MAX: i64 = 16 << 20;
/// Above this many changed files, renames are shown as what they are made of.
const RENAME_FILES_MAX: usize = 500;

impl Tree {
    /// Compares two commits of the tree's mirror, as [`crate::Mirrors::diff`] does.
    pub fn diff(&self, base: Option<&str>, tip: &str, bytes_max: usize, stop: Stop<'_>) -> Result<Diff, DiffError> {
        diff(&self.mirrors.glance(&self.record.mirror)?, (base, tip), bytes_max, stop)
    }
}

/// Compares `base` (or nothing) with `tip`.
pub(crate) fn diff(
    repo: &Repository,
    (base, tip): (Option<&str>, &str),
    bytes_max: usize,
    stop: Stop<'_>,
) -> Result<Diff, DiffError> {
    let new = tree(repo, tip)?;
    let old = base.map(|base| tree(repo, base)).transpose()?;
    let mut options = DiffOptions::new();
    options.context_lines(3).max_size(TEXT_BYTES_MAX).id_abbrev(40);
    let fault = || Fault::git("compare the commits");
    let mut diff = repo.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options)).map_err(fault())?;
    if diff.deltas().len() <= RENAME_FILES_MAX {
        diff.find_similar(Some(DiffFindOptions::new().renames(true))).map_err(fault())?;
    }
    let mut out = Diff { patch: Vec::new(), files: diff.deltas().len() as u64, added: 0, removed: 0, cut: false };
    let stopped = Cell::new(false);
    let printed = diff.print(DiffFormat::Patch, |_: DiffDelta<'_>, _, line: DiffLine<'_>| {
        out.line(&line, bytes_max);
        stopped.set(stop.check().is_err());
        !stopped.get()
    });
    stop.check().map_err(Fault::from)?;
    printed.map_err(fault())?;
    Ok(out)
}

impl Diff {
    fn line(&mut self, line: &DiffLine<'_>, bytes_max: usize) {
        let sigil = line.origin();
        self.added += u64::from(sigil == '+');
        self.removed += u64::from(sigil == '-');
        let prefix = usize::from(matches!(sigil, '+' | '-' | ' '));
        if self.cut || self.patch.len() + prefix + line.content().len() > bytes_max {
            self.cut = true;
            return;
        }
        if prefix == 1 {
            self.patch.extend(u8::try_from(sigil));
        }
        self.patch.extend_from_slice(line.content());
    }
}

fn tree<'r>(repo: &'r Repository, hex: &str) -> Result<git2::Tree<'r>, DiffError> {
    let id = crate::object::hex(hex.as_bytes());
    let commit = id.and_then(|id: Oid| repo.find_commit(id).ok());
    let tree = commit.and_then(|commit| commit.tree().ok());
    tree.ok_or_else(|| DiffError::NotACommit(printable(hex.as_bytes())))
}
