//! Before the agent: a directory of the run's own, a working tree, an adapter, and the order for the shim.
//!
//! ```text
//! seat ─▶ tree (stands, or is cut) ─▶ home furnished ─▶ launch ─▶ files placed ─▶ Ready
//! ```
//!
//! An agent that is part of Ostler has no session, and so no directory of its own: its tree is the attempt's.

mod opening;
mod tree;

use super::life::{Ending, Life};
use crate::session::home::{Furniture, HomeError};
use crate::session::seat::{self, Seat};
use crate::shim::{Input, Launch};
use opening::opening;
use ostler_agents::{Adapter, Entry, LaunchContext, Process, Protocol};
use ostler_core::command::ReportedEnd;
use ostler_core::event::Event;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::task::{Task, Work};
use ostler_store::Stage;
use ostler_workspace::Tree;
use std::path::PathBuf;
use std::sync::Arc;

/// A directory that is in use is tried again here after this long: nobody else has it.
const SEAT_AGAIN_MS: u64 = 30_000;

/// What is to be started.
pub(super) enum Start {
    /// By a shim; a conversation begins with these bytes.
    Process(Box<Launch>, Option<Vec<u8>>),
    /// Nothing: the agent needs no process.
    Nothing,
}

/// Everything an agent needs; `start` is none when an earlier life started it.
pub(super) struct Ready {
    pub(super) tree: Option<Tree>,
    pub(super) adapter: Box<dyn Adapter>,
    pub(super) host: Vec<(String, String)>,
    pub(super) start: Option<Start>,
    #[expect(dead_code, reason = "held for as long as the attempt works in the run's directory")]
    seat: Option<Arc<Seat>>,
}

impl Life {
    /// Prepares what is not there yet.
    pub(super) async fn ready(&self, task: &Task) -> Result<Ready, Ending> {
        let host = self.host_of(task);
        let seat = self.seat(task).await?;
        let tree = self.tree(task).await?;
        let unfit =
            |error: ostler_agents::LaunchError| Ending::failed(FailureClass::Task, "cannot launch", error.to_string());
        let mut adapter = self.stable.catalog.adapter(&task.agent).map_err(unfit)?;
        if self.held.stage != Stage::Preparing {
            return Ok(Ready { tree, adapter, host, start: None, seat });
        }
        let directory = tree.as_ref().map_or_else(|| self.tree_dir(task), |tree| tree.dir().to_owned());
        let context = self.furnished(task, directory, &host)?;
        let launch = adapter.launch(task, &context).map_err(unfit)?;
        let start = match launch {
            ostler_agents::Launch::Nothing => Start::Nothing,
            ostler_agents::Launch::Process(process) => self.start(task, process, context.directory)?,
        };
        Ok(Ready { tree, adapter, host, start: Some(start), seat })
    }

