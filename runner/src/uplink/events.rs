//! Events on their way to the relay's log: read from the journal, sent in order, forgotten when kept.
//!
//! ```text
//! journal ─▶ EventBatch ─▶ relay ─▶ Kept{upto} ─▶ journal forgets        upto below what was sent: from upto + 1 again
//! ```
//!
//! Owns where each lease's sending stands on this connection. Must not hold events: the journal does.

use super::session::Ended;
use crate::journal;
use crate::runner::stable::Shared;
use crate::slots;
use ostler_core::ids::LeaseId;
use ostler_mesh::{Connection, FrameSender, Priority};
use ostler_proto::{EventBatch, Kept, Open};
use ostler_store::JournalChange;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;

/// Sealed bytes of one batch: well within a frame, and a few round trips of a slow line.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// The journal reads a batch in milliseconds, or is being restarted.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// What was sent of one lease on this connection. Each batch is answered by one acknowledgement, in order.
#[derive(Default)]
struct Sent {
    last: u64,
    flying: VecDeque<u64>,
}

impl Sent {
    fn batch(&mut self, last: u64) {
        self.last = last;
        self.flying.push_back(last);
    }

    /// An acknowledgement below its own batch: something before it is missing there.
    fn kept(&mut self, upto: u64) {
        if self.flying.pop_front().is_some_and(|last| upto < last) {
            self.last = upto;
        }
    }
}

/// Sends until the stream ends.
pub(super) async fn send(stable: Shared, connection: Connection, mut kept: mpsc::Receiver<Kept>) -> Result<(), Ended> {
    let mut out = connection.open_uni().await?;
    out.priority(Priority::Events);
    out.send(&Open::Events).await?;
    let mut sent: BTreeMap<LeaseId, Sent> = BTreeMap::new();
    loop {
        while let Some((lease, from)) = stable.pending.next(|lease| sent.get(lease).map(|s| s.last)) {
            match batch(&stable, &mut out, lease, from).await? {
                Some(last) => sent.entry(lease).or_default().batch(last),
                // Its lease was forgotten meanwhile.
                None => break,
            }
            while let Ok(upto) = kept.try_recv() {
                acknowledged(&stable, &mut sent, upto);
            }
        }
        tokio::select! {
            upto = kept.recv() => match upto {
                Some(upto) => acknowledged(&stable, &mut sent, upto),
                None => return Ok(()),
            },
            () = stable.pending.changed() => {}
        }
    }
}

async fn batch(stable: &Shared, out: &mut FrameSender, lease: LeaseId, from: u64) -> Result<Option<u64>, Ended> {
    let read = |reply| journal::Msg::Events(lease, from, BATCH_BYTES_MAX, reply);
    let events = stable.journal.call(READ_WITHIN, read).await.map_err(|error| Ended::Broken(error.to_string()))?;
    let (Some((first, _)), Some((last, _))) = (events.first(), events.last()) else { return Ok(None) };
    let (first, last) = (*first, *last);
    let events = events.into_iter().map(|(_, sealed)| sealed).collect();
    out.send(&EventBatch { lease, first, events }).await?;
    Ok(Some(last))
}

fn acknowledged(stable: &Shared, sent: &mut BTreeMap<LeaseId, Sent>, Kept { lease, upto }: Kept) {
    let Some(marks) = stable.pending.of(lease) else {
        sent.remove(&lease);
        return;
    };
    if upto < marks.kept {
        // The relay's log lost what it had acknowledged, and we forgot it: nothing that follows can be taken any more.
        tracing::error!(lease = %lease, upto, kept = marks.kept, "the relay lost events of this run: the rest cannot follow");
        return abandoned(stable, lease);
    }
    if let Some(sent) = sent.get_mut(&lease) {
        sent.kept(upto);
    }
    let through = stable.pending.kept(lease, upto);
    if upto > marks.kept {
        stable.write(vec![JournalChange::EventsKept(lease, upto)], || {});
    }
    if through {
        stable.tell(slots::Msg::Through(lease));
    }
}

/// Events that can never be taken do not hold back their run's end.
pub(crate) fn abandoned(stable: &Shared, lease: LeaseId) {
    if let Some(marks) = stable.pending.of(lease) {
        stable.pending.kept(lease, marks.last);
        stable.write(vec![JournalChange::EventsKept(lease, marks.last)], || {});
    }
    stable.tell(slots::Msg::Through(lease));
}
