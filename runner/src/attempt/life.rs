//! The script of an attempt: prepare, start or take up the agent, follow it to its end, bring the work home, say how it ended.
//!
//! Owns the order. Must not write: the actor records, the journal keeps; each step's record is durable before the next.

use super::agent::Agent;
use super::output::Output;
use super::prepare::{Ready, Start};
use super::{Msg, secrets};
use crate::runner::stable::Shared;
use crate::shim::{Cause, Exit};
use crate::slots::offer;
use ostler_agents::{End, Outcome};
use ostler_core::command::ReportedEnd;
use ostler_core::decision::Why;
use ostler_core::event::Event;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::ids::LeaseId;
use ostler_core::task::Task;
use ostler_core::usage::Conclusion;
use ostler_store::{JournalledLease, Stage};
use ractor::ActorRef;
use std::path::PathBuf;
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

/// How an attempt ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(super) end: ReportedEnd,
    pub(super) conclusion: Conclusion,
    /// True when the relay waits to hear that nothing runs any more.
    pub(super) confirm: bool,
}

impl Ending {
    pub(super) fn failed(class: FailureClass, code: &str, words: impl Into<String>) -> Self {
        Self::with(ReportedEnd::Failed(Failure::new(class, code)), words)
    }

    pub(super) fn with(end: ReportedEnd, words: impl Into<String>) -> Self {
        Self { end, conclusion: Conclusion { words: words.into(), ..Conclusion::default() }, confirm: false }
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
    actor: ActorRef<Msg>,
}

impl Life {
    pub(super) fn new(
        stable: Shared,
        held: JournalledLease,
        spool: u64,
        actor: ActorRef<Msg>,
        orders: watch::Receiver<Order>,
    ) -> Self {
        Self { stable, lease: held.lease, held, spool, orders, actor }
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
        let mut ready = match self.ready(task).await {
            Ok(ready) => ready,
            Err(ending) => return (self.halted().unwrap_or(ending), None),
        };
        let agent = match self.agent(task, &mut ready).await {
            Ok(started) => started,
            Err(ending) => return self.finish(task, ready.tree, self.halted().unwrap_or(ending)).await,
        };
        let output = Output::new(ready.adapter, secrets::redactor(task, &ready.host), self.spool);
        let ending = self.follow(task, agent, output).await;
        self.finish(task, ready.tree, ending).await
    }

    /// Follows the agent to its end and judges it.
    async fn follow(&self, task: &Task, agent: Agent, mut output: Output) -> Ending {
        let (exit, halt) = self.attend(task, &agent, &mut output).await;
        let end = exit.as_ref().map_or_else(End::default, |exit| End { code: exit.code, signal: exit.signal });
        let (events, outcome) = output.end(end);
        // Events of a life that got this far before are on disk: they are not repeated.
        if self.held.stage != Stage::Finishing {
            self.record(events, Some(output.offset()), Some(Stage::Finishing)).await;
        }
        halt.map_or_else(|| judged(exit, outcome), |halt| self.ended_by(halt))
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

    async fn agent(&self, task: &Task, ready: &mut Ready) -> Result<Agent, Ending> {
        match ready.start.take() {
            Some(Start::Process(launch)) => self.launch(task, *launch, &ready.host).await,
            Some(Start::Nothing) => Ok(Agent::none()),
            None => Ok(Agent::adopt(&self.shim_dir()).await),
        }
    }
}

/// What an end that nobody ordered means.
fn judged(exit: Option<Exit>, outcome: Outcome) -> Ending {
    let lost = || Ending::failed(FailureClass::Infra, "agent lost with its runner", "the agent's process was lost");
    let Some(exit) = exit else { return lost() };
    match (exit.cause, outcome) {
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
        (Cause::Refused(why), _) => Ending::failed(FailureClass::Task, "agent not started", why),
    }
}
