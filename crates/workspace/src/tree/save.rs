//! Brings a tree's work home: its commits, and what it had not committed.
//!
//! Two steps. [`gather`] copies, verifies and writes objects into the mirror and moves nothing; it is also how
//! a removal finds out whether anything is saved nowhere else. [`Tree::save`] then moves one branch, with the
//! value it expects there, and records that it did.

use std::collections::HashSet;
use std::os::fd::AsFd;

use git2::{Odb, Oid, Repository, Signature};

use super::snapshot::{Camera, Snapshot};
use super::{Author, Home, Left, Saved, Tree, dropped, ignore, tips};
use crate::clock::{Stop, signature};
use crate::error::{Fault, SaveError, printable};
use crate::mirror::{Mirror, home};
use crate::object::carry::{Carry, CarryError};
use crate::object::dir::Dir;
use crate::object::quarantine::Quarantine;
use crate::record::Record;

/// The trailer that marks a commit of work its agent had not committed.
const MARK: &str = "Ostler-Uncommitted: true";

/// Everything a tree holds, safe in the mirror; no branch names it yet.
pub(super) struct Gathered {
    /// The agent's own tip, or the base where it has none that can be believed.
    tip: Option<Oid>,
    /// Its tree; none when there is no tip.
    tip_tree: Option<Oid>,
    pub(super) snapshot: Snapshot,
    /// Refs with commits the mirror did not have.
    others: Vec<(String, Oid)>,
    pub(super) notices: Vec<String>,
}

impl Gathered {
    /// Whether the files differ from the tip.
    fn uncommitted(&self) -> bool {
        self.snapshot.tree != self.tip_tree.filter(|tree| !is_empty_tree(*tree))
    }

    /// What the tree holds that `kept`, a commit with the tree `kept_tree`, and the mirror's refs do not.
    pub(super) fn differs(&self, repo: &Repository, kept: Option<Oid>, kept_tree: Option<Oid>) -> Vec<String> {
        let mut differs = Vec::new();
        if self.snapshot.tree != kept_tree.filter(|tree| !is_empty_tree(*tree)) {
            differs.push("files that were changed and not saved since".to_owned());
        }
        if let Some(tip) = self.tip.filter(|tip| !held(repo, kept, *tip)) {
            differs.push(format!("commits up to {tip} that were not saved"));
        }
        let named = |id: Oid| repo.references().is_ok_and(|all| all.flatten().any(|r| r.target() == Some(id)));
        let others = self.others.iter().filter(|(_, id)| !held(repo, kept, *id) && !named(*id));
        differs
            .extend(others.map(|(name, _)| format!("commits on {} that were not saved", printable(name.as_bytes()))));
        differs
    }
}

/// Whether `id` is `by` or one of its ancestors.
fn held(repo: &Repository, by: Option<Oid>, id: Oid) -> bool {
    by.is_some_and(|by| home::holds(repo, by, id))
}

/// The id of the tree without entries.
fn is_empty_tree(id: Oid) -> bool {
    Oid::hash_object(git2::ObjectType::Tree, b"").is_ok_and(|empty| empty == id)
}

impl Tree {
    /// Saves everything in the tree as commits on `ostler/<run>`: in the mirror, and in the source's own
    /// repository when that is a local path. `message` is for the commit of uncommitted work, if there is any;
    /// that commit is marked. Saving again without a change returns the same commit.
    ///
    /// No agent should be running: one that writes meanwhile is safe, and what it writes may be missed.
    pub fn save(&mut self, author: Author<'_>, message: &str, stop: Stop<'_>) -> Result<Saved, SaveError> {
        let signature = signed(author)?;
        let mirror = self.mirrors.mirror(&self.record.mirror, &stop)?;
        let mut gathered = gather(self, &mirror, stop)?;
        let (commit, uncommitted) = self.commit(&mirror.repo, &gathered, &signature, message)?;
        let base = self.record.base.as_deref().and_then(|hex| Oid::from_str(hex).ok());
        let others = std::mem::take(&mut gathered.others);
        let mut saved = describe(self, gathered, commit, uncommitted);
        saved.others = self.keep_others(&mirror.repo, others)?;
        if let Some(commit) = commit.filter(|commit| Some(*commit) != base) {
            let before = self.record.saved.clone();
            let ours = before.as_ref().and_then(|(_, commit)| Oid::from_str(commit).ok());
            let wanted = before.map_or_else(|| self.branch(), |(branch, _)| branch);
            let branch = home::place(&mirror.repo, &wanted, commit, ours).map_err(|error| raced(error, &wanted))?;
            flush(&mirror)?;
            saved.home = Some(home::bring(&mirror, &self.record.source, &branch, (commit, ours), stop)?);
            self.record.saved = Some((branch.clone(), commit.to_string()));
            self.record.store(&self.mirrors.trees())?;
            saved.branch = Some(branch);
        }
        Ok(saved)
    }

