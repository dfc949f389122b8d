//! The agent: a shim held, taken up again, or gone.
//!
//! Owns starting it. Must not follow it: [`talk`](super::talk) does.

use super::life::{Ending, Life};
use super::secrets;
use crate::shim::{Exit, Gone, Launch, Progress, Shim, StartError};
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::task::Task;
use ostler_store::Stage;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Characters of the command line shown with the start: a line to recognise it by.
const SHOWN_CHARS_MAX: usize = 4_096;

/// One attempt's process.
pub(crate) enum Agent {
    /// A shim has it.
    Live(Arc<Shim>),
    /// It is gone; its output is in the directory.
    Dead(PathBuf, Option<Exit>),
}

impl Agent {
    /// No process at all: over at once, and well.
    pub(super) fn none() -> Self {
        let exit = Exit { code: Some(0), signal: None, cause: crate::shim::Cause::Ended, dropped_bytes: 0 };
        Self::Dead(PathBuf::from("/nonexistent"), Some(exit))
    }

    /// Takes up what another life started.
    pub(super) async fn adopt(dir: &Path) -> Self {
        match Shim::adopt(dir).await {
            Ok(shim) => Self::Live(Arc::new(shim)),
            Err(Gone { exit }) => Self::Dead(dir.to_owned(), exit),
        }
    }

    /// Ends whatever runs in `dir`, and waits until nothing does.
    pub(crate) async fn end(dir: &Path) {
        let agent = Self::adopt(dir).await;
        agent.stop(0).await;
        while !agent.progress(u64::MAX).await.ended {}
    }

    pub(super) fn shim(&self) -> Option<Arc<Shim>> {
        match self {
            Self::Live(shim) => Some(Arc::clone(shim)),
            Self::Dead(..) => None,
        }
    }

    /// Waits for more than `seen_bytes` of output, or the end.
    pub(super) async fn progress(&self, seen_bytes: u64) -> Progress {
        match self {
            Self::Live(shim) => shim.wait_progress(seen_bytes).await,
            Self::Dead(_, exit) => {
                let dropped_bytes = exit.as_ref().map_or(0, |exit| exit.dropped_bytes);
                Progress { spool_bytes: seen_bytes, dropped_bytes, ended: true }
            }
        }
    }

    /// Ends it: SIGTERM, SIGKILL `grace_ms` later. Its end is seen by whoever follows it.
    pub(super) async fn stop(&self, grace_ms: u64) {
        if let Self::Live(shim) = self
            && let Err(error) = shim.stop(grace_ms).await
        {
            tracing::debug!(%error, "the agent was not told to stop");
        }
    }

    pub(super) fn exit(&self) -> Option<Exit> {
        match self {
            Self::Live(shim) => shim.exit(),
            Self::Dead(_, exit) => exit.clone(),
        }
    }
}

impl Life {
    /// Starts the shim. Its stage is on disk before it exists, so that no agent is ever forgotten; and so is the event that
    /// says so, before anything the agent itself could say.
    pub(super) async fn launch(&self, task: &Task, launch: Launch, host: &[(String, String)]) -> Result<Agent, Ending> {
        let redactor = secrets::redactor(task, host);
        let shown = |word: &String| secrets::clean(&redactor, word).chars().take(SHOWN_CHARS_MAX).collect();
        let argv = launch.argv.iter().take(64).map(shown).collect();
        let directory = launch.directory.display().to_string();
        let started = Event::Started { agent: task.agent.clone(), argv, directory };
        self.record(vec![started], None, Some(Stage::Running)).await;
        let dir = self.shim_dir();
        let started = Shim::start(&self.stable.exe, &dir, launch).await;
        let agent = match started {
            Ok(shim) => Agent::Live(Arc::new(shim)),
            Err(StartError::Refused(why)) => return Err(Ending::failed(FailureClass::Task, "agent not started", why)),
            Err(StartError::Silent(_) | StartError::Control(_)) => Agent::adopt(&dir).await,
            Err(error @ (StartError::Directory(_) | StartError::Spawn(_))) => {
                return Err(Ending::failed(FailureClass::Infra, "shim not started", error.to_string()));
            }
        };
        tracing::info!(agent = task.agent, "the agent runs");
        Ok(agent)
    }
}
