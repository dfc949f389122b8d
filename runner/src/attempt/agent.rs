//! The agent: a shim held, taken up again, or gone, and the following of what it prints.
//!
//! Owns the conversation with the shim. Must not judge: [`life`](super::life) does.

use super::life::{Ending, Life, Order};
use super::output::Output;
use super::secrets;
use crate::shim::{Exit, Gone, Launch, Progress, Shim, StartError};
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::task::Task;
use ostler_store::Stage;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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

    async fn stop(&self, grace_ms: u64) {
        if let Self::Live(shim) = self
            && let Err(error) = shim.stop(grace_ms).await
        {
            tracing::debug!(%error, "the agent was not told to stop");
        }
    }

    fn exit(&self) -> Option<Exit> {
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

    /// Follows the agent until it has ended and all it printed is recorded. Says how, and what it was ended for.
    pub(super) async fn attend(
        &self,
        task: &Task,
        agent: &Agent,
        output: &mut Output,
    ) -> (Option<Exit>, Option<Order>) {
        let mut halt = None;
        let mut told = false;
        let fence = self.fence(agent.shim());
        tokio::pin!(fence);
        let over = self.time_over(task);
        tokio::pin!(over);
        loop {
            let order = tokio::select! {
                progress = agent.progress(output.offset()) => {
                    self.take_in(agent, output, progress.dropped_bytes).await;
                    if progress.ended {
                        return (agent.exit(), halt);
                    }
                    continue;
                }
                order = &mut fence, if halt.is_none() => order,
                () = &mut over, if !told && halt.is_none() => Order::Timeout,
            };
            let grace_ms = match order {
                Order::Told(_, grace_ms) => grace_ms,
                Order::Work | Order::Fenced | Order::Timeout | Order::HandBack => super::STOP_GRACE_MS,
            };
            tracing::info!(?order, "ending the agent");
            told = true;
            halt = Some(order);
            agent.stop(grace_ms).await;
        }
    }

    /// Records everything printed since the last look.
    async fn take_in(&self, agent: &Agent, output: &mut Output, dropped_bytes: u64) {
        loop {
            let offset = output.offset();
            let read = match agent {
                Agent::Live(shim) => shim.read_from(offset).await,
                Agent::Dead(dir, _) => Shim::read_spool(dir, offset).await,
            };
            let events = match read {
                Ok((chunks, next)) if next > offset => output.take(&chunks, next),
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "the rest of the output is lost");
                    self.record(vec![Event::Notice(error.to_string())], None, None).await;
                    break;
                }
            };
            if !output.is_replaying() {
                self.record(events, Some(output.offset()), None).await;
            }
        }
        if let Some(event) = output.dropped(dropped_bytes) {
            self.record(vec![event], None, None).await;
        }
    }

    /// Waits until the task's own time is over, counted from the accept; for ever when it has none.
    async fn time_over(&self, task: &Task) {
        let Some(timeout_ms) = task.timeout_ms else { return std::future::pending().await };
        let at = self.held.created_at.plus(timeout_ms);
        while self.stable.now() < at {
            let left_ms = at.since(self.stable.now()).clamp(1, 1_000);
            tokio::time::sleep(Duration::from_millis(left_ms)).await;
        }
    }
}
