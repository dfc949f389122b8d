//! Brings a mirror up to date with its source.
//!
//! A local path is read by libgit2, which runs no hook and no program a configuration names; a URL goes through
//! `network.rs`. Both write only `refs/source/*`, so nothing a source says can move work brought home.

use std::io;
use std::path::Path;

use git2::{AutotagOption, ErrorCode, FetchOptions, FetchPrune, Oid, RemoteCallbacks, Repository};

use super::{Mirror, Mirrors};
use crate::budget;
use crate::clock::Stop;
use crate::error::{CheckoutError, Fault, printable};
use crate::network::Fetch;
use crate::source::{Place, Source};

/// What is mirrored, and where it goes.
const REFSPECS: [&str; 2] = ["+refs/heads/*:refs/source/heads/*", "+refs/tags/*:refs/source/tags/*"];
/// Where the source's own HEAD is noted.
pub(super) const SOURCE_HEAD: &str = "refs/source/HEAD";

impl Mirrors {
    /// Fetches everything new, after asking whether it fits.
    pub(crate) fn refresh(&self, mirror: &Mirror, source: &Source, stop: Stop<'_>) -> Result<(), CheckoutError> {
        match source.place() {
            Place::Nowhere => Ok(()),
            Place::Local(path) => self.refresh_local(mirror, path, stop),
            Place::Remote { url, transport } => {
                let refspecs = [REFSPECS[0], REFSPECS[1], "+HEAD:refs/source/HEAD"];
                let fetch = Fetch {
                    mirror: &mirror.path,
                    config: &self.root.join("git.config"),
                    url,
                    transport: *transport,
                    reserve_bytes: self.limits.reserve_bytes,
                    refspecs: &refspecs,
                };
                self.network.fetch(&fetch, stop)
            }
        }
    }

    fn refresh_local(&self, mirror: &Mirror, path: &Path, stop: Stop<'_>) -> Result<(), CheckoutError> {
        let source = open_source(path)?;
        let head = match source.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => Some(commit.id()),
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => None,
            Err(error) => return Err(Fault::git("read HEAD of the repository")(error).into()),
        };
        if source.is_empty().unwrap_or(false) {
            return Err(CheckoutError::NoCommit(path.display().to_string()));
        }
        if mirror.repo.find_reference(SOURCE_HEAD).is_err() {
            let needed = budget::measure(&source.commondir().join("objects"), &stop)?;
            self.budget(stop)?.admit("a mirror of the repository", needed)?;
        }
        fetch_local(mirror, path, head, stop)?;
        copy_shallow(source.commondir(), &mirror.path)?;
        let head = head.filter(|id| mirror.repo.find_commit(*id).is_ok());
        note_head(&mirror.repo, head).map_err(Fault::git("note the HEAD of the repository"))?;
        Ok(())
    }
}

/// Opens a repository by the path a person gave, or says what is there instead.
pub(crate) fn open_source(path: &Path) -> Result<Repository, CheckoutError> {
    match std::fs::read_dir(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CheckoutError::Missing(path.to_path_buf()));
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(CheckoutError::NotGit { path: path.to_path_buf(), why: "it is a file".to_owned() });
        }
        Err(error) => return Err(CheckoutError::Unreadable { path: path.to_path_buf(), why: error.to_string() }),
    }
    Repository::open(path).map_err(|error| {
        let path = path.to_path_buf();
        if error.code() == ErrorCode::Owner {
            CheckoutError::Unreadable { path, why: DUBIOUS.to_owned() }
        } else if error.code() == ErrorCode::NotFound {
            CheckoutError::NotGit { path, why: "no .git in it".to_owned() }
        } else {
            CheckoutError::NotGit { path, why: printable(error.message().as_bytes()) }
        }
    })
}

/// What git calls dubious ownership.
const DUBIOUS: &str =
    "it belongs to another user; `git config --global --add safe.directory PATH` as the runner's user trusts it";

fn fetch_local(mirror: &Mirror, path: &Path, head: Option<Oid>, stop: Stop<'_>) -> Result<(), CheckoutError> {
    let name = path.to_str().ok_or_else(|| CheckoutError::Missing(path.to_path_buf()))?;
    let mut remote = mirror.repo.remote_anonymous(name).map_err(Fault::git("name the repository"))?;
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|_| stop.check().is_ok()).pack_progress(|_, _, _| {});
    let mut options = FetchOptions::new();
    options
        .prune(FetchPrune::On)
        .download_tags(AutotagOption::None)
        .update_fetchhead(false)
        .remote_callbacks(callbacks);
    let mut refspecs = REFSPECS.map(str::to_owned).to_vec();
    if head.is_some() {
        refspecs.push(format!("+HEAD:{SOURCE_HEAD}"));
    }
    let fetched = remote.fetch(&refspecs, Some(&mut options), None);
    stop.check().map_err(Fault::from)?;
    fetched.map_err(Fault::git("read the repository's objects"))?;
    Ok(())
}

/// A shallow source ends somewhere; the mirror, which fetched no further, ends there too.
fn copy_shallow(source: &Path, mirror: &Path) -> Result<(), CheckoutError> {
    let file = mirror.join("shallow");
    let mut ends = std::collections::BTreeSet::new();
    for path in [&source.join("shallow"), &file] {
        let text = std::fs::read(path).unwrap_or_default();
        ends.extend(text.split(|b| *b == b'\n').filter_map(crate::object::hex).map(|id| format!("{id}\n")));
    }
    if ends.is_empty() {
        return Ok(());
    }
    let text: String = ends.into_iter().collect();
    Ok(std::fs::write(&file, text).map_err(Fault::io("write", &file))?)
}

fn note_head(repo: &Repository, head: Option<Oid>) -> Result<(), git2::Error> {
    match head {
        Some(id) => repo.reference(SOURCE_HEAD, id, true, "HEAD of the source").map(drop),
        None => match repo.find_reference(SOURCE_HEAD) {
            Ok(mut old) => old.delete(),
            Err(_) => Ok(()),
        },
    }
}
