//! The recorder: numbers, seals and journals an attempt's events, in one transaction with what they cover.
//!
//! Owns the attempt's event numbers and its row. Must not know what an event means.

use crate::runner::stable::Shared;
use ostler_core::event::Event;
use ostler_core::ids::LeaseId;
use ostler_core::limits::EVENT_BYTES_MAX;
use ostler_core::numbering::{FIRST, Numbers};
use ostler_identity::Purpose;
use ostler_store::{JournalChange, JournalledLease, SpoolCursor, Stage};
use std::sync::Arc;

/// What sealing and padding may add to an event.
const SEALING_BYTES: usize = 2 * 1024;

pub(super) struct Recorder {
    stable: Shared,
    lease: LeaseId,
    row: JournalledLease,
    numbers: Numbers,
    spool_offset: u64,
}

impl Recorder {
    /// Goes on where `cursor` says.
    pub(super) fn new(stable: Shared, row: JournalledLease, cursor: Option<SpoolCursor>) -> Self {
        let lease = row.lease;
        let mut numbers = Numbers::default();
        let spool_offset = cursor.map_or(0, |cursor| {
            numbers.resume(lease, cursor.next_n.saturating_sub(1));
            cursor.spool_offset
        });
        Self { stable, lease, row, numbers, spool_offset }
    }

    /// The attempt's row at `stage`.
    pub(super) fn stage(&mut self, stage: Stage) -> JournalChange {
        self.row.stage = stage;
        JournalChange::Held(self.row.clone())
    }

    /// Keeps `events`; they cover the spool up to `spool`, and `stage` begins with them. `done` is called when all is durable.
    pub(super) fn record(
        &mut self,
        events: Vec<Event>,
        spool: Option<u64>,
        stage: Option<Stage>,
        done: impl FnOnce() + Send + 'static,
    ) {
        let keyring = self.stable.member.keyring();
        let mut changes: Vec<JournalChange> = stage.map(|stage| self.stage(stage)).into_iter().collect();
        for event in events {
            let n = self.numbers.take(self.lease);
            let purpose = Purpose::Event { run: self.lease.run, epoch: self.lease.epoch, n };
            changes.push(JournalChange::Event(self.lease, n, keyring.seal(&purpose, &plain(&event))));
        }
        self.spool_offset = spool.unwrap_or(self.spool_offset);
        let last = self.numbers.last(self.lease).unwrap_or(FIRST - 1);
        let cursor = SpoolCursor { spool_offset: self.spool_offset, next_n: last + 1 };
        changes.push(JournalChange::Spooled(self.lease, cursor));
        let (stable, lease) = (Arc::clone(&self.stable), self.lease);
        self.stable.write(changes, move || {
            stable.pending.recorded(lease, last);
            done();
        });
    }
}

/// An event's bytes; one over the bound is told instead of kept.
fn plain(event: &Event) -> Vec<u8> {
    let encode = |event: &Event| postcard::to_allocvec(event).expect("an event is made of types postcard can write");
    let bytes = encode(event);
    if bytes.len() + SEALING_BYTES <= EVENT_BYTES_MAX {
        return bytes;
    }
    encode(&Event::Notice(format!("an event of {} bytes was left out: it is over the limit", bytes.len())))
}