    /// The commit that holds the files as they are: the tip, one made before, or a new one.
    fn commit(
        &self,
        repo: &Repository,
        gathered: &Gathered,
        signature: &Signature<'_>,
        message: &str,
    ) -> Result<(Option<Oid>, bool), SaveError> {
        if !gathered.uncommitted() {
            return Ok((gathered.tip, false));
        }
        if let Some(old) = self.made_before(repo, gathered) {
            return Ok((Some(old), true));
        }
        let fault = || Fault::git("commit the uncommitted work");
        let tree = match gathered.snapshot.tree {
            Some(tree) => tree,
            None => repo.treebuilder(None).and_then(|empty| empty.write()).map_err(fault())?,
        };
        let tree = repo.find_tree(tree).map_err(fault())?;
        let parent = gathered.tip.map(|tip| repo.find_commit(tip)).transpose().map_err(fault())?;
        let parents: Vec<_> = parent.iter().collect();
        let text = marked(message, &self.record.run);
        let id = repo.commit(None, signature, signature, &text, &tree, &parents).map_err(fault())?;
        Ok((Some(id), true))
    }

    /// The commit an earlier save made, when it says the same.
    fn made_before(&self, repo: &Repository, gathered: &Gathered) -> Option<Oid> {
        let (_, hex) = self.record.saved.as_ref()?;
        let old = repo.find_commit(Oid::from_str(hex).ok()?).ok()?;
        let same_parent = old.parent_ids().next() == gathered.tip && old.parent_count() <= 1;
        let tree = Some(old.tree_id()).filter(|tree| !is_empty_tree(*tree));
        let marked = old.message_bytes().windows(MARK.len()).any(|part| part == MARK.as_bytes());
        (same_parent && marked && tree == gathered.snapshot.tree).then(|| old.id())
    }

    /// Names what the agent's other refs hold, so that it is found again.
    fn keep_others(&self, repo: &Repository, others: Vec<(String, Oid)>) -> Result<Vec<String>, SaveError> {
        let mut kept = Vec::new();
        for (name, id) in others {
            let short = name.strip_prefix("refs/").unwrap_or(&name);
            let mut full = format!("refs/ostler/{}/{short}", self.record.run);
            if !git2::Reference::is_valid_name(&full) {
                full = format!("refs/ostler/{}/odd/{id}", self.record.run);
            }
            if repo.find_reference(&full).is_ok_and(|old| old.target() != Some(id)) {
                full = format!("refs/ostler/{}/also/{id}", self.record.run);
            }
            repo.reference(&full, id, true, "ostler: another ref of the run")
                .map_err(Fault::git("keep another ref"))?;
            kept.push(full);
        }
        Ok(kept)
    }
}

/// Copies and verifies everything the tree holds into the mirror. Moves no branch.
pub(super) fn gather(tree: &Tree, mirror: &Mirror, stop: Stop<'_>) -> Result<Gathered, SaveError> {
    let path = &tree.record.dir;
    let dir = Dir::open(path).map_err(|source| SaveError::Gone { path: path.clone(), source })?;
    let limits = tree.mirrors.limits;
    let quarantine = Quarantine::new(tree.mirrors.root.join("quarantine").join(Record::key(path)?))?;
    let found = tips::read(&dir);
    if let Some(objects) = &found.objects {
        quarantine.copy(objects, limits.work_bytes_max, &stop)?;
    }
    let from = quarantined(&quarantine)?;
    let odb = mirror.repo.odb().map_err(Fault::git("open the mirror's objects"))?;
    let mut carry = Carry::new(&from, &odb, limits.work_bytes_max, stop);
    let mut left = Vec::new();
    let base = tree.record.base.as_deref().and_then(|hex| Oid::from_str(hex).ok());
    let tip = match found.head {
        Some(head) => take(&mut carry, "HEAD", head, &mut left)?.then_some(head),
        None => None,
    };
    let tip = tip.filter(|tip| mirror.repo.find_commit(*tip).is_ok()).or(base);
    let named: HashSet<Oid> =
        found.head.into_iter().chain(base).chain(found.others.iter().map(|(_, id)| *id)).collect();
    let dropped = unnamed(&from, &named, &mut left);
    let mut others = Vec::new();
    for (name, id) in found.others.into_iter().chain(dropped) {
        let landmark = odb.exists(id) && (name.starts_with("refs/remotes/source/") || name.starts_with("refs/tags/"));
        if take(&mut carry, &name, id, &mut left)? && !landmark && !held(&mirror.repo, tip, id) {
            others.push((name, id));
        }
    }
    let tip_tree = match tip {
        Some(tip) => Some(mirror.repo.find_commit(tip).map_err(Fault::git("read the tip"))?.tree_id()),
        None => None,
    };
    let ignore = ignore::Ignore::new(quarantine.side("ignore")?)?;
    let mut snapshot = Camera { odb: &odb, ignore: &ignore, limits, stop }.take(&dir, tip_tree)?;
    left.append(&mut snapshot.left);
    snapshot.left = left;
    Ok(Gathered { tip, tip_tree, snapshot, others, notices: found.odd })
}

