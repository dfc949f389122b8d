//! Tables of the event log.
//!
//! `event_v1`: one sealed event. Key: run, then seq, big-endian. Record: chain hash (32) ‖ epoch ‖ n ‖ at (8 each,
//! big-endian) ‖ sealed bytes.
//! `tail_v1`: where each run's chain ends and where it was cut. Key: run. It outlives the run's events.

use super::run::{run_key, run_unkey};
use super::{Table, pack, take, unpack};
use ostler_core::ids::{Digest, RunId};
use ostler_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One kept event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) hash: Digest,
    pub(crate) epoch: u64,
    pub(crate) n: u64,
    pub(crate) at: Timestamp,
    pub(crate) sealed: Vec<u8>,
}

pub(crate) struct EventV1;

impl Table for EventV1 {
    const NAME: &'static str = "event_v1";
    type Key = (RunId, u64);
    type Row = Link;

    fn key((run, seq): &(RunId, u64)) -> Vec<u8> {
        [run.0.as_slice(), &seq.to_be_bytes()].concat()
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        let (run, seq) = take(bytes)?;
        Some((RunId(run), u64::from_be_bytes(seq.try_into().ok()?)))
    }

    fn encode(link: &Link) -> Vec<u8> {
        let numbers = [link.epoch, link.n, link.at.0].map(u64::to_be_bytes).concat();
        [link.hash.0.as_slice(), &numbers, &link.sealed].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Link> {
        let (hash, rest) = take(bytes)?;
        let (epoch, rest) = take(rest)?;
        let (n, rest) = take(rest)?;
        let (at, sealed) = take(rest)?;
        let [epoch, n, at] = [epoch, n, at].map(u64::from_be_bytes);
        Some(Link { hash: Digest(hash), epoch, n, at: Timestamp(at), sealed: sealed.to_vec() })
    }
}

/// The end of one run's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    /// The last number given; zero before the first.
    pub(crate) seq: u64,
    /// Chain hash at `seq`.
    pub(crate) hash: Digest,
    /// The first number still kept; `seq + 1` when none is.
    pub(crate) from: u64,
    /// Chain hash just before `from`.
    pub(crate) anchor: Digest,
    /// Last n of each epoch, by epoch.
    pub(crate) epochs: Vec<(u64, u64)>,
    /// Sealed bytes still kept.
    pub(crate) bytes: u64,
    /// When the last event was kept.
    pub(crate) last_at: Timestamp,
}

impl Default for End {
    fn default() -> Self {
        let start = Digest([0; 32]);
        Self { seq: 0, hash: start, from: 1, anchor: start, epochs: vec![], bytes: 0, last_at: Timestamp(0) }
    }
}

pub(crate) struct TailV1;

impl Table for TailV1 {
    const NAME: &'static str = "tail_v1";
    type Key = RunId;
    type Row = End;

    fn key(run: &RunId) -> Vec<u8> {
        run_key(run)
    }

    fn unkey(bytes: &[u8]) -> Option<RunId> {
        run_unkey(bytes)
    }

    fn encode(end: &End) -> Vec<u8> {
        pack(end)
    }

    fn decode(bytes: &[u8]) -> Option<End> {
        unpack(bytes)
    }
}
