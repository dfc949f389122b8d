//! The journal actor: the one writer of what is held and owed.
//!
//! ```text
//! Write ─▶ staged ─▶ one batch in flight on the writer's thread ─▶ durable ─▶ done() of each, in order
//! ```
//!
//! Owns group commit. Must not know what a row means. A failed commit is never retried: the actor falls, everything above
//! it is restarted from what the disk holds, and a disk that stays broken ends the process.

use metrics::{counter, histogram};
use ostler_core::ids::LeaseId;
use ostler_store::{Committed, Journal, JournalChange, JournalRows, OpenError, StoreError, Writer};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The journal's file in the runner's directory.
pub(crate) const FILE: &str = "journal.redb";

/// Called once, when what it was given with is durable.
pub(crate) type Done = Box<dyn FnOnce() + Send>;

/// Events by number, as they are sent.
pub(crate) type Events = Vec<(u64, Vec<u8>)>;

/// What the journal is asked.
pub(crate) enum Msg {
    /// Keep these, in order, in one transaction with whatever else waits.
    Write(Vec<JournalChange>, Done),
    /// The batch in flight is durable, or never will be.
    Settled(Result<Committed<()>, StoreError>, Vec<Done>),
    /// Everything a start needs.
    Load(RpcReplyPort<JournalRows>),
    /// Events of a lease from a number on, about so many bytes.
    Events(LeaseId, u64, usize, RpcReplyPort<Events>),
}

pub(crate) struct JournalActor {
    pub(crate) path: PathBuf,
    /// Opened when the runner started, so that a foreign or used file is told before anything runs.
    pub(crate) first: Mutex<Option<Journal>>,
}

pub(crate) struct State {
    reads: Journal,
    writer: Writer<Vec<JournalChange>, ()>,
    staged: Vec<JournalChange>,
    waiting: Vec<Done>,
    in_flight: bool,
}

/// Opens the journal in `home`, or makes it.
pub(crate) fn open(path: &Path) -> Result<Journal, OpenError> {
    if path.exists() { Journal::open(path) } else { Journal::create(path) }
}

impl Actor for JournalActor {
    type Msg = Msg;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Msg>, (): ()) -> Result<State, ActorProcessingErr> {
        let first = self.first.lock().map(|mut first| first.take()).unwrap_or_default();
        let journal = match first {
            Some(journal) => journal,
            None => open(&self.path)?,
        };
        let keeps = journal.clone();
        let writer = Writer::start("journal", move |batch: Vec<JournalChange>| keeps.commit(&batch))?;
        Ok(State { reads: journal, writer, staged: Vec::new(), waiting: Vec::new(), in_flight: false })
    }

    async fn handle(&self, me: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Write(changes, done) => {
                state.staged.extend(changes);
                state.waiting.push(done);
                state.submit(&me);
            }
            Msg::Settled(kept, done) => {
                let committed =
                    kept.inspect_err(|error| tracing::error!(%error, "the journal could not be written"))?;
                histogram!("ostler_journal_commit_seconds").record(committed.took);
                histogram!("ostler_journal_batch_rows").record(u32::try_from(done.len()).unwrap_or(u32::MAX));
                state.in_flight = false;
                done.into_iter().for_each(|done| done());
                state.submit(&me);
            }
            // Whoever asked may be gone; that is no matter of the journal's.
            Msg::Load(reply) => drop(reply.send(state.reads.load()?)),
            Msg::Events(lease, from, bytes_max, reply) => {
                drop(reply.send(state.reads.events(lease, from, bytes_max)?));
            }
        }
        Ok(())
    }
}

impl State {
    fn submit(&mut self, me: &ActorRef<Msg>) {
        if self.in_flight || self.waiting.is_empty() {
            return;
        }
        let (batch, done) = (std::mem::take(&mut self.staged), std::mem::take(&mut self.waiting));
        self.in_flight = true;
        counter!("ostler_journal_commits_total").increment(1);
        let me = me.clone();
        self.writer.submit(batch, move |kept| drop(me.send_message(Msg::Settled(kept, done))));
    }
}
