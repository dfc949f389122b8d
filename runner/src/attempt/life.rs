//! The script of an attempt: prepare, start or take up the agent, follow it to its end, bring the work home, say how it ended.
//!
//! Owns the order. Must not write: the actor records, the journal keeps; each step's record is durable before the next.

use super::agent::Agent;
use super::check::{self, Verification};
use super::prepare::{Ready, Start};
use super::talk::drive::Over;
use super::talk::{self, Output, Rules, Talk};
use super::{Msg, secrets};
use crate::runner::stable::Shared;
use crate::shim::{Cause, Exit};
use crate::slots::offer;
use ostler_agents::{Adapter, Outcome, Redactor};
use ostler_core::command::ReportedEnd;
use ostler_core::decision::Why;
use ostler_core::event::Event;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::ids::LeaseId;
use ostler_core::task::Task;
use ostler_core::usage::Conclusion;
use ostler_store::{JournalledLease, Stage};
use ractor::ActorRef;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{oneshot, watch};
use tracing::Instrument;

/// What an attempt is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Work,
    /// The relay wants it ended: publish nothing.
    Told(Why, u64),
    /// Its lease was not renewed in time: publish nothing.
    Fenced,
    /// The task's own time is over.
    Timeout,
    /// The runner goes away.
    HandBack,
}

/// Where an attempt keeps that its agent is spoken to.
const BOUND: &str = "bound";
/// Where it keeps how a conversation ended.
const ENDING: &str = "ending";

/// How an attempt ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(super) end: ReportedEnd,
    pub(super) conclusion: Box<Conclusion>,
    /// True when the relay waits to hear that nothing runs any more.
    pub(super) confirm: bool,
}

impl Ending {
    pub(super) fn failed(class: FailureClass, code: &str, words: impl Into<String>) -> Self {
        Self::with(ReportedEnd::Failed(Failure::new(class, code)), words)
    }

    pub(super) fn with(end: ReportedEnd, words: impl Into<String>) -> Self {
        let conclusion = Box::new(Conclusion { words: words.into(), ..Conclusion::default() });
        Self { end, conclusion, confirm: false }
    }

    /// The agent was in a conversation, and that ended with its runner: the next attempt goes on, at once and preferably here.
    fn lost() -> Self {
        let mut lost = Self::failed(FailureClass::Infra, "agent lost with its runner", "the agent's process was lost");
        if let ReportedEnd::Failed(failure) = &mut lost.end {
            failure.retry_after_ms = Some(0);
        }
        lost
    }

    /// Kept for a later life, which could not judge again: it never heard the conversation.
    fn keep(&self, dir: &Path) {
        let bytes = postcard::to_allocvec(self).expect("an ending is made of types postcard can write");
        if let Err(error) = std::fs::write(dir.join(ENDING), bytes) {
            tracing::warn!(%error, "an ending is not kept");
        }
    }

    fn kept(dir: &Path) -> Option<Self> {
        postcard::from_bytes(&std::fs::read(dir.join(ENDING)).ok()?).ok()
    }
}

/// One attempt's script and what it works with.
pub(super) struct Life {
    pub(super) stable: Shared,
    pub(super) lease: LeaseId,
    pub(super) held: JournalledLease,
    /// Bytes of the spool that are in events already.
    pub(super) spool: u64,
    pub(super) orders: watch::Receiver<Order>,
    pub(super) actor: ActorRef<Msg>,
    pub(super) verification: Verification,
}

impl Life {
    pub(super) fn new(
        stable: Shared,
        held: JournalledLease,
        spool: u64,
        actor: ActorRef<Msg>,
        orders: watch::Receiver<Order>,
    ) -> Self {
        let verification = Verification::default();
        Self { stable, lease: held.lease, held, spool, orders, actor, verification }
    }

    /// Runs the script to its end, and has its end reported.
    pub(super) async fn live(self) {
        let span = tracing::info_span!("attempt", run = %self.lease.run, lease = %self.lease);
        self.script().instrument(span).await;
    }

