//! The runner's mirrors: one bare repository of ours for each source, and everything that hangs on them.
//!
//! ```text
//! root/                 0700
//!   git.config          the only configuration a git we run may read
//!   mirrors/<key>/      bare; refs/source/* is what the source has, refs/heads/ostler/* is work brought home,
//!                       refs/ostler/<run>/* is what else the agent's repository named
//!   mirrors/<key>.lock  one writer at a time, across processes
//!   trees/<key>         records of working trees (record.rs)
//!   quarantine/<key>/   while a save looks at what an agent wrote
//! ```
//!
//! Objects are never deleted from a mirror: working trees reach into it by alternates.

pub(crate) mod home;
mod refresh;
mod resolve;

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use git2::{Config, ConfigLevel, Repository, RepositoryInitOptions};

use crate::budget::{self, Budget, Limits};
use crate::clock::Stop;
use crate::error::{CheckoutError, DiffError, Fault, OpenError};
use crate::network::Network;
use crate::record::{Leftover, Record, State};
use crate::source::Source;
use crate::tree::{Diff, Tree, checkout, diff};

/// The mirrors of one runner. Cheap to clone; safe to use from many threads and processes.
#[derive(Debug, Clone)]
pub struct Mirrors {
    pub(crate) root: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) network: Network,
}

/// The configuration of a mirror and of every git we run: nothing that names a program.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\thooksPath = /dev/null\n\tprotectHFS = true\n\
     \tprotectNTFS = true\n\tlogAllRefUpdates = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n";

impl Mirrors {
    /// Opens, or makes, the workspace in `root`.
    pub fn open(root: &Path, limits: Limits, network: Network) -> Result<Self, OpenError> {
        if !recordable(root) {
            return Err(OpenError::Path(root.to_path_buf()));
        }
        for name in ["mirrors", "trees", "quarantine"] {
            let folder = root.join(name);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(Fault::io("create", &folder))?;
        }
        let config = root.join("git.config");
        fs::write(&config, CONFIG).map_err(Fault::io("write", &config))?;
        Ok(Self { root: root.to_path_buf(), limits, network })
    }

    /// Makes the working tree of a run in `dir`, which is absent or empty, on a branch `ostler/<run>` of its own.
    /// The mirror is brought up to date first; an unreachable source is an error, never an old tree.
    pub fn checkout(&self, run: &str, source: &Source, dir: &Path, stop: Stop<'_>) -> Result<Tree, CheckoutError> {
        checkout::checkout(self, run, source, (dir, None), stop)
    }

    /// As [`Self::checkout`], but cut from `branch`, where an earlier tree of this source brought its work home, or from what
    /// somebody committed on top of it in the source. From the source alone when no such branch is here.
    pub fn checkout_again(
        &self,
        run: &str,
        source: &Source,
        (dir, branch): (&Path, &str),
        stop: Stop<'_>,
    ) -> Result<Tree, CheckoutError> {
        checkout::checkout(self, run, source, (dir, Some(branch)), stop)
    }

    /// The tree a restarted runner had in `dir`. `None` when it was never made whole, or is gone.
    pub fn tree(&self, dir: &Path) -> Result<Option<Tree>, Fault> {
        let record = Record::load(&self.trees(), dir)?;
        Ok(record.filter(|r| r.state == State::Standing && r.dir.is_dir()).map(|r| Tree::new(self.clone(), r)))
    }

