//! Before the agent: a working tree, an adapter, and the order for the shim.

use super::life::{Ending, Life};
use crate::shim::{Input, Launch};
use ostler_agents::{Adapter, LaunchContext};
use ostler_core::failure::FailureClass;
use ostler_core::task::{Task, Work};
use ostler_store::Stage;
use ostler_workspace::{CheckoutError, Source, Stop, Tree};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is to be started.
pub(super) enum Start {
    /// By a shim.
    Process(Box<Launch>),
    /// Nothing: the agent needs no process.
    Nothing,
}

/// Everything an agent needs; `start` is none when an earlier life started it.
pub(super) struct Ready {
    pub(super) tree: Option<Tree>,
    pub(super) adapter: Box<dyn Adapter>,
    pub(super) host: Vec<(String, String)>,
    pub(super) start: Option<Start>,
}

/// Raises the flag when dropped: blocking work whose attempt is gone stops soon.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Life {
    /// Prepares what is not there yet.
    pub(super) async fn ready(&self, task: &Task) -> Result<Ready, Ending> {
        let host = self.host();
        let tree = self.tree(task).await?;
        let unfit =
            |error: ostler_agents::LaunchError| Ending::failed(FailureClass::Task, "cannot launch", error.to_string());
        let mut adapter = self.stable.catalog.adapter(&task.agent).map_err(unfit)?;
        if self.held.stage != Stage::Preparing {
            return Ok(Ready { tree, adapter, host, start: None });
        }
        let directory = tree.as_ref().map_or_else(|| self.stable.tree_dir(self.lease), |tree| tree.dir().to_owned());
        let launch = adapter.launch(task, &self.context(task, directory.clone(), &host)?).map_err(unfit)?;
        let start = match launch {
            ostler_agents::Launch::Nothing => Start::Nothing,
            ostler_agents::Launch::Process(ostler_agents::Process { argv, env, terminal, input, .. }) => {
                let input = match input {
                    ostler_agents::Input::Nothing => Input::Nothing,
                    ostler_agents::Input::Given(bytes) => Input::Given(bytes),
                    ostler_agents::Input::Open(_) => Input::Open,
                };
                let stop_at = self.stable.holding().stop_at(self.lease);
                let deadline_ms = stop_at.map_or(0, |at| at.since(self.stable.now()));
                Start::Process(Box::new(Launch {
                    argv,
                    env,
                    directory,
                    terminal,
                    input,
                    deadline_ms,
                    spool_bytes_max: self.stable.config.spool.bytes_max.bytes(),
                    stop_grace_ms: super::STOP_GRACE_MS,
                }))
            }
        };
        Ok(Ready { tree, adapter, host, start: Some(start) })
    }

    /// The runner's own environment, as far as its owner lets runs see it.
    pub(super) fn host(&self) -> Vec<(String, String)> {
        let allowed = |(name, _): &(String, String)| self.stable.config.env.allow.contains(name);
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(allowed)
            .collect()
    }

    fn context(&self, task: &Task, directory: PathBuf, host: &[(String, String)]) -> Result<LaunchContext, Ending> {
        let temporary = self.stable.attempt_dir(self.lease).join("tmp");
        std::fs::create_dir_all(&temporary)
            .map_err(|error| Ending::failed(FailureClass::Infra, "no temporary directory", error.to_string()))?;
        Ok(LaunchContext {
            run: self.lease.run,
            directory,
            socket: super::door::path(&self.stable, self.lease),
            home: None,
            temporary,
            host: host.to_vec(),
            program: None,
            prompt: prompt(task),
            resume: None,
        })
    }

    /// The attempt's working tree: the one it had, or a fresh one while nothing was started in it.
    async fn tree(&self, task: &Task) -> Result<Option<Tree>, Ending> {
        let dir = self.stable.tree_dir(self.lease);
        let (mirrors, known) = (self.stable.mirrors.clone(), dir.clone());
        let standing = tokio::task::spawn_blocking(move || mirrors.tree(&known)).await;
        if let Ok(Ok(Some(tree))) = standing {
            return Ok(Some(tree));
        }
        if self.held.stage != Stage::Preparing {
            return Ok(None);
        }
        let source = match &task.source {
            Some(source) => Source::new(&source.repository, source.reference.as_deref()),
            None => Ok(Source::nowhere()),
        };
        let source =
            source.map_err(|error| Ending::failed(FailureClass::Task, "repository refused", error.to_string()))?;
        let (mirrors, label) = (self.stable.mirrors.clone(), self.lease.run.to_string());
        let cancel = Arc::new(AtomicBool::new(false));
        let _flag = Flag(Arc::clone(&cancel));
        let mut cut =
            tokio::task::spawn_blocking(move || mirrors.checkout(&label, &source, &dir, Stop::new(&cancel, None)));
        let fence = self.fence(None);
        tokio::select! {
            cut = &mut cut => match cut {
                Ok(Ok(tree)) => Ok(Some(tree)),
                Ok(Err(error)) => Err(refused(&error)),
                Err(error) => Err(Ending::failed(FailureClass::Infra, "checkout crashed", error.to_string())),
            },
            order = fence => Err(self.ended_by(order)),
        }
    }
}

/// What the agent is asked first.
fn prompt(task: &Task) -> String {
    match &task.work {
        Work::Prompt(prompt) => prompt.clone(),
        Work::Command(_) => String::new(),
    }
}

/// What a refused checkout means to the run: what is wrong with the task is wrong everywhere.
fn refused(error: &CheckoutError) -> Ending {
    let (class, code) = match error {
        CheckoutError::Missing(_) => (FailureClass::Task, "repository missing"),
        CheckoutError::NotGit { .. } => (FailureClass::Task, "not a git repository"),
        CheckoutError::NoCommit(_) => (FailureClass::Task, "repository without a commit"),
        CheckoutError::NoReference { .. } => (FailureClass::Task, "no such reference"),
        CheckoutError::Source(_) => (FailureClass::Task, "repository refused"),
        CheckoutError::Unsafe { .. } | CheckoutError::Label(_) => (FailureClass::Task, "checkout unsafe"),
        CheckoutError::Unreadable { .. } => (FailureClass::Infra, "repository unreadable"),
        CheckoutError::Network { .. } => (FailureClass::Infra, "repository unreachable"),
        CheckoutError::NoGit { .. } => (FailureClass::Infra, "no git program"),
        CheckoutError::Disk(_) => (FailureClass::Infra, "no disk space"),
        CheckoutError::Occupied(_) | CheckoutError::Fault(_) => (FailureClass::Infra, "checkout failed"),
    };
    Ending::failed(class, code, error.to_string())
}
