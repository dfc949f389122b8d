//! An attempt: one lease, from its accept to its report.
//!
//! ```text
//! Preparing ─▶ Running ⇄ asking ─▶ Finishing ─▶ Reported            each stage is in the journal before it begins
//!     └───────────┴─ told to stop, lease lost, time over, handed back ─▶ the agent ends, then the report
//! ```
//!
//! The actor owns the order of what is recorded: events get their numbers here, one after the other, whoever made them. The
//! work itself is a script in a task of its own ([`life`]); what an agent says and asks is understood in [`talk`]; questions
//! wait in [`question`]. When the actor falls, its successor reads the journal and takes the agent up again, which never
//! noticed; unless it was in a conversation: that ends with its runner, and the next attempt resumes it.

pub(crate) mod agent;
mod check;
pub(crate) mod door;
pub(crate) mod finish;
mod heart;
mod life;
mod prepare;
pub(crate) mod question;
mod record;
mod secrets;
mod talk;

use crate::ask::wire::{Answer, Request};
use crate::journal;
use crate::runner::stable::Shared;
use crate::slots::{self, resume::LOAD_WITHIN};
use life::{Ending, Life, Order};
use ostler_agents::Redactor;
use ostler_core::decision::Why;
use ostler_core::event::Event;
use ostler_core::ids::{ApprovalId, LeaseId};
use ostler_store::{JournalChange, Stage};
use question::Questions;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use record::Recorder;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

/// Time for an orderly end when the relay names none.
pub(crate) const STOP_GRACE_MS: u64 = 10_000;

/// What an attempt is told.
pub(crate) enum Msg {
    /// The relay wants it ended.
    Stop { why: Why, grace_ms: u64 },
    /// The runner goes away: the lease is given back.
    HandBack,
    /// Connected again: what is owed is said again.
    Attached,
    /// The relay has this question.
    Asked(ApprovalId),
    /// A person's signed verdict.
    Verdict(ApprovalId, Vec<u8>),
    /// Nobody will decide.
    Denied(ApprovalId),
    /// The relay refused something of this lease.
    Refused(String),
    /// Something inside the run asks, or is about to act; the answer may take days.
    Request(Box<Request>, oneshot::Sender<Answer>),
    /// Whoever asked this left some time ago.
    Left(ApprovalId),
    /// Nobody needs an answer to this question any more, and why; to none of them, when none is named.
    Withdraw(Option<ApprovalId>, &'static str),
    /// Keep these events; with them the spool up to here is told, and this stage begins.
    Record { events: Vec<Event>, spool: Option<u64>, stage: Option<Stage>, done: oneshot::Sender<()> },
    /// The script came to its end; the answer is that its report is on disk.
    Ended(Box<Ending>, oneshot::Sender<()>),
    /// Nothing is left to do.
    Over,
}

pub(crate) struct AttemptActor {
    pub(crate) stable: Shared,
    pub(crate) lease: LeaseId,
}

pub(crate) struct State {
    recorder: Recorder,
    questions: Questions,
    /// What is told of a question goes without secrets; what is decided is exact.
    redactor: Redactor,
    order: watch::Sender<Order>,
    _tasks: JoinSet<()>,
}

impl Actor for AttemptActor {
    type Msg = Msg;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Msg>, (): ()) -> Result<State, ActorProcessingErr> {
        let rows = self.stable.journal.call(LOAD_WITHIN, journal::Msg::Load).await?;
        let held = rows.leases.iter().find(|held| held.lease == self.lease).cloned();
        let held = held.ok_or("its lease is not in the journal")?;
        let cursor = rows.cursors.iter().find(|(lease, _)| *lease == self.lease).map(|(_, cursor)| *cursor);
        let recorder = Recorder::new(Arc::clone(&self.stable), held.clone(), cursor);
        let task = slots::offer::open(&self.stable, self.lease, &held.task).map(|(_, task)| task);
        let lapse = task.as_ref().map(|task| task.lapse).unwrap_or_default();
        let questions = Questions::resume(Arc::clone(&self.stable), self.lease, lapse, &rows.asks);
        let (order, orders) = watch::channel(Order::Work);
        let mut tasks = JoinSet::new();
        let spool = cursor.map_or(0, |cursor| cursor.spool_offset);
        let life = Life::new(Arc::clone(&self.stable), held, spool, me.clone(), orders);
        let redactor = match &task {
            Ok(task) => secrets::redactor(task, &life.host()),
            Err(_) => Redactor::new::<&str>([]),
        };
        tasks.spawn(life.live());
        tasks.spawn(door::serve(Arc::clone(&self.stable), self.lease, me));
        Ok(State { recorder, questions, redactor, order, _tasks: tasks })
    }

    async fn handle(&self, me: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Stop { why, grace_ms } => state.end(Order::Told(why, grace_ms)),
            Msg::HandBack => state.end(Order::HandBack),
            Msg::Attached => state.questions.say_again(),
            Msg::Asked(approval) => state.questions.asked(approval),
            Msg::Verdict(approval, verdict) => state.keep(|questions| questions.verdict(approval, &verdict)),
            Msg::Denied(approval) => state.keep(|questions| questions.denied(approval, "nobody answered in time")),
            Msg::Refused(why) => state.keep(|questions| questions.refused(&why)),
            Msg::Request(request, reply) => state.keep(|questions| questions.requested(*request, reply)),
            Msg::Left(approval) => state.keep(|questions| questions.left(approval)),
            Msg::Withdraw(approval, why) => state.keep(|questions| questions.withdraw(approval, why)),
            Msg::Record { events, spool, stage, done } => {
                state.recorder.record(events, spool, stage, move || done.send(()).unwrap_or_default());
            }
            Msg::Ended(ending, done) => self.report(state, &ending, done),
            Msg::Over => me.stop(None),
        }
        Ok(())
    }
}

impl State {
    /// The first order to end stands, unless the relay's own comes after it.
    fn end(&self, order: Order) {
        self.order.send_if_modified(|now| {
            let replaces =
                matches!(*now, Order::Work) || (matches!(order, Order::Told(..)) && !matches!(*now, Order::Told(..)));
            if replaces {
                *now = order;
            }
            replaces
        });
    }

    /// Records what became of a question.
    fn keep(&mut self, turn: impl FnOnce(&mut Questions) -> Vec<Event>) {
        let told = turn(&mut self.questions).into_iter();
        let events: Vec<Event> = told.map(|event| talk::event_without(&self.redactor, event)).collect();
        if !events.is_empty() {
            self.recorder.record(events, None, None, || {});
        }
    }
}

impl AttemptActor {
    fn report(&self, state: &mut State, ending: &Ending, done: oneshot::Sender<()>) {
        state.questions.close_all();
        let owed = slots::Owed::concluded(
            &self.stable.member.keyring(),
            self.lease,
            ending.end.clone(),
            *ending.conclusion.clone(),
            true,
        );
        let (stable, lease, confirm) = (Arc::clone(&self.stable), self.lease, ending.confirm);
        let changes = vec![JournalChange::Report(lease, owed.encode()), state.recorder.stage(Stage::Reported)];
        self.stable.write(changes, move || {
            if confirm {
                stable.tell(slots::Msg::Stopped(lease));
            }
            stable.tell(slots::Msg::Finished(lease, Box::new(owed)));
            done.send(()).unwrap_or_default();
        });
    }
}
