//! What the runner knows of its working trees after a restart: one small file for each, in the mirrors' folder.
//!
//! Written before a tree exists and removed after it is gone, so no tree is ever forgotten. Never stored in
//! the tree, where an agent could change it.
//!
//! ```text
//! Preparing ── checkout whole ─▶ Standing ── proved ─▶ Removing ─▶ (no record)
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::source::Source;

/// Where a tree is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// Its checkout did not end; no agent ever saw it, so removing it loses nothing.
    Preparing,
    /// Whole; an agent may have worked in it.
    Standing,
    /// Proved to be saved; its deletion did not end.
    Removing,
}

/// A standing tree a restarted runner finds: save it and remove it, or go on in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The run's label.
    pub run: String,
    /// The tree's folder.
    pub dir: PathBuf,
    /// The last commit a save brought home, in hex; none when it was never saved with work in it.
    pub saved: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) run: String,
    pub(crate) dir: PathBuf,
    pub(crate) source: Source,
    pub(crate) mirror: String,
    /// The commit it was cut from, in hex; none without a repository.
    pub(crate) base: Option<String>,
    /// The commit its source named then, in hex: another than `base` where earlier work is gone on with.
    #[serde(default)]
    pub(crate) source_base: Option<String>,
    pub(crate) state: State,
    /// The branch and commit of the last save.
    pub(crate) saved: Option<(String, String)>,
}

impl Record {
    /// The file name of the tree at `dir`.
    pub(crate) fn key(dir: &Path) -> Result<String, Fault> {
        let bytes = std::os::unix::ffi::OsStrExt::as_bytes(dir.as_os_str());
        let id = git2::Oid::hash_object(git2::ObjectType::Blob, bytes).map_err(Fault::git("hash a path"))?;
        Ok(id.to_string())
    }

    /// Writes the record whole or not at all.
    pub(crate) fn store(&self, folder: &Path) -> Result<(), Fault> {
        let path = folder.join(Self::key(&self.dir)?);
        let draft = path.with_extension("tmp");
        let text = serde_json::to_vec_pretty(self).expect("a record is plain strings with UTF-8 paths");
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&draft)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(Fault::io("write the record", &path))
    }

    /// Forgets a tree that is gone.
    pub(crate) fn forget(&self, folder: &Path) -> Result<(), Fault> {
        let path = folder.join(Self::key(&self.dir)?);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Fault::io("remove the record", &path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The record of the tree at `dir`, if there is one that can be read.
    pub(crate) fn load(folder: &Path, dir: &Path) -> Result<Option<Self>, Fault> {
        let path = folder.join(Self::key(dir)?);
        match fs::read(&path) {
            Ok(text) => parse(&path, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Fault::io("read the record", &path)(error)),
        }
    }

    /// Every record, in no order a caller should rely on.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>, Fault> {
        let mut records = Vec::new();
        for entry in fs::read_dir(folder).map_err(Fault::io("list", folder))? {
            let path = entry.map_err(Fault::io("list", folder))?.path();
            if path.extension().is_none() {
                let text = fs::read(&path).map_err(Fault::io("read the record", &path))?;
                records.push(parse(&path, &text)?);
            }
        }
        records.sort_by(|one, other| one.dir.cmp(&other.dir));
        Ok(records)
    }
}

fn parse(path: &Path, text: &[u8]) -> Result<Record, Fault> {
    serde_json::from_slice(text).map_err(|error| {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        Fault::Io {
            doing: "understand the record (move it away to have the tree forgotten)",
            path: path.to_path_buf(),
            source,
        }
    })
}
