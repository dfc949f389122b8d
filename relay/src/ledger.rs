//! The ledger's actor: the only one that decides and the only one that writes.
//!
//! ```text
//!            Do, Look                    commit under way                     committed
//! mailbox ─────────────▶ staged ──(none under way)──▶ under way ──(writer)──▶ answers, then effects leave
//!                          ▲                                                     │
//!                          └──────────── next batch ◀────────────────────────────┘
//! ```
//!
//! Decisions made while a commit is under way are staged and committed together. Nothing leaves before the commit that it
//! depends on. A failed commit ends the actor: memory is thrown away, and the disk is loaded again.

mod alarm;
mod dispatch;
pub(crate) mod kept;
pub(crate) mod pulse;

use crate::hub::Shared;
use crate::ledger::dispatch::Dispatch;
use crate::ledger::kept::Pen;
use crate::session;
use crate::session::worker;
use metrics::{counter, histogram};
use ostler_core::command::Command;
use ostler_core::decision::{Answer, Change, Effect, Refusal};
use ostler_core::ids::{DeviceId, RunId, SessionId};
use ostler_core::ledger::Ledger;
use ostler_core::policy::Dice;
use ostler_store::{Committed, Writer};
use ostler_supervise::Door;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;

/// Told when the decision is on disk.
pub(crate) type Reply = Box<dyn FnOnce(Result<Answer, Refusal>) + Send>;
/// Told when what was seen is on disk.
pub(crate) type Release = Box<dyn FnOnce() + Send>;
/// Looks at the ledger.
pub(crate) type Look = Box<dyn FnOnce(&Ledger) -> Release + Send>;

/// What the ledger is told.
pub(crate) enum Msg {
    /// Decide this, and answer.
    Do(Command, Reply),
    /// Decide this; nobody waits.
    Note(Command),
    /// Let somebody look.
    Look(Look),
    /// A batch is on disk, or is not.
    Committed(Result<Committed<usize>, String>),
    /// Everything owed is to be prompted (again).
    Resume,
    /// What is owed to one run is to be prompted (again): its alarm fell.
    Owed(RunId),
    /// Tell a runner something that no state owes it.
    Tell(DeviceId, worker::Msg),
    /// A runner's actor is there to be told things.
    Arrived(DeviceId, SessionId, Door<worker::Msg>),
    /// A connection is there to be closed.
    Opened(DeviceId, SessionId, Door<session::Msg>),
    /// A connection is gone.
    Left(DeviceId, SessionId),
}

#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    releases: Vec<Release>,
    effects: Vec<Effect>,
}

/// Reads the disk: what a ledger starts from, and the only pen that may write from now on.
pub(crate) type Load = Arc<dyn Fn() -> Result<(Ledger, Pen), String> + Send + Sync>;

/// Makes the actor anew from disk at every start.
pub(crate) struct LedgerActor;

pub(crate) struct Start {
    pub(crate) hub: Shared,
    pub(crate) load: Load,
    pub(crate) seed: u64,
}

pub(crate) struct State {
    hub: Shared,
    ledger: Ledger,
    dice: Dice,
    dispatch: Dispatch,
    writer: Writer<Vec<Change>, usize>,
    staged: Batch,
    under_way: Option<Batch>,
}

impl Actor for LedgerActor {
    type Msg = Msg;
    type State = State;
    type Arguments = Start;

    async fn pre_start(&self, _: ActorRef<Msg>, start: Start) -> Result<State, ActorProcessingErr> {
        let (ledger, mut pen) = (start.load)()?;
        let dispatch = Dispatch::new(Arc::clone(&start.hub));
        let keep = move |changes: Vec<Change>| pen.write(&changes);
        let (writer, dice) = (Writer::start("ostler-ledger", keep)?, Dice::new(start.seed));
        Ok(State { hub: start.hub, ledger, dice, dispatch, writer, staged: Batch::default(), under_way: None })
    }

    async fn handle(&self, me: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Do(command, reply) => state.decide(command, Some(reply)),
            Msg::Note(command) => state.decide(command, None),
            Msg::Look(look) => {
                let release = look(&state.ledger);
                state.staged.releases.push(release);
            }
            Msg::Committed(result) => state.committed(result?),
            Msg::Resume => state.staged.effects.extend(state.ledger.resume()),
            Msg::Owed(run) => state.staged.effects.extend(state.ledger.owed(run)),
            Msg::Tell(device, message) => state.dispatch.tell(device, message),
            Msg::Arrived(device, session, door) => state.dispatch.arrived(device, session, door),
            Msg::Opened(device, session, door) => state.dispatch.opened(device, session, door),
            Msg::Left(device, session) => {
                state.dispatch.left(device, session);
                state.decide(Command::Detach(device, session), None);
            }
        }
        state.flush(&me);
        Ok(())
    }
}

impl State {
    fn decide(&mut self, command: Command, reply: Option<Reply>) {
        let decision = self.ledger.apply(self.hub.now(), &mut self.dice, command);
        if decision.answer.is_err() {
            counter!("ostler_commands_refused_total").increment(1);
        }
        self.staged.changes.extend(decision.changes);
        self.staged.effects.extend(decision.effects);
        if let Some(reply) = reply {
            self.staged.releases.push(Box::new(move || reply(decision.answer)));
        }
    }

    /// Commits what is staged, or, if there is nothing to write and nothing under way, lets it leave at once.
    fn flush(&mut self, me: &ActorRef<Msg>) {
        if self.under_way.is_some() {
            return;
        }
        let mut batch = std::mem::take(&mut self.staged);
        if batch.changes.is_empty() {
            return self.leave(batch);
        }
        let changes = std::mem::take(&mut batch.changes);
        self.under_way = Some(batch);
        let me = me.clone();
        self.writer.submit(changes, move |result| {
            // An actor that is gone reads the disk when it comes back.
            drop(me.cast(Msg::Committed(result.map_err(|error| error.to_string()))));
        });
    }

    fn committed(&mut self, committed: Committed<usize>) {
        histogram!("ostler_commit_batch_rows").record(committed.value as f64);
        histogram!("ostler_commit_seconds").record(committed.took.as_secs_f64());
        if let Some(batch) = self.under_way.take() {
            self.leave(batch);
        }
    }

    /// Answers before effects: a runner hears that it is attached before it hears of an offer.
    fn leave(&mut self, batch: Batch) {
        for release in batch.releases {
            release();
        }
        for effect in batch.effects {
            self.dispatch.act(&self.ledger, effect);
        }
    }
}
