//! Working trees that an earlier life left: those of attempts that go on stay, the others go when that loses nothing.
//!
//! Owns the sweep before anything is made. Trees in runs' own directories are not its business (`session/sweep.rs`). A tree whose work was never brought home stays until a person looks at it: its lease
//! was lost, so that nothing of it may be published, and nothing that is saved nowhere else is deleted.

use super::stable::TREES;
use crate::attempt::finish::AUTHOR;
use ostler_workspace::{Leftover, Mirrors, Proof, Stop};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// One tree may take this long; what is not done then is done at the next start.
const TREE_WITHIN: Duration = Duration::from_secs(60);

/// Sweeps the workspace; trees in `live` have an attempt that goes on.
pub(super) async fn clear(mirrors: &Mirrors, home: &Path, live: Vec<PathBuf>) {
    let (mirrors, trees) = (mirrors.clone(), home.join(TREES));
    let swept = tokio::task::spawn_blocking(move || match mirrors.sweep() {
        Ok(leftovers) => {
            let ended = |left: &Leftover| left.dir.starts_with(&trees) && !live.contains(&left.dir);
            leftovers.into_iter().filter(ended).for_each(|left| one(&mirrors, &left))
        }
        Err(error) => tracing::warn!(%error, "the workspace could not be swept"),
    });
    if let Err(error) = swept.await {
        tracing::error!(%error, "the workspace could not be swept");
    }
}

fn one(mirrors: &Mirrors, left: &Leftover) {
    let directory = left.dir.display();
    match remove(mirrors, left) {
        Ok(()) => tracing::info!(run = left.run, %directory, "cleared a tree that was brought home"),
        Err(why) => tracing::warn!(run = left.run, %directory, why, "a tree of an earlier life stays"),
    }
}

fn remove(mirrors: &Mirrors, left: &Leftover) -> Result<(), String> {
    let never = AtomicBool::new(false);
    let stop = || Stop::new(&never, Some(TREE_WITHIN));
    let Some(mut tree) = mirrors.tree(&left.dir).map_err(|error| error.to_string())? else { return Ok(()) };
    let saved = match &left.saved {
        // Brought home before: the same again changes nothing, and is the proof.
        Some(_) => Some(
            tree.save(AUTHOR, "left by an earlier life of the runner", stop()).map_err(|error| error.to_string())?,
        ),
        None => None,
    };
    let proof = saved.as_ref().map_or(Proof::Empty, Proof::Saved);
    tree.remove(proof, stop()).map_err(|(_, error)| error.to_string())
}
