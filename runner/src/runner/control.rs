//! Asking a runner that runs in another process.

use crate::runner::RunnerStatus;
use std::path::{Path, PathBuf};

/// Why a runner did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("no runner runs in {0}: start it with `ostler runner start`")]
    NotRunning(PathBuf),
    /// It did not answer as one does.
    #[error("the runner in {0} does not answer ({1}): look at its log")]
    Broken(PathBuf, std::io::Error),
}

/// How the runner whose directory is `home` is.
///
/// # Errors
/// When none runs there, or it does not answer.
pub async fn status(home: &Path) -> Result<RunnerStatus, AskError> {
    Err(AskError::NotRunning(home.to_owned()))
}

/// Has the runner whose directory is `home` take no new work, or take it again.
///
/// # Errors
/// When none runs there, or it does not answer.
pub async fn drain(home: &Path, _draining: bool) -> Result<(), AskError> {
    Err(AskError::NotRunning(home.to_owned()))
}
