//! The run's check: executed by the runner itself after the agent says it is done, in an environment without the agent's.
//!
//! ```text
//! agent is done ─▶ check ─ passes ─▶ done
//!                    └ fails ─ rounds left ─▶ the agent is told, and works on
//!                                 └ none ───▶ the task has failed
//! ```
//!
//! Owns what is executed and what its result means. The check is the submitter's, else that of `.ostler/run.toml` in the commit
//! the tree was cut from: an agent that changes the file changes nothing. Must not know how an agent is told.

use super::agent::Agent;
use super::life::{Ending, Life, Order};
use super::talk::drive::Next;
use super::{STOP_GRACE_MS, secrets};
use crate::shim::{Exit, Input, Launch, Shim};
use ostler_agents::{Redactor, environment};
use ostler_boot::parse;
use ostler_core::command::ReportedEnd;
use ostler_core::event::Event;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::limits::CHECK_ROUNDS_MAX;
use ostler_core::task::{Check, Task};
use ostler_workspace::Tree;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Where a repository says how its runs are checked.
const FILE: &str = ".ostler/run.toml";
/// A few keys; a longer file is something else.
const FILE_BYTES_MAX: usize = 64 * 1024;
const FILE_DEFAULTS: &str = "check = ''\nrounds = 1\n";
/// The end of what a check prints is what says why it failed; an agent reads all of it.
const TAIL_BYTES_MAX: usize = 16 * 1024;
/// What a check may print before the rest is dropped: its end would be lost, so that this is far more than any prints.
const SPOOL_BYTES_MAX: u64 = 64 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    check: String,
    rounds: u32,
}

/// What a check came to.
#[derive(Debug, Clone)]
enum Checked {
    /// It passed.
    Passed,
    /// It failed; what the agent is told if it is sent back.
    Failed(String),
    /// The attempt is to end.
    Halted(Order),
}

/// An attempt's check, and what the last round of it came to.
#[derive(Default)]
pub(super) struct Verification {
    what: OnceLock<(Check, PathBuf)>,
    /// Rounds so far, and the last result that no work of the agent came after.
    last: Mutex<(u32, Option<Checked>)>,
}

impl Verification {
    /// What is to be checked, and where.
    pub(super) fn is(&self, check: Check, directory: PathBuf) {
        // Said once, before the agent starts.
        self.what.set((check, directory)).unwrap_or_default();
    }

    fn next_round(&self) -> u32 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (last.0 + 1, None);
        last.0
    }

    fn came_to(&self, checked: Option<Checked>) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).1 = checked;
    }

    fn last(&self) -> Option<Checked> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

/// The check of `task` in `tree`, if it has one.
///
/// # Errors
/// A repository's file that does not read: nothing would be verified, so nothing may succeed.
pub(super) fn of(task: &Task, tree: Option<&Tree>) -> Result<Option<Check>, Ending> {
    if let Some(check) = &task.check {
        return Ok(Some(Check { rounds: check.rounds.min(CHECK_ROUNDS_MAX), ..check.clone() }));
    }
    let Some(tree) = tree else { return Ok(None) };
    let unread = |error: ostler_workspace::Fault| {
        Ending::failed(FailureClass::Infra, "repository unreadable", error.to_string())
    };
    let Some(bytes) = tree.original(FILE, FILE_BYTES_MAX).map_err(unread)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let file: File = parse(FILE_DEFAULTS, &text, Path::new(FILE))
        .map_err(|error| Ending::failed(FailureClass::Task, "check unreadable", error.to_string()))?;
    let rounds = file.rounds.min(CHECK_ROUNDS_MAX);
    Ok((!file.check.trim().is_empty()).then_some(Check { command: file.check, rounds }))
}

impl Life {
    /// The agent has nothing more to do: its work is checked, and it is sent back while there are rounds left.
    pub(super) async fn after_turn(&self, task: &Task) -> Next {
        let Some((check, _)) = self.verification.what.get() else { return Next::Close };
        let round = self.verification.next_round();
        match self.check(task, round).await {
            Ok(Checked::Failed(told)) if round <= check.rounds => Next::Prompt(told),
            Ok(checked) => {
                self.verification.came_to(Some(checked));
                Next::Close
            }
            // Tried once more when the agent has ended, and told then.
            Err(_) => Next::Close,
        }
    }

