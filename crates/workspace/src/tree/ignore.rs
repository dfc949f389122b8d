//! What the tree's own `.gitignore` files leave out.
//!
//! The rules are matched by libgit2 in a repository of ours that holds copies of those files and nothing else,
//! so that a `.gitignore` that is a pipe, a symlink or a gigabyte cannot reach it. Rules the agent wrote into
//! its `.git/info/exclude` do not count.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{Repository, RepositoryInitOptions};

use crate::error::Fault;
use crate::object::dir::Dir;

/// The matcher, fed folder by folder.
pub(crate) struct Ignore {
    repo: Repository,
    root: PathBuf,
}

/// Larger ignore files are machine-made nonsense; they are treated as empty.
const RULES_BYTES_MAX: u64 = 1 << 20;

impl Ignore {
    /// A matcher that lives in the private folder `root`.
    pub(crate) fn new(root: PathBuf) -> Result<Self, Fault> {
        let mut options = RepositoryInitOptions::new();
        options.external_template(false);
        let repo = Repository::init_opts(&root, &options).map_err(Fault::git("make a place for the ignore rules"))?;
        let blank = git2::Config::new().map_err(Fault::git("make an empty configuration"))?;
        repo.set_config(&blank).map_err(Fault::git("set an empty configuration"))?;
        Ok(Self { repo, root })
    }

    /// Learns the rules of `folder`, whose path in the tree is `path`. Parents come first.
    pub(crate) fn learn(&self, folder: &Dir, path: &[u8]) -> Result<(), Fault> {
        let Ok(rules) = folder.read(b".gitignore", RULES_BYTES_MAX) else { return Ok(()) };
        let place = self.root.join(OsStr::from_bytes(path));
        fs::create_dir_all(&place).map_err(Fault::io("create", &place))?;
        let file = place.join(".gitignore");
        fs::write(&file, rules).map_err(Fault::io("write", &file))
    }

    /// Whether an untracked path is left out.
    pub(crate) fn covers(&self, path: &[u8], is_folder: bool) -> Result<bool, Fault> {
        if is_folder {
            // libgit2 asks the disk whether a path is a folder.
            let place = self.root.join(OsStr::from_bytes(path));
            fs::create_dir_all(&place).map_err(Fault::io("create", &place))?;
        }
        Ok(self.repo.is_path_ignored(Path::new(OsStr::from_bytes(path))).unwrap_or(false))
    }
}