/// Commits the agent made and let go of, under names of ours.
fn unnamed(from: &Odb<'_>, named: &HashSet<Oid>, left: &mut Vec<Left>) -> Vec<(String, Oid)> {
    let found = dropped::dropped(from, named).unwrap_or_else(|count| {
        let why = format!("{count} commits that no ref names; `git gc --prune=now` in the tree lets go of them");
        left.push(Left { path: ".git".to_owned(), why });
        Vec::new()
    });
    found.into_iter().map(|id| (format!("refs/dropped/{id}"), id)).collect()
}

fn quarantined(quarantine: &Quarantine) -> Result<Odb<'static>, Fault> {
    let odb = Odb::new().map_err(Fault::git("make an object database"))?;
    let objects = quarantine.objects();
    let path = objects.to_str().expect("the workspace's root was checked to be UTF-8");
    odb.add_disk_alternate(path).map_err(Fault::git("open the quarantine"))?;
    Ok(odb)
}

/// Carries one tip; what is refused is left behind with its reason, and only then is `false`.
fn take(carry: &mut Carry<'_>, name: &str, id: Oid, left: &mut Vec<Left>) -> Result<bool, SaveError> {
    match carry.take(id) {
        Ok(()) => Ok(true),
        Err(CarryError::Stopped(stopped)) => Err(Fault::from(stopped).into()),
        Err(error) => {
            left.push(Left { path: format!(".git {}", printable(name.as_bytes())), why: error.to_string() });
            Ok(false)
        }
    }
}

fn describe(tree: &Tree, gathered: Gathered, commit: Option<Oid>, uncommitted: bool) -> Saved {
    Saved {
        base: tree.record.base.clone(),
        commit: commit.map(|id| id.to_string()),
        branch: None,
        uncommitted,
        others: Vec::new(),
        home: None::<Home>,
        left: gathered.snapshot.left,
        ignored: gathered.snapshot.ignored,
        notices: gathered.notices,
    }
}

fn signed(author: Author<'_>) -> Result<Signature<'static>, SaveError> {
    let bad = |text: &str| text.trim().is_empty() || text.contains(['<', '>']) || text.chars().any(char::is_control);
    let refused = || SaveError::Author(printable(format!("{} <{}>", author.name, author.email).as_bytes()));
    if bad(author.name) || bad(author.email) {
        return Err(refused());
    }
    signature(author.name, author.email).map_err(|_| refused())
}

/// The message, marked so that nobody takes the commit for the agent's own.
fn marked(message: &str, run: &str) -> String {
    let clean: String = message.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let subject = if clean.trim().is_empty() { format!("Uncommitted work of {run}") } else { clean.trim().to_owned() };
    format!("{subject}\n\n{MARK}\nOstler-Run: {run}\n")
}

fn raced(error: git2::Error, branch: &str) -> SaveError {
    if matches!(error.code(), git2::ErrorCode::Modified | git2::ErrorCode::Locked) {
        return SaveError::Raced(branch.to_owned());
    }
    Fault::git("move the run's branch")(error).into()
}

/// Pushes objects and branch to the disk before anybody is told they are safe.
fn flush(mirror: &Mirror) -> Result<(), Fault> {
    let folder = std::fs::File::open(&mirror.path).map_err(Fault::io("open", &mirror.path))?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(folder.as_fd()).map_err(|e| Fault::io("flush", &mirror.path)(e.into()))?;
    #[cfg(not(target_os = "linux"))]
    {
        let _: std::os::fd::BorrowedFd<'_> = folder.as_fd();
        rustix::fs::sync();
    }
    Ok(())
}
