//! Runs' directories go when nobody used them for long, or when their room is needed: the oldest first, never one in use.
//!
//! ```text
//! untouched for `sessions.keep`, or over the disk's budget ─ nobody sits there ─▶ tree (with proof) ─▶ home, session
//! ```
//!
//! A tree that holds what is saved nowhere else stays, and its home goes. Must not know what was done in it.

use super::seat;
use crate::runner::stable::{Shared, Stable};
use ostler_core::ids::{LeaseId, RunId};
use ostler_workspace::{Budget, Fault, Proof, Stop, erase, measure};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Days matter here, hours do not.
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Measuring and proving may take this long; what is not done then is done the next day.
const SWEEP_WITHIN: Duration = Duration::from_secs(30 * 60);

/// One run's directory.
struct Used {
    root: RunId,
    dir: PathBuf,
    /// When it was last worked at, Unix milliseconds.
    at_ms: u64,
}

/// Sweeps now, and every day.
pub(crate) async fn for_ever(stable: Shared) {
    loop {
        make_room(&stable, 0).await;
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

/// Removes what is too old, and then the oldest until `needed_bytes` more fit on the disk.
pub(crate) async fn make_room(stable: &Shared, needed_bytes: u64) {
    let stable = Arc::clone(stable);
    let swept = tokio::task::spawn_blocking(move || {
        let never = AtomicBool::new(false);
        let stop = Stop::new(&never, Some(SWEEP_WITHIN));
        if let Err(error) = sweep(&stable, needed_bytes, stop) {
            tracing::warn!(%error, "the directories of old runs could not be swept");
        }
    });
    if let Err(error) = swept.await {
        tracing::error!(%error, "the directories of old runs could not be swept");
    }
}

fn sweep(stable: &Stable, needed_bytes: u64, stop: Stop<'_>) -> Result<(), Fault> {
    let all = used(&stable.runs.root);
    let mut room = room(stable, &all, stop)?;
    let now_ms = stable.clock.now_ms();
    let keep_ms = u64::try_from(stable.config.sessions.keep.duration().as_millis()).unwrap_or(u64::MAX);
    for used in all {
        let old = now_ms.saturating_sub(used.at_ms) > keep_ms;
        if !old && fits(&room, needed_bytes) {
            break;
        }
        // No attempt has this epoch: whoever comes meanwhile waits until the seat is free.
        let Some(_seat) = seat::take(stable, LeaseId { run: used.root, epoch: 0 }) else { continue };
        let bytes = measure(&used.dir, &stop)?;
        match remove(stable, &used, stop) {
            Ok(()) => {
                tracing::info!(run = %used.root, bytes, "removed the directory of an old run");
                room.used_bytes = room.used_bytes.saturating_sub(bytes);
                room.free_bytes = room.free_bytes.saturating_add(bytes);
            }
            Err(why) => tracing::warn!(run = %used.root, why, "the directory of an old run stays"),
        }
    }
    Ok(())
}

/// What is used, homes included: the workspace knows of trees and mirrors only.
fn room(stable: &Stable, all: &[Used], stop: Stop<'_>) -> Result<Budget, Fault> {
    let mut room = stable.mirrors.budget(stop)?;
    for used in all {
        room.used_bytes = room.used_bytes.saturating_add(measure(&used.dir.join("home"), &stop)?);
    }
    Ok(room)
}

const fn fits(room: &Budget, needed_bytes: u64) -> bool {
    room.used_bytes.saturating_add(needed_bytes) <= room.max_bytes
        && room.reserve_bytes.saturating_add(needed_bytes) <= room.free_bytes
}

fn remove(stable: &Stable, used: &Used, stop: Stop<'_>) -> Result<(), String> {
    let words = |error: Fault| error.to_string();
    let tree = match stable.mirrors.tree(&used.dir.join("tree")).map_err(words)? {
        Some(tree) => tree.remove(Proof::Last, stop).map_err(|(_, error)| error.to_string()),
        None => Ok(()),
    };
    erase(&used.dir.join("home")).map_err(words)?;
    tree?;
    erase(&used.dir).map_err(words)?;
    let leads_here =
        |link: &PathBuf| fs::read_link(link).is_ok_and(|target| target == Path::new(&used.root.to_string()));
    for link in names(&stable.runs.root).into_iter().filter(leads_here) {
        fs::remove_file(link).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// All directories, the one that was not used for longest first.
fn used(root: &Path) -> Vec<Used> {
    let used = |dir: PathBuf| {
        let run = dir.file_name()?.to_str()?.parse().ok()?;
        let found = fs::symlink_metadata(&dir).ok().filter(fs::Metadata::is_dir)?;
        let files =
            ["session", "granted"].map(|name| fs::symlink_metadata(dir.join(name)).map_or(0, |meta| changed_ms(&meta)));
        let at_ms = files.into_iter().max().unwrap_or(0).max(changed_ms(&found));
        Some(Used { root: run, dir, at_ms })
    };
    let mut all: Vec<Used> = names(root).into_iter().filter_map(used).collect();
    all.sort_by_key(|used| used.at_ms);
    all
}

fn names(root: &Path) -> Vec<PathBuf> {
    match fs::read_dir(root) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "the directories of runs cannot be listed");
            }
            Vec::new()
        }
    }
}

fn changed_ms(meta: &fs::Metadata) -> u64 {
    u64::try_from(meta.mtime().saturating_mul(1_000)).unwrap_or(0)
}
