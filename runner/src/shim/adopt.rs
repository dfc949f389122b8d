//! Taking hold of a shim that another life of the runner started.
//!
//! Owns telling apart what may have happened meanwhile: it runs, it ended, it was killed, it never began.

use super::Exit;
use super::directory;
use super::hold::{Shim, sweep};
use ostler_pty::lives;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// A shim that was just started has no socket yet, and one that is ending has none any more: both pass quickly.
const BETWEEN_MS_MAX: u64 = 10_000;
/// Between two looks at such a shim; there is nothing to wait on but its files.
const LOOK_AGAIN_MS: u64 = 20;

/// There is no shim to adopt. Its output may remain: [`Shim::read_spool`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the attempt's process is gone")]
pub struct Gone {
    /// How it ended; none when it never began, or was killed, and then what it left has been ended.
    pub exit: Option<Exit>,
}

impl Shim {
    /// Takes hold of the shim in `dir`. Whatever the answer, no process of the attempt lives without an owner after it.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn adopt(dir: &Path) -> Result<Self, Gone> {
        // A shim that has not taken its order yet never will.
        let voided = take_over(dir);
        if let Ok(Some(held)) = timeout(Duration::from_millis(BETWEEN_MS_MAX), look(dir, voided)).await {
            return held;
        }
        let record = directory::read_record(dir);
        // Deaf for so long, it is as good as gone: it must not go on beside whoever replaces it.
        let shim = record.as_ref().and_then(|record| record.shim.clone());
        if let Some(shim) = shim {
            tokio::task::spawn_blocking(move || ostler_pty::sweep(Some(&shim), None)).await.unwrap_or_default();
        }
        sweep(record).await;
        Err(Gone { exit: directory::read_exit(dir) })
    }
}

/// Looks until the shim answers or has ended; none when it is dead without a word.
async fn look(dir: &Path, voided: bool) -> Option<Result<Shim, Gone>> {
    loop {
        if let Ok(shim) = Shim::connect(dir).await {
            return Some(Ok(shim));
        }
        // Asked before its exit is looked for: a shim writes that first and dies then.
        let dead = voided || !shim_lives(dir);
        if let Some(exit) = directory::read_exit(dir) {
            return Some(Err(Gone { exit: Some(exit) }));
        }
        if dead {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
    }
}

/// True when the order was still there, and now is void.
fn take_over(dir: &Path) -> bool {
    match directory::take_order(dir, "void") {
        Ok(()) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn shim_lives(dir: &Path) -> bool {
    directory::read_record(dir).and_then(|record| record.shim).is_some_and(|shim| lives(&shim))
}
