//! A run's working tree: cut, saved, compared and removed.
//!
//! Owns what callers see of it. Where a tree is in its life is drawn in `record.rs`.

pub(crate) mod checkout;
pub(crate) mod diff;
mod dropped;
mod ignore;
mod original;
mod outline;
pub(crate) mod remove;
mod save;
mod snapshot;
mod tips;

use std::path::{Path, PathBuf};

use crate::mirror::Mirrors;
use crate::record::Record;

pub use diff::Diff;
pub use outline::Outline;

/// A working tree and what the runner knows of it. Dropping it does nothing: only [`Tree::remove`] deletes.
#[derive(Debug)]
pub struct Tree {
    pub(crate) mirrors: Mirrors,
    pub(crate) record: Record,
}

/// Who a commit of uncommitted work is by.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    /// A name without `<`, `>` or line breaks.
    pub name: &'a str,
    /// An e-mail address, under the same rule.
    pub email: &'a str,
}

/// What a save brought home. Also the proof that removing the tree asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The commit the tree was cut from, in hex; none without a repository.
    pub base: Option<String>,
    /// The commit that holds all the work, in hex; equal to `base` when nothing was done, none for an empty folder.
    pub commit: Option<String>,
    /// The branch at `commit` in the mirror: `ostler/<run>`, or `ostler/<run>.2` when that name held other work.
    /// None when there was nothing to bring home.
    pub branch: Option<String>,
    /// Whether `commit` is one we made of work the agent had not committed.
    pub uncommitted: bool,
    /// Other refs of the agent's repository that held commits of their own, as names in the mirror.
    pub others: Vec<String>,
    /// Where the branch is now. None when there was nothing to bring home.
    pub home: Option<Home>,
    /// What could not be saved. While there is any, the tree is not removed.
    pub left: Vec<Left>,
    /// Files its own `.gitignore` names; not work, not saved, gone with the tree.
    pub ignored: Skipped,
    /// What was seen and not believed (a `.git` that is a symlink, a ref that is a pipe).
    pub notices: Vec<String>,
}

/// Where a branch came home to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// The repository it was cut from.
    Origin {
        /// That repository.
        path: PathBuf,
        /// The branch in it.
        branch: String,
    },
    /// The runner's mirror: the source is a URL or absent, or could not take it.
    Mirror {
        /// The mirror, a bare repository that `git fetch` reads.
        path: PathBuf,
        /// The branch in it.
        branch: String,
        /// Why it did not get further, when it should have.
        why: Option<String>,
    },
}

/// One thing that could not be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its path in the tree, control characters removed.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What was ignored: a count (a folder counts once) and the first names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Files and folders.
    pub count: u64,
    /// At most twenty of them.
    pub names: Vec<String>,
}

/// What the caller holds against the loss of a tree.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// A save whose result still describes the tree.
    Saved(&'a Saved),
    /// The claim that nothing was done in it.
    Empty,
    /// The claim that nothing was done in it since it was last saved, or cut if it never was.
    Last,
}

impl Tree {
    pub(crate) fn new(mirrors: Mirrors, record: Record) -> Self {
        Self { mirrors, record }
    }

    /// The folder the agent works in.
    pub fn dir(&self) -> &Path {
        &self.record.dir
    }

    /// The run's label.
    pub fn run(&self) -> &str {
        &self.record.run
    }

    /// The commit it was cut from, in hex; none without a repository.
    pub fn base(&self) -> Option<&str> {
        self.record.base.as_deref()
    }

    /// The commit its source named when it was cut, in hex: [`Self::base`], unless it was cut from earlier work.
    pub fn source_base(&self) -> Option<&str> {
        self.record.source_base.as_deref()
    }

    /// The branch the agent stands on, and the one its work comes home as unless that name holds other work.
    pub fn branch(&self) -> String {
        format!("ostler/{}", self.record.run)
    }
}
