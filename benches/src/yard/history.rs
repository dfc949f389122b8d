//! Runs that are long over, as rows and events: history by the gigabyte without living it.

use super::{BODY_BYTES, PERSON, RESULT_BYTES, header, run_at};
use ostler_core::decision::Change;
use ostler_core::ids::{Digest, LeaseId, RunId};
use ostler_core::run::{Life, Outcome, Settlement, Spec, State};
use ostler_core::time::Timestamp;
use ostler_store::Entry;
use std::sync::Arc;

/// Events of one run: a short talk with an agent.
const EVENTS: u64 = 16;
/// Bytes of one sealed event.
const EVENT_BYTES: usize = 512;
/// About what one such run takes on disk, in both files.
pub(crate) const RUN_BYTES: u64 = 14_000;

/// A run that succeeded.
pub(crate) struct Past {
    lease: LeaseId,
    at: Timestamp,
}

impl Past {
    /// The `number`th, over at `unix_ms`.
    pub(crate) fn new(number: u64, unix_ms: u64) -> Self {
        Self { lease: LeaseId { run: run_at(number, unix_ms), epoch: 1 }, at: Timestamp(unix_ms) }
    }

    const fn run(&self) -> RunId {
        self.lease.run
    }

    /// Its rows.
    pub(crate) fn changes(&self) -> [Change; 4] {
        let (id, at, report) = (self.run(), self.at, Digest([3; 32]));
        let spec = Spec { id, header: header(), digest: Digest([7; 32]), submitter: PERSON, created_at: at };
        let settlement = Settlement { outcome: Outcome::Succeeded, at, epoch: Some(1), report: Some(report) };
        [
            Change::Spec(Arc::new(spec)),
            Change::Body(id, vec![7; BODY_BYTES]),
            Change::Settle(id, Life::new(at, State::Settled(settlement))),
            Change::Result(self.lease, vec![3; RESULT_BYTES]),
        ]
    }

    /// Its events.
    pub(crate) fn events(&self) -> impl Iterator<Item = Entry> {
        let sealed = vec![9; EVENT_BYTES];
        (1..=EVENTS).map(move |n| Entry { lease: self.lease, n, at: self.at, sealed: sealed.clone() })
    }
}
