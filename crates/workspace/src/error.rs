//! Every way an operation can fail, one enum per operation, each text saying what to do.
//!
//! Must not decide anything. Texts that repeat words from outside (git's stderr, file names) are cleaned of
//! control characters before they get here.

use std::io;
use std::path::{Path, PathBuf};

use crate::budget::Shortage;
use crate::clock::Stopped;
use crate::source::SourceError;

/// What any operation can meet: the disk, libgit2, or its caller.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file operation failed.
    #[error("could not {doing} {path}: {source}")]
    Io {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// The path it was done to.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// libgit2 refused.
    #[error("git could not {doing}: {}", source.message())]
    Git {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// What libgit2 answered.
        source: git2::Error,
    },
    /// The call was stopped by its caller.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Fault {
    /// For `map_err` on file operations.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_path_buf(), source }
    }

    /// For `map_err` on libgit2 calls.
    pub(crate) fn git(doing: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Git { doing, source }
    }
}

/// Why the mirrors could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder's name cannot be written into git's files.
    #[error("the workspace folder {0} is not an absolute UTF-8 path without line breaks; choose another one")]
    Path(PathBuf),
    /// The disk refused.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a working tree was not made. Nothing is left behind where it would have stood.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// The label is not usable as a branch name.
    #[error(
        "the run label {0:?} cannot name a branch: use 1 to 100 of a-z A-Z 0-9 _ - and start with a letter or digit"
    )]
    Label(String),
    /// The folder for the tree exists and holds something, or its name cannot be recorded.
    #[error("{0} cannot hold a new working tree: it must be an absent or empty folder with an absolute UTF-8 path")]
    Occupied(PathBuf),
    /// The reference is refused before anything looked at it.
    #[error("the reference is refused: {0}")]
    Source(#[from] SourceError),
    /// There is nothing at the path.
    #[error("there is no repository at {0}: check the path on the runner's machine, or give a URL it can reach")]
    Missing(PathBuf),
    /// There is something at the path, and it is not git.
    #[error("{path} is not a git repository ({why}): run `git init` and commit there, or run without a repository")]
    NotGit {
        /// The path as given.
        path: PathBuf,
        /// libgit2's words.
        why: String,
    },
    /// The path exists and may not be read.
    #[error("{path} may not be read by the runner ({why}): give its user access, or run the runner as its owner")]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What the system or libgit2 answered.
        why: String,
    },
    /// The repository has no commit.
    #[error("the repository {0} has no commit yet: commit something there first")]
    NoCommit(String),
    /// No branch, tag or commit of that name.
    #[error("the repository has no branch, tag or commit {wanted:?}{}", meant(.near))]
    NoReference {
        /// The reference asked for.
        wanted: String,
        /// Existing names most like it, best first, at most three.
        near: Vec<String>,
    },
    /// The network, or the far end, refused.
    #[error("fetching {url} failed ({how}): {said}")]
    Network {
        /// The URL, which holds no credentials.
        url: String,
        /// Exit status, signal or timeout.
        how: String,
        /// The end of git's own words, control characters removed.
        said: String,
    },
    /// The system's git could not be started.
    #[error("could not start {git}: {source}; install git on the runner or set its path in the runner's config")]
    NoGit {
        /// The program.
        git: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The tree names files that may not be written.
    #[error("the commit {commit} cannot be checked out safely: {why}")]
    Unsafe {
        /// The commit in hex.
        commit: String,
        /// libgit2's words.
        why: String,
    },
    /// Not enough room.
    #[error(transparent)]
    Disk(#[from] Shortage),
    /// The disk, libgit2, or the caller.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn meant(names: &[String]) -> String {
    match names {
        [] => ": `git branch -a` in it lists what there is".to_owned(),
        names => format!("; did you mean {}?", names.join(", ")),
    }
}

/// Why work was not brought home. The tree is untouched and can be saved again.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The working tree is gone or no longer a folder.
    #[error(
        "the working tree {path} is not there any more ({source}); what an earlier save brought home is still in the mirror"
    )]
    Gone {
        /// Where it was.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// More work than the limits allow.
    #[error(
        "the work in {path} is over a limit ({what}); delete what is not work, or raise the limit in the runner's config, and save again"
    )]
    TooMuch {
        /// The tree.
        path: PathBuf,
        /// Which limit, with its number.
        what: String,
    },
    /// Author name or e-mail cannot be written into a commit.
    #[error("the author {0:?} cannot sign a commit: name and e-mail must be non-empty and without < > or line breaks")]
    Author(String),
    /// The branch moved while the work was being saved.
    #[error("the branch {0} moved meanwhile; save again")]
    Raced(String),
    /// The disk, libgit2, or the caller.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a diff could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Not an object id, or not a commit of this mirror.
    #[error("{0:?} is not a commit of this mirror; give the base and commit a save returned")]
    NotACommit(String),
    /// The disk, libgit2, or the caller.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a tree was kept.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Something in it is saved nowhere else.
    #[error("{path} is kept, for deleting it would lose: {}", .losing.join("; "))]
    WouldLose {
        /// The tree.
        path: PathBuf,
        /// What would be lost, one line each, at most a handful.
        losing: Vec<String>,
    },
    /// The check itself failed, so nothing is proved.
    #[error("the tree is kept, for nothing could be proved: {0}")]
    Unproved(#[from] SaveError),
    /// The disk refused half way; the rest is finished by the next sweep.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Control characters removed, for words that come from outside.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) { ' ' } else { c })
        .collect()
}
