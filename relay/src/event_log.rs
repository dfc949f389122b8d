//! The event log's actor: keeps sealed events, in batches, apart from the ledger, so that a flood of output never delays a
//! grant.
//!
//! Owns the batching and retention. Must not decide whose events are taken (the session does) or open them.

use crate::hub::{Hub, Shared, Unanswered};
use crate::session::TalkError;
use crate::session::watch::{self, Stir};
use metrics::{counter, gauge, histogram};
use ostler_core::ids::{LeaseId, RunId};
use ostler_core::limits::EVENT_BYTES_MAX;
use ostler_core::time::Timestamp;
use ostler_proto::{Event, EventBatch, Kept, Seen};
use ostler_store::{Committed, Entry, Placed, Retention, Slice, Writer};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;

/// Events in one answer: with the byte bound, a frame's worth.
const READ_EVENTS_MAX: usize = 2_048;
/// Sealed bytes in one answer, so that it fits a frame with room to spare.
const READ_BYTES_MAX: usize = 600 * 1024;
/// Sealed bytes scrubbed per sweep: a gigabyte is walked in under an hour and a half.
const SCRUB_BYTES: u64 = 16 << 20;

/// When events of settled runs may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    age_ms: u64,
    bytes_max: u64,
}

impl Keep {
    pub(crate) const fn new((age_ms, bytes_max): (u64, u64)) -> Self {
        Self { age_ms, bytes_max }
    }
}

/// Why events were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Earlier ones are missing: the log has them up to here.
    Gap(Kept),
    /// An event is over its bound.
    TooLarge,
    /// The log fell; what was sent is sent again.
    Down,
}

/// What the log is told.
pub(crate) enum Msg {
    /// Keep these, and say how far they are kept.
    Append(EventBatch, oneshot::Sender<Result<Kept, Refused>>),
    /// A batch is on disk, or is not.
    Committed(Result<Committed<Vec<Placed>>, String>),
    /// Remove what is old, verify a part of the rest.
    Sweep,
    /// A sweep is done: go on scrubbing from here.
    Swept(Option<RunId>),
}

struct Waiting {
    lease: LeaseId,
    first: u64,
    count: usize,
    tell: oneshot::Sender<Result<Kept, Refused>>,
}

pub(crate) struct EventLogActor;

pub(crate) struct Start {
    pub(crate) hub: Shared,
    pub(crate) retention: Keep,
    pub(crate) broken: Arc<AtomicBool>,
}

pub(crate) struct State {
    hub: Shared,
    writer: Writer<Vec<Entry>, Vec<Placed>>,
    /// Always the same thread: one that walks the file fills the page cache from a heap of its own.
    sweeper: Writer<Option<RunId>, Option<RunId>>,
    staged: (Vec<Entry>, Vec<Waiting>),
    under_way: Option<Vec<Waiting>>,
    sweeping: bool,
    scrubbed: Option<RunId>,
}

impl Actor for EventLogActor {
    type Msg = Msg;
    type State = State;
    type Arguments = Start;

    async fn pre_start(&self, _: ActorRef<Msg>, start: Start) -> Result<State, ActorProcessingErr> {
        let Start { hub, retention, broken } = start;
        if broken.load(Ordering::SeqCst) {
            return Err("the event log's disk failed: the process must end".into());
        }
        let log = Arc::clone(&hub.events);
        let keep = move |entries: Vec<Entry>| {
            let placed = log.append(&entries);
            broken.fetch_or(placed.is_err(), Ordering::SeqCst);
            placed
        };
        let writer = Writer::start("ostler-events", keep)?;
        let swept = Arc::clone(&hub);
        let sweeper = Writer::start("ostler-sweeper", move |cursor| Ok(sweep(&swept, retention, cursor)))?;
        let staged = Default::default();
        Ok(State { hub, writer, sweeper, staged, under_way: None, sweeping: false, scrubbed: None })
    }

    async fn handle(&self, me: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Append(batch, tell) => state.stage(batch, tell),
            Msg::Committed(result) => state.committed(&result?),
            Msg::Sweep => state.sweep(&me),
            Msg::Swept(scrubbed) => (state.sweeping, state.scrubbed) = (false, scrubbed),
        }
        state.flush(&me);
        Ok(())
    }
}

impl State {
    fn stage(&mut self, batch: EventBatch, tell: oneshot::Sender<Result<Kept, Refused>>) {
        let EventBatch { lease, first, events } = batch;
        let at = self.hub.now();
        self.staged.1.push(Waiting { lease, first, count: events.len(), tell });
        let numbered = events.into_iter().zip(first..);
        self.staged.0.extend(numbered.map(|(sealed, n)| Entry { lease, n, at, sealed }));
    }

    fn flush(&mut self, me: &ActorRef<Msg>) {
        gauge!("ostler_events_waiting").set(self.staged.0.len() as f64);
        if self.under_way.is_some() || self.staged.1.is_empty() {
            return;
        }
        let (entries, waiting) = std::mem::take(&mut self.staged);
        self.under_way = Some(waiting);
        let me = me.clone();
        self.writer.submit(entries, move |result| {
            // A log that is gone is asked again by whoever still holds the events.
            drop(me.cast(Msg::Committed(result.map_err(|error| error.to_string()))));
        });
    }