    /// `ending`, unless it is a success that the check does not confirm.
    pub(super) async fn verified(&self, task: &Task, ending: Ending) -> Ending {
        if self.verification.what.get().is_none() || ending.end != ReportedEnd::Succeeded {
            return ending;
        }
        let checked = match self.verification.last() {
            Some(checked) => Ok(checked),
            None => self.check(task, self.verification.next_round()).await,
        };
        let mut ending = ending;
        match checked {
            Ok(Checked::Passed) => ending.conclusion.checked = Some(true),
            Ok(Checked::Failed(told)) => {
                ending.end = ReportedEnd::Failed(Failure::new(FailureClass::Task, "check failed"));
                ending.conclusion.words = told.lines().next().unwrap_or_default().to_owned();
                ending.conclusion.checked = Some(false);
            }
            Ok(Checked::Halted(order)) => return self.ended_by(order),
            Err(broken) => return broken,
        }
        ending
    }

    /// Executes the check and records what came of it. `round` counts from 1.
    async fn check(&self, task: &Task, round: u32) -> Result<Checked, Ending> {
        let (check, directory) = self.verification.what.get().expect("it is asked for only when there is one");
        let host = self.host();
        let redactor = secrets::redactor(task, &host);
        let dir = self.shim_dir().with_file_name("check");
        // Of a round before, or of a life before.
        Agent::end(&dir).await;
        drop(std::fs::remove_dir_all(&dir));
        let launch = self.order(task, check, directory, &host)?;
        let shim = Shim::start(&self.stable.exe, &dir, launch).await;
        let broken = |error: crate::shim::StartError| {
            Ending::failed(FailureClass::Infra, "check not started", error.to_string())
        };
        let agent = Agent::Live(Arc::new(shim.map_err(broken)?));
        let (exit, halt) = self.wait_out(&agent, task).await;
        if let Some(order) = halt {
            return Ok(Checked::Halted(order));
        }
        let output = tail(&dir, &redactor).await;
        let passed = exit.as_ref().is_some_and(|exit| exit.code == Some(0));
        let command = secrets::clean(&redactor, &check.command);
        let told = Event::Checked { command: command.clone(), round, passed, output: output.clone() };
        self.record(vec![told], None, None).await;
        if passed {
            return Ok(Checked::Passed);
        }
        let how = match exit.and_then(|exit| exit.code) {
            Some(code) => format!("exited with {code}"),
            None => "was ended by a signal".to_owned(),
        };
        Ok(Checked::Failed(format!(
            "The check `{command}` {how}. Mend what makes it fail, then stop. The end of its output:\n\n{output}"
        )))
    }

    /// Waits for the end of a check, or for the order to end it.
    async fn wait_out(&self, agent: &Agent, task: &Task) -> (Option<Exit>, Option<Order>) {
        let (fence, over) = (self.fence(agent.shim()), self.time_over(task));
        tokio::pin!(fence, over);
        let (mut seen, mut halt) = (0, None);
        loop {
            let order = tokio::select! {
                progress = agent.progress(seen) => {
                    seen = progress.spool_bytes;
                    if progress.ended {
                        return (agent.exit(), halt);
                    }
                    continue;
                }
                order = &mut fence, if halt.is_none() => order,
                () = &mut over, if halt.is_none() => Order::Timeout,
            };
            halt = Some(order);
            agent.stop(STOP_GRACE_MS).await;
        }
    }

    fn order(&self, task: &Task, check: &Check, directory: &Path, host: &[(String, String)]) -> Result<Launch, Ending> {
        let context = self.context(task, directory.to_owned(), host)?;
        let env = environment(&context, &task.env, false)
            .map_err(|error| Ending::failed(FailureClass::Task, "cannot launch", error.to_string()))?;
        let stop_at = self.stable.holding().stop_at(self.lease);
        Ok(Launch {
            argv: ["sh", "-c", check.command.as_str()].map(str::to_owned).to_vec(),
            env,
            directory: directory.to_owned(),
            terminal: None,
            input: Input::Nothing,
            bound: true,
            deadline_ms: stop_at.map_or(0, |at| at.since(self.stable.now())),
            spool_bytes_max: SPOOL_BYTES_MAX,
            stop_grace_ms: STOP_GRACE_MS,
        })
    }
}

/// The end of what was printed, without secrets.
async fn tail(dir: &Path, redactor: &Redactor) -> String {
    let (mut kept, mut offset) = (Vec::new(), 0);
    while let Ok((chunks, next)) = Shim::read_spool(dir, offset).await
        && next > offset
    {
        chunks.iter().for_each(|chunk| kept.extend_from_slice(&chunk.bytes));
        // Twice the bound, so that a secret at the cut is still whole when it is looked for.
        kept.drain(..kept.len().saturating_sub(2 * TAIL_BYTES_MAX));
        offset = next;
    }
    let clean = secrets::clean(redactor, &String::from_utf8_lossy(&kept));
    let from = clean.len().saturating_sub(TAIL_BYTES_MAX);
    let at = (from..=clean.len()).find(|at| clean.is_char_boundary(*at)).unwrap_or(0);
    clean[at..].to_owned()
}