    async fn script(self) {
        let opened = offer::open(&self.stable, self.lease, &self.held.task);
        let (ending, tree) = match opened {
            Ok((_, task)) => self.work(&task).await,
            Err(unfit) => {
                // It could be opened when it was accepted: whoever asked for it was turned away since.
                Agent::end(&self.shim_dir()).await;
                let end = ReportedEnd::Failed(unfit.failure());
                (Ending::with(end, unfit.to_string()), None)
            }
        };
        tracing::info!(end = ?ending.end, "the attempt is over");
        let (tell, told) = oneshot::channel();
        drop(self.actor.send_message(Msg::Ended(Box::new(ending), tell)));
        if told.await.is_ok() {
            // Only now: a crash before finds the tree as it was.
            if let Some(tree) = tree {
                tree.clear().await;
            }
            drop(self.actor.send_message(Msg::Over));
        }
    }

    async fn work(&self, task: &Task) -> (Ending, Option<super::finish::Kept>) {
        let ready = match self.ready(task).await {
            Ok(ready) => ready,
            Err(ending) => return (self.halted().unwrap_or(ending), None),
        };
        let Ready { tree, adapter, host, start, .. } = ready;
        match check::of(task, tree.as_ref()) {
            Ok(Some(what)) => {
                let standing = tree.as_ref().map(|tree| tree.dir().to_owned());
                self.verification.is(what, standing.unwrap_or_else(|| self.tree_dir(task)));
            }
            Ok(None) => {}
            Err(ending) => return self.finish(task, tree, ending).await,
        }
        let redactor = secrets::redactor(task, &host);
        let ending = if self.is_bound() {
            self.bury(task, adapter, redactor).await
        } else {
            match self.agent(task, start, &host).await {
                Ok((agent, first)) => self.follow(task, &agent, (adapter, redactor), first).await,
                Err(ending) => self.halted().unwrap_or(ending),
            }
        };
        let ending = self.verified(task, ending).await;
        self.finish(task, tree, ending).await
    }

    /// Follows the agent to its end and judges it. `first` begins a conversation.
    async fn follow(
        &self,
        task: &Task,
        agent: &Agent,
        (adapter, redactor): (Box<dyn Adapter>, Redactor),
        first: Option<Vec<u8>>,
    ) -> Ending {
        let (is_conversation, judge) = (first.is_some(), redactor.fresh());
        let output = match first {
            Some(_) => Output::of_conversation(adapter, redactor, self.spool),
            None => Output::new(adapter, redactor, self.spool),
        };
        let mut talk = Talk::new(output, self.rules(task));
        let over = self.drive(task, agent, &mut talk, first).await;
        let (events, outcome) = self.last_words(&mut talk, over.exit.as_ref());
        let mut ending = self.ending(over, outcome);
        ending.conclusion.words = secrets::clean(&judge, &ending.conclusion.words);
        talk.conclude(&mut ending, self.stable.now());
        if is_conversation {
            self.withdraw_all("the agent has ended");
            ending.keep(&self.stable.attempt_dir(self.lease));
        }
        // Events of a life that got this far before are on disk: they are not repeated.
        if self.held.stage != Stage::Finishing {
            self.record(events, Some(talk.offset()), Some(Stage::Finishing)).await;
        }
        ending
    }

    /// An earlier life was in a conversation with this agent: it is ended, and what it still said is told.
    async fn bury(&self, task: &Task, adapter: Box<dyn Adapter>, redactor: Redactor) -> Ending {
        self.withdraw_all("the runner was restarted, and the agent ended with it");
        Agent::end(&self.shim_dir()).await;
        let kept = Ending::kept(&self.stable.attempt_dir(self.lease));
        if let Some(kept) = kept.filter(|_| self.held.stage == Stage::Finishing) {
            return kept;
        }
        let agent = Agent::adopt(&self.shim_dir()).await;
        let mut talk = Talk::of_the_past(Output::of_conversation(adapter, redactor, self.spool), self.rules(task));
        let over = self.drive(task, &agent, &mut talk, None).await;
        let (events, _) = self.last_words(&mut talk, over.exit.as_ref());
        let mut ending = over.halt.map_or_else(Ending::lost, |halt| self.ended_by(halt));
        talk.conclude(&mut ending, self.stable.now());
        if self.held.stage != Stage::Finishing {
            self.record(events, Some(talk.offset()), Some(Stage::Finishing)).await;
        }
        ending
    }

    /// What the end of a driven agent means.
    fn ending(&self, over: Over, outcome: Outcome) -> Ending {
        let Over { exit, halt, broken, is_done } = over;
        match halt {
            Some(halt) => self.ended_by(halt),
            None => broken.unwrap_or_else(|| judged(exit, outcome, is_done)),
        }
    }

