//! Commits an agent made and no ref of its names any more: amended, reset, rebased away, an older stash.
//!
//! Git would forget them with the repository; here they are work like any other until somebody decides.

use std::collections::{HashMap, HashSet};

use git2::{ObjectType, Odb, Oid};

use crate::object;

/// More than any agent drops on purpose; past it, the rest is reported and the tree is kept.
const DROPPED_MAX: usize = 1000;

/// The newest of the unnamed commits in `objects`: every other unnamed one is an ancestor of one of them.
/// `named` are the commits refs name. The error is how many there were when there were too many.
pub(super) fn dropped(objects: &Odb<'_>, named: &HashSet<Oid>) -> Result<Vec<Oid>, usize> {
    let mut parents: HashMap<Oid, Vec<Oid>> = HashMap::new();
    let listed = objects.foreach(|id| {
        let is_commit = matches!(objects.read_header(*id), Ok((_, ObjectType::Commit)));
        if let (true, Ok(commit)) = (is_commit, objects.read(*id)) {
            parents.insert(*id, object::commit(commit.data()).map(|(_, parents)| parents).unwrap_or_default());
        }
        true
    });
    drop(listed);
    let followed: HashSet<Oid> = parents.values().flatten().copied().collect();
    let mut newest: Vec<Oid> = parents.into_keys().filter(|id| !named.contains(id) && !followed.contains(id)).collect();
    newest.sort();
    if newest.len() > DROPPED_MAX { Err(newest.len()) } else { Ok(newest) }
}
