//! Brings a branch from the mirror into the repository the work was cut from, when that is a local path.
//!
//! Writes objects and one new or fast-forwarded branch there; never its HEAD, index, working tree or
//! configuration, and runs no hook. What cannot be brought stays in the mirror, with the reason.

use std::collections::HashSet;
use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::Mirror;
use super::refresh::open_source;
use crate::clock::Stop;
use crate::error::Fault;
use crate::object::carry::Carry;
use crate::source::{Place, Source};
use crate::tree::Home;

/// A run saved this often under other names has another problem.
const NAMES_MAX: u32 = 100;

/// What the branch's own log says.
const REFLOG: &str = "ostler: work brought home";

/// Delivers `commit` as `branch`, or says why it stays. `ours` is what an earlier save of this tree left there.
pub(crate) fn bring(
    mirror: &Mirror,
    source: &Source,
    branch: &str,
    (commit, ours): (Oid, Option<Oid>),
    stop: Stop<'_>,
) -> Result<Home, Fault> {
    let stays = |why: Option<String>| Home::Mirror { path: mirror.path.clone(), branch: branch.to_owned(), why };
    let Place::Local(path) = source.place() else { return Ok(stays(None)) };
    match deliver(mirror, path, branch, (commit, ours), stop) {
        Ok(branch) => Ok(Home::Origin { path: path.clone(), branch }),
        Err(Fault::Stopped(stopped)) => Err(stopped.into()),
        Err(fault) => Ok(stays(Some(fault.to_string()))),
    }
}

fn deliver(
    mirror: &Mirror,
    path: &Path,
    branch: &str,
    (commit, ours): (Oid, Option<Oid>),
    stop: Stop<'_>,
) -> Result<String, Fault> {
    let other =
        |why: String| Fault::Git { doing: "bring the branch to its repository", source: git2::Error::from_str(&why) };
    let origin = open_source(path).map_err(|error| other(error.to_string()))?;
    let from = mirror.repo.odb().map_err(Fault::git("open the mirror's objects"))?;
    let to = origin.odb().map_err(Fault::git("open the repository's objects"))?;
    if let Err(error) = Carry::new(&from, &to, u64::MAX, stop).take(commit) {
        stop.check()?;
        return Err(other(error.to_string()));
    }
    place(&origin, branch, commit, ours).map_err(Fault::git("move the branch in its repository"))
}

/// Points a branch at `commit` without losing what any branch holds, nor touching one that is checked out:
/// `branch` itself, or the first free `branch.2`, `branch.3`, …
pub(crate) fn place(repo: &Repository, branch: &str, commit: Oid, ours: Option<Oid>) -> Result<String, git2::Error> {
    for n in 1..=NAMES_MAX {
        let name = if n == 1 { branch.to_owned() } else { format!("{branch}.{n}") };
        let full = format!("refs/heads/{name}");
        let now = match repo.refname_to_id(&full) {
            Err(error) if error.code() == ErrorCode::NotFound && !checked_out(repo, &full) => {
                match repo.reference(&full, commit, false, REFLOG) {
                    Ok(_) => return Ok(name),
                    Err(error) if error.code() == ErrorCode::Exists => continue,
                    Err(error) => return Err(error),
                }
            }
            Err(error) if error.code() == ErrorCode::NotFound => continue,
            Err(error) => return Err(error),
            Ok(now) => now,
        };
        if now == commit {
            return Ok(name);
        }
        if checked_out(repo, &full) {
            continue;
        }
        if Some(now) == ours || holds(repo, commit, now) {
            match repo.reference_matching(&full, commit, true, now, REFLOG) {
                Ok(_) => return Ok(name),
                Err(error) if error.code() == ErrorCode::Modified => continue,
                Err(error) => return Err(error),
            }
        }
    }
    Err(git2::Error::from_str("every name like it is taken; delete old ostler/ branches"))
}

/// Whether HEAD of the repository, or of a worktree linked to it, stands on a branch. A HEAD that cannot be read counts
/// as standing there: moving a branch under somebody's feet is worse than using another name.
fn checked_out(repo: &Repository, full: &str) -> bool {
    let common = repo.commondir();
    let linked = std::fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
    let heads = linked.map(|entry| entry.path().join("HEAD")).chain([common.join("HEAD")]);
    heads.into_iter().any(|head| match std::fs::read_to_string(head) {
        Ok(text) => text.trim_end().strip_prefix("ref: ") == Some(full),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    })
}

/// Whether `id` is `by` or one of its ancestors. In a shallow repository, where libgit2 stumbles over the missing
/// parents, as far as its history goes.
pub(crate) fn holds(repo: &Repository, by: Oid, id: Oid) -> bool {
    by == id || repo.graph_descendant_of(by, id).unwrap_or_else(|_| reaches(repo, by, id))
}

fn reaches(repo: &Repository, by: Oid, id: Oid) -> bool {
    let mut seen = HashSet::new();
    let mut ahead = vec![by];
    while let Some(at) = ahead.pop() {
        if at == id {
            return true;
        }
        if seen.insert(at)
            && let Ok(commit) = repo.find_commit(at)
        {
            ahead.extend(commit.parent_ids());
        }
    }
    false
}
