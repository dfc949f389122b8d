//! Deletes a tree, and only one whose every byte of work is proved to be elsewhere.
//!
//! The proof is not taken on trust: the tree is gathered again and must come to exactly what was saved. The
//! deletion is recorded before it begins, so a crash half way is finished by the next sweep.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use git2::Oid;

use super::save::gather;
use super::{Proof, Tree};
use crate::clock::Stop;
use crate::error::{Fault, RemoveError, SaveError};
use crate::mirror::home;
use crate::record::{Record, State};

impl Tree {
    /// Deletes the tree, or says what would be lost and keeps it. What the tree's own `.gitignore` names is not
    /// work and goes with it. A refusal returns the tree, so that it can be saved again.
    pub fn remove(mut self, proof: Proof<'_>, stop: Stop<'_>) -> Result<(), (Box<Self>, RemoveError)> {
        match self.losing(proof, stop) {
            Ok(losing) if losing.is_empty() => {}
            Ok(losing) => {
                let path = self.record.dir.clone();
                return Err((Box::new(self), RemoveError::WouldLose { path, losing }));
            }
            Err(error) => return Err((Box::new(self), error)),
        }
        self.record.state = State::Removing;
        let folder = self.mirrors.trees();
        let deleted = self.record.store(&folder).and_then(|()| delete(&self.record, &folder));
        deleted.map_err(|fault| (Box::new(self), fault.into()))
    }

    /// What removing the tree now would lose.
    fn losing(&self, proof: Proof<'_>, stop: Stop<'_>) -> Result<Vec<String>, RemoveError> {
        let mirror = self.mirrors.mirror(&self.record.mirror, &stop).map_err(SaveError::from)?;
        let gathered = gather(self, &mirror, stop)?;
        let mut losing: Vec<String> =
            gathered.snapshot.left.iter().map(|left| format!("{} ({})", left.path, left.why)).collect();
        let (branch, commit) = match (proof, &self.record.saved) {
            (Proof::Saved(saved), _) => (saved.branch.as_ref(), saved.commit.as_ref()),
            (Proof::Last, Some((branch, commit))) => (Some(branch), Some(commit)),
            (Proof::Last, None) | (Proof::Empty, _) => (None, self.record.base.as_ref()),
        };
        let kept = commit.and_then(|hex| Oid::from_str(hex).ok());
        if let Some(branch) = branch {
            let now = mirror.repo.refname_to_id(&format!("refs/heads/{branch}")).ok();
            if !now.zip(kept).is_some_and(|(now, kept)| home::holds(&mirror.repo, now, kept)) {
                losing.push(format!("the branch {branch} in the mirror no longer holds what was saved; save again"));
            }
        }
        let kept_tree = match kept {
            Some(kept) => mirror.repo.find_commit(kept).map(|c| Some(c.tree_id())),
            None => Ok(None),
        };
        match kept_tree {
            Ok(tree) => losing.extend(gathered.differs(&mirror.repo, kept, tree)),
            Err(_) => losing.push("everything: the saved commit is not in the mirror; save again".to_owned()),
        }
        Ok(losing)
    }
}

/// Deletes the folder and then the record.
pub(crate) fn delete(record: &Record, records: &Path) -> Result<(), Fault> {
    erase(&record.dir)?;
    record.forget(records)
}

/// Deletes a folder an agent wrote in, whatever it holds. Follows no symlink; opens what the agent closed.
///
/// # Errors
/// When the disk refuses; a folder that is not there is no error.
pub fn erase(dir: &Path) -> Result<(), Fault> {
    let gone = match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            unlock(dir);
            fs::remove_dir_all(dir)
        }
        // A symlink or file where the folder stood: that name is ours to clear, what it points at is not.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory && fs::symlink_metadata(dir).is_ok() => {
            fs::remove_file(dir)
        }
        other => other,
    };
    match gone {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(Fault::io("delete", dir)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Gives the owner access to every folder again (package caches make theirs read-only).
fn unlock(dir: &Path) {
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // What cannot be opened shows in the deletion that follows.
        drop(fs::set_permissions(&folder, Permissions::from_mode(0o700)));
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        folders.extend(entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
    }
}