    fn rules(&self, task: &Task) -> Rules {
        let tree = self.tree_dir(task).display().to_string();
        let owner = Arc::clone(&self.stable.rules);
        Rules::new(owner, task, tree, talk::granted(&self.stable, self.lease.run))
    }

    /// True when an earlier life of this attempt began a conversation.
    fn is_bound(&self) -> bool {
        self.held.stage != Stage::Preparing && self.stable.attempt_dir(self.lease).join(BOUND).exists()
    }

    /// The ending of an attempt that was told to end, if it was.
    pub(super) fn halted(&self) -> Option<Ending> {
        let order = *self.orders.borrow();
        match order {
            Order::Work if self.stable.must_stop(self.lease) => Some(self.ended_by(Order::Fenced)),
            Order::Work => None,
            Order::Told(..) | Order::Fenced | Order::Timeout | Order::HandBack => Some(self.ended_by(order)),
        }
    }

    pub(super) fn ended_by(&self, order: Order) -> Ending {
        let told = |class, code: &str, words: &str| Ending { confirm: true, ..Ending::failed(class, code, words) };
        match order {
            Order::Told(Why::Cancelled, _) => told(FailureClass::User, "cancelled", "cancelled by a person"),
            Order::Told(Why::Fenced | Why::Unknown, _) => {
                told(FailureClass::Infra, "lease lost", "the lease went to another attempt")
            }
            Order::Fenced | Order::Work => Ending::failed(
                FailureClass::Infra,
                "lease not renewed",
                "the runner could not renew its lease in time and ended the agent",
            ),
            Order::Timeout => Ending::failed(FailureClass::Task, "timeout", "the task's time was over"),
            Order::HandBack => Ending::failed(FailureClass::Absence, "runner stops", "the runner went away"),
        }
    }

    /// Has `events` recorded, and waits until they are durable.
    pub(super) async fn record(&self, events: Vec<Event>, spool: Option<u64>, stage: Option<Stage>) {
        let (done, kept) = oneshot::channel();
        drop(self.actor.send_message(Msg::Record { events, spool, stage, done }));
        if kept.await.is_err() {
            // The journal fell: everything is restarted from what it holds, this task included.
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn shim_dir(&self) -> PathBuf {
        self.held.shim_dir.clone()
    }

    /// The agent, and what begins the conversation with it.
    async fn agent(
        &self,
        task: &Task,
        start: Option<Start>,
        host: &[(String, String)],
    ) -> Result<(Agent, Option<Vec<u8>>), Ending> {
        match start {
            Some(Start::Process(launch, first)) => {
                if first.is_some() {
                    let mark = self.stable.attempt_dir(self.lease).join(BOUND);
                    let unmarked = |error: std::io::Error| {
                        Ending::failed(FailureClass::Infra, "attempt not written down", error.to_string())
                    };
                    std::fs::write(mark, "").map_err(unmarked)?;
                }
                Ok((self.launch(task, *launch, host).await?, first))
            }
            Some(Start::Nothing) => Ok((Agent::none(), None)),
            None => Ok((Agent::adopt(&self.shim_dir()).await, None)),
        }
    }
}

/// What an end that nobody ordered means.
fn judged(exit: Option<Exit>, outcome: Outcome, is_done: bool) -> Ending {
    let lost = || Ending::failed(FailureClass::Infra, "agent lost with its runner", "the agent's process was lost");
    let Some(exit) = exit else { return lost() };
    // One that has nothing more to do need not go by itself.
    let cause = if is_done && exit.cause == Cause::Stopped { Cause::Ended } else { exit.cause };
    match (cause, outcome) {
        (Cause::Ended, Outcome::Succeeded { message }) => Ending::with(ReportedEnd::Succeeded, message),
        (Cause::Ended, Outcome::Failed { failure, message }) => Ending::with(ReportedEnd::Failed(failure), message),
        (Cause::Fenced, _) => Ending::failed(
            FailureClass::Infra,
            "lease not renewed",
            "the agent was ended when its lease was not renewed",
        ),
        (Cause::Stopped, _) => {
            Ending::failed(FailureClass::Infra, "agent stopped", "the agent was stopped from outside")
        }
        (Cause::Orphaned, _) => lost(),
        (Cause::Refused(why), _) => Ending::failed(FailureClass::Task, "agent not started", why),
    }
}