    /// Every tree that is known, after finishing what needs no decision: proved deletions are ended, unfinished
    /// checkouts cleared, and records of trees that are gone forgotten. What is returned needs its owner.
    /// Call it before this process makes trees of its own.
    pub fn sweep(&self) -> Result<Vec<Leftover>, Fault> {
        let mut leftovers = Vec::new();
        for record in Record::all(&self.trees())? {
            if record.state != State::Standing {
                crate::tree::remove::delete(&record, &self.trees())?;
            } else if fs::symlink_metadata(&record.dir).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
                record.forget(&self.trees())?;
            } else {
                let saved = record.saved.map(|(_, commit)| commit);
                leftovers.push(Leftover { run: record.run, dir: record.dir, saved });
            }
        }
        Ok(leftovers)
    }

    /// Compares two commits of a source's mirror (hex, as a save returns them), whether or not the tree still
    /// stands; no `base` compares with nothing. At most `bytes_max` bytes of patch are kept; counts are of everything.
    pub fn diff(
        &self,
        source: &Source,
        (base, tip): (Option<&str>, &str),
        bytes_max: usize,
        stop: Stop<'_>,
    ) -> Result<Diff, DiffError> {
        let key = source.key().map_err(Fault::git("hash a name"))?;
        diff::diff(&self.glance(&key)?, (base, tip), bytes_max, stop)
    }

    /// Measures what is used and what is free. Walks everything: seconds on large workspaces.
    pub fn budget(&self, stop: Stop<'_>) -> Result<Budget, Fault> {
        let mut used_bytes = budget::measure(&self.root, &stop)?;
        for record in Record::all(&self.trees())? {
            if !record.dir.starts_with(&self.root) {
                used_bytes = used_bytes.saturating_add(budget::measure(&record.dir, &stop)?);
            }
        }
        Ok(Budget {
            used_bytes,
            max_bytes: self.limits.disk_bytes_max,
            free_bytes: budget::free_bytes(&self.root)?,
            reserve_bytes: self.limits.reserve_bytes,
        })
    }

    pub(crate) fn trees(&self) -> PathBuf {
        self.root.join("trees")
    }

    pub(crate) fn mirror_path(&self, key: &str) -> PathBuf {
        self.root.join("mirrors").join(key)
    }

    /// Opens a mirror for work, alone until the returned guard goes.
    pub(crate) fn mirror(&self, key: &str, stop: &Stop<'_>) -> Result<Mirror, Fault> {
        let path = self.mirror_path(key);
        let lock = lock(&path.with_extension("lock"), stop)?;
        let repo = if path.join("objects").is_dir() {
            // Whatever was written there, a git we run in it hears only us.
            let config = path.join("config");
            fs::write(&config, CONFIG).map_err(Fault::io("write", &config))?;
            open(&path)?
        } else {
            let mut options = RepositoryInitOptions::new();
            options.bare(true).external_template(false).mkpath(true).initial_head("none");
            Repository::init_opts(&path, &options).map_err(Fault::git("make a mirror"))?;
            let config = path.join("config");
            fs::write(&config, CONFIG).map_err(Fault::io("write", &config))?;
            open(&path)?
        };
        Ok(Mirror { repo, path, lock: Some(lock) })
    }

    /// Opens a mirror for reading.
    pub(crate) fn glance(&self, key: &str) -> Result<Repository, Fault> {
        open(&self.mirror_path(key))
    }
}

/// A mirror held by one writer.
pub(crate) struct Mirror {
    pub(crate) repo: Repository,
    pub(crate) path: PathBuf,
    lock: Option<File>,
}

impl Mirror {
    /// Where work that was brought home as `branch` stands now.
    pub(crate) fn tip(&self, branch: &str) -> Option<git2::Oid> {
        let named = |prefix: &str| {
            let name = format!("{prefix}/{branch}");
            let found = git2::Reference::is_valid_name(&name).then(|| self.repo.find_reference(&name).ok()).flatten();
            Some(found?.peel_to_commit().ok()?.id())
        };
        let ours = named("refs/heads")?;
        let theirs = named("refs/source/heads").filter(|theirs| home::holds(&self.repo, *theirs, ours));
        Some(theirs.unwrap_or(ours))
    }

    /// Lets the next writer in; what is there can still be read, for nothing in a mirror is ever deleted.
    pub(crate) fn release(&mut self) {
        drop(self.lock.take());
    }
}

/// Opens a bare repository of ours with its own configuration only: the user's and the system's are left out.
fn open(path: &Path) -> Result<Repository, Fault> {
    let repo = Repository::open_bare(path).map_err(Fault::git("open the mirror"))?;
    let mut config = Config::new().map_err(Fault::git("make a configuration"))?;
    let own = path.join("config");
    config.add_file(&own, ConfigLevel::Local, true).map_err(Fault::git("read the mirror's configuration"))?;
    repo.set_config(&config).map_err(Fault::git("set the mirror's configuration"))?;
    Ok(repo)
}

fn lock(path: &Path, stop: &Stop<'_>) -> Result<File, Fault> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(Fault::io("open", path))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => stop.pause()?,
            Err(TryLockError::Error(error)) => return Err(Fault::io("lock", path)(error)),
        }
    }
}

/// Paths that may stand in `objects/info/alternates`, in a record and in a message.
pub(crate) fn recordable(path: &Path) -> bool {
    path.is_absolute() && path.to_str().is_some_and(|text| !text.chars().any(char::is_control))
}