    /// The entry of the task's agent, if it has a directory of its own for its session.
    pub(super) fn tenant(&self, task: &Task) -> Option<&'static Entry> {
        self.stable.catalog.find(&task.agent).filter(|entry| entry.protocol != Protocol::Builtin)
    }

    /// Where the attempt works.
    pub(super) fn tree_dir(&self, task: &Task) -> PathBuf {
        match self.tenant(task) {
            Some(_) => self.stable.runs.tree(self.lease.run),
            None => self.stable.tree_dir(self.lease),
        }
    }

    /// The runner's own environment, as far as its owner lets runs see it.
    pub(super) fn host(&self) -> Vec<(String, String)> {
        self.host_with(&[])
    }

    /// The same, and what the task's agent needs to know its sign-in.
    pub(super) fn host_of(&self, task: &Task) -> Vec<(String, String)> {
        self.host_with(self.tenant(task).map_or(&[], |entry| entry.env))
    }

    fn host_with(&self, more: &[&str]) -> Vec<(String, String)> {
        crate::probe::environment(&self.stable.config, more)
    }

    /// Takes the run's directory for this attempt, once whoever has it is gone.
    async fn seat(&self, task: &Task) -> Result<Option<Arc<Seat>>, Ending> {
        if self.tenant(task).is_none() {
            return Ok(None);
        }
        let opened = self.stable.runs.open(self.lease.run, task.continues);
        let known = opened
            .map_err(|error| Ending::failed(FailureClass::Infra, "no directory for the run", error.to_string()))?;
        if let (Stage::Preparing, false, Some(parent)) = (self.held.stage, known, task.continues) {
            let words = format!("{parent} left nothing here any more: its branch is gone on with, its session is not");
            self.record(vec![Event::Notice(words)], None, None).await;
        }
        if self.held.stage != Stage::Preparing {
            return Ok(seat::again(&self.stable, self.lease));
        }
        tokio::select! {
            seat = seat::wait(&self.stable, self.lease) => match seat {
                Some(seat) => Ok(Some(seat)),
                None => {
                    let failure = Failure::new(FailureClass::Infra, "run directory in use");
                    let failure = Failure { retry_after_ms: Some(SEAT_AGAIN_MS), ..failure };
                    let words = "an earlier attempt, or the run this one goes on with, still works in the same directory";
                    Err(Ending::with(ReportedEnd::Failed(failure), words))
                }
            },
            order = self.fence(None) => Err(self.ended_by(order)),
        }
    }

    /// What an attempt gives anything it starts: no home of the run, no prompt.
    pub(super) fn context(
        &self,
        task: &Task,
        directory: PathBuf,
        host: &[(String, String)],
    ) -> Result<LaunchContext, Ending> {
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
            prompt: prompt(task).to_owned(),
            resume: None,
        })
    }

    /// What the attempt gives its agent: a home, the words to begin with, and the session to go on with.
    fn furnished(&self, task: &Task, directory: PathBuf, host: &[(String, String)]) -> Result<LaunchContext, Ending> {
        let mut context = self.context(task, directory, host)?;
        let (runs, run) = (&self.stable.runs, self.lease.run);
        let Some(entry) = self.tenant(task) else { return Ok(context) };
        let share = &self.stable.config.home.share;
        let furniture = Furniture { owner: self.stable.owner.as_deref(), shared: entry.shared, share };
        context.program = self.stable.probe.program(entry.name);
        context.home = Some(runs.furnish(run, &furniture).map_err(|error| no_home(&error))?);
        let session = runs.session(run, &task.agent).filter(|_| entry.resumes);
        let opening = opening(run, prompt(task), &runs.recall(run), session);
        (context.prompt, context.resume) = (opening.prompt, opening.resume);
        Ok(context)
    }

    /// The order for the shim. Only now is the agent taken to have been asked.
    fn start(&self, task: &Task, process: Process, directory: PathBuf) -> Result<Start, Ending> {
        let Process { argv, env, terminal, input, files } = process;
        if self.tenant(task).is_some() {
            let (runs, run) = (&self.stable.runs, self.lease.run);
            runs.place(run, &files).map_err(|error| no_home(&error))?;
            runs.asked(run, prompt(task));
        }
        let (input, first) = match input {
            ostler_agents::Input::Nothing => (Input::Nothing, None),
            ostler_agents::Input::Given(bytes) => (Input::Given(bytes), None),
            ostler_agents::Input::Open(first) => (Input::Open, Some(first)),
        };
        let stop_at = self.stable.holding().stop_at(self.lease);
        let launch = Launch {
            argv,
            env,
            directory,
            terminal,
            input,
            deadline_ms: stop_at.map_or(0, |at| at.since(self.stable.now())),
            spool_bytes_max: self.stable.config.spool.bytes_max.bytes(),
            stop_grace_ms: super::STOP_GRACE_MS,
            bound: first.is_some(),
        };
        Ok(Start::Process(Box::new(launch), first))
    }
}

fn no_home(error: &HomeError) -> Ending {
    Ending::failed(FailureClass::Infra, "no home for the agent", error.to_string())
}

/// What the task asks.
fn prompt(task: &Task) -> &str {
    match &task.work {
        Work::Prompt(prompt) => prompt,
        Work::Command(_) => "",
    }
}