    fn committed(&mut self, committed: &Committed<Vec<Placed>>) {
        histogram!("ostler_event_commit_seconds").record(committed.took.as_secs_f64());
        counter!("ostler_events_kept_total").increment(committed.value.len() as u64);
        let mut placed = committed.value.iter();
        for waiting in self.under_way.take().into_iter().flatten() {
            let mine: Vec<Placed> = placed.by_ref().take(waiting.count).copied().collect();
            // A watch that is down is subscribed to again, and its followers look for themselves.
            drop(self.hub.watch.send(watch::Msg::Stir(Stir::Events(waiting.lease.run))));
            waiting.answer(&mine);
        }
    }

    /// Retention and scrubbing, beside the writer; one at a time.
    fn sweep(&mut self, me: &ActorRef<Msg>) {
        if self.sweeping {
            return;
        }
        self.sweeping = true;
        let me = me.clone();
        self.sweeper.submit(self.scrubbed, move |swept| {
            let next = swept.map(|swept| swept.value).unwrap_or_else(|error| {
                tracing::error!(%error, "the event log could not be swept");
                None
            });
            drop(me.cast(Msg::Swept(next)));
        });
    }
}

impl Waiting {
    fn answer(self, placed: &[Placed]) {
        let gap = placed.iter().find_map(|p| match p {
            Placed::Gap { expected } => Some(*expected),
            Placed::Kept { .. } | Placed::Known => None,
        });
        let answer = match gap {
            Some(expected) => Err(Refused::Gap(Kept { lease: self.lease, upto: expected.saturating_sub(1) })),
            None => Ok(Kept { lease: self.lease, upto: self.first + self.count as u64 - 1 }),
        };
        if self.tell.send(answer).is_err() {
            tracing::trace!(lease = %self.lease, "whoever sent events has gone; what is kept is kept");
        }
    }
}

fn sweep(hub: &Hub, keep: Keep, cursor: Option<RunId>) -> Option<RunId> {
    let older_than = Timestamp(hub.now().0.saturating_sub(keep.age_ms));
    let rule = Retention { older_than, bytes_max: keep.bytes_max };
    match hub.events.retain(rule, |run| !hub.reader.is_live(run).unwrap_or(true)) {
        Ok(removed) => counter!("ostler_events_removed_bytes_total").increment(removed.bytes),
        Err(error) => tracing::error!(%error, "old events could not be removed"),
    }
    match hub.events.scrub(cursor, SCRUB_BYTES) {
        Ok(scrubbed) => {
            if let Some(damage) = scrubbed.damaged {
                counter!("ostler_events_damaged_total").increment(1);
                tracing::error!(%damage, "the event log is damaged");
            }
            scrubbed.next
        }
        Err(error) => {
            tracing::error!(%error, "the event log could not be scrubbed");
            cursor
        }
    }
}

/// Has a batch kept, and says how far it is.
pub(crate) async fn append(hub: &Hub, batch: EventBatch) -> Result<Kept, Refused> {
    if batch.events.is_empty() || batch.first == 0 || batch.events.iter().any(|event| event.len() > EVENT_BYTES_MAX) {
        return Err(Refused::TooLarge);
    }
    let (tell, told) = oneshot::channel();
    hub.log.send(Msg::Append(batch, tell)).map_err(|_| Refused::Down)?;
    told.await.map_err(|_| Refused::Down)?
}

/// A run's events from `from` on, as many as fit one answer.
pub(crate) async fn read(hub: &Shared, run: RunId, from: u64) -> Result<Seen, TalkError> {
    let log = Arc::clone(&hub.events);
    let slices = tokio::task::spawn_blocking(move || {
        let tail = log.tail(run)?;
        let mut truncated_before = None;
        let mut slice = log.read(run, from, READ_EVENTS_MAX, READ_BYTES_MAX)?;
        if let Slice::Truncated { from } = slice {
            truncated_before = Some(from);
            slice = log.read(run, from, READ_EVENTS_MAX, READ_BYTES_MAX)?;
        }
        let events = match slice {
            Slice::Events(events) => events,
            Slice::Truncated { .. } => Vec::new(),
        };
        let more = events.last().is_some_and(|last| last.seq < tail.seq);
        Ok::<_, ostler_store::StoreError>((events, truncated_before, more))
    });
    let joined = slices.await.map_err(|_| TalkError::Unanswered(Unanswered::Restarting))?;
    let (stored, truncated_before, more) = joined?;
    let events = stored
        .into_iter()
        .map(|e| Event { run, seq: e.seq, epoch: e.lease.epoch, n: e.n, at: e.at, sealed: e.sealed, hash: e.hash.0 })
        .collect();
    Ok(Seen { events, truncated_before, more })
}

/// Number of a run's last event; zero when it has none.
pub(crate) async fn last_seq(hub: &Shared, run: RunId) -> Result<u64, TalkError> {
    let log = Arc::clone(&hub.events);
    let tail = tokio::task::spawn_blocking(move || log.tail(run)).await;
    Ok(tail.map_err(|_| TalkError::Unanswered(Unanswered::Restarting))??.seq)
}
