//! What runner and relay say on the control and beats streams.

use ostler_core::approval::Choice;
use ostler_core::command::{Asking, Report};
use ostler_core::decision::{Refusal, Why};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, LeaseId};
use ostler_core::run::Outcome;
use ostler_core::worker::Advert;
use serde::{Deserialize, Serialize};

/// Runner to relay, on the control stream after the hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToRelay {
    /// First, and before anything else: all that the runner still holds.
    Attach {
        /// This life of the runner process.
        incarnation: Incarnation,
        /// What it can do.
        advert: Advert,
        /// True when it takes no new work.
        draining: bool,
        /// Every lease in its journal.
        held: Vec<LeaseId>,
        /// Every approval it still waits for.
        asking: Vec<ApprovalId>,
    },
    /// It probed itself again.
    Advertise(Advert),
    /// It takes no new work, or does again.
    Drain(bool),
    /// It starts an offered run.
    Accept(LeaseId),
    /// It cannot take an offer: a code in clear.
    Decline(LeaseId, String),
    /// It ends an attempt; sent again until answered with [`FromRelay::Reported`].
    Report(Report),
    /// It has ended what it was told to stop; nothing of it runs any more.
    Stopped(LeaseId),
    /// It asks people about one action; sent again until answered with [`FromRelay::Asked`].
    Ask(Asking),
    /// It no longer needs an answer.
    Withdraw(ApprovalId),
}

/// Relay to runner, on the control stream after the welcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromRelay {
    /// What the runner may go on with, and what it must stop.
    Attached {
        /// Its own again, under the same epoch.
        keep: Vec<LeaseId>,
        /// To be ended.
        stop: Vec<(LeaseId, Why)>,
        /// Renew within this, counted from when the attach was sent.
        lease_ttl_ms: u64,
        /// How long an orphaned lease waits for its runner.
        grace_ms: u64,
    },
    /// A run to execute: accept or decline it.
    Offer {
        /// The lease.
        lease: LeaseId,
        /// Whose device submitted it.
        submitter: DeviceId,
        /// The sealed [`ostler_core::task::Task`].
        body: Vec<u8>,
    },
    /// A report was taken, now or earlier.
    Reported {
        /// Under which lease.
        lease: LeaseId,
        /// The report's digest.
        digest: Digest,
        /// None when it was applied; else how the run had settled, if it had: it came too late and is kept as evidence.
        fenced: Option<Option<Outcome>>,
    },
    /// End an attempt and publish nothing; answer with [`ToRelay::Stopped`].
    Stop {
        /// Which.
        lease: LeaseId,
        /// Why.
        why: Why,
        /// Time for an orderly end before it is killed.
        grace_ms: u64,
    },
    /// A question is kept, and waits for people.
    Asked(ApprovalId),
    /// A person decided; to be verified before anything is done.
    Verdict {
        /// Which question.
        approval: ApprovalId,
        /// What the relay was told; the signed verdict is what counts.
        choice: Choice,
        /// The signed verdict.
        verdict: Vec<u8>,
    },
    /// Nobody will answer any more: deny.
    Denied(ApprovalId),
    /// A frame about this lease was refused; nothing changed.
    Refused {
        /// Which lease.
        lease: Option<LeaseId>,
        /// Why.
        refusal: Refusal,
    },
    /// Events up to and including `n` are kept: forget them.
    Kept(super::Kept),
    /// The fleet's keys or tombstones changed.
    Fleet {
        /// The newest key epoch, which opens to all before it.
        epochs: Vec<Vec<u8>>,
        /// All tombstones.
        tombstones: Vec<Vec<u8>>,
    },
    /// The relay restarts: keep working, come back.
    GoingAway {
        /// Wait at least this long, with jitter.
        retry_after_ms: u64,
    },
    /// An operator wants the runner to take no new work, or to take it again.
    Drain(bool),
}

/// A heartbeat: every lease the runner holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Grows with each; the answer carries it back.
    pub seq: u64,
    /// Held leases.
    pub leases: Vec<LeaseId>,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beaten {
    /// Which heartbeat.
    pub seq: u64,
    /// Renewed for the TTL, counted from when the heartbeat was sent.
    pub renewed: Vec<LeaseId>,
    /// To be ended.
    pub lost: Vec<(LeaseId, Why)>,
    /// The TTL.
    pub lease_ttl_ms: u64,
}
