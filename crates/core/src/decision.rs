//! What the ledger decides: rows to write, effects to have, and the answer to whoever asked.
//!
//! Changes are written in one transaction; only then do effects and the answer leave. Effects are at least once: they are
//! re-derived from state after a restart, and receivers deduplicate by lease and approval id.

use crate::approval::{Approval, Decided};
use crate::command::Whom;
use crate::device::{Device, Invite, KeyEpoch};
use crate::ids::{ApprovalId, DeviceId, Digest, InviteId, LeaseId, RunId, SessionId};
use crate::requirements::Miss;
use crate::run::{HeaderError, Life, Outcome, Spec};
use crate::time::Timestamp;
use crate::worker::Advert;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything that follows from one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Rows, in order, for one transaction.
    pub changes: Vec<Change>,
    /// To be had after the commit.
    pub effects: Vec<Effect>,
    /// To be told after the commit.
    pub answer: Result<Answer, Refusal>,
}

/// One row to write or remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new run: what never changes.
    Spec(Arc<Spec>),
    /// A new run's sealed body.
    Body(RunId, Vec<u8>),
    /// A live run moved.
    Life(RunId, Life),
    /// A run settled: its life leaves the live table for the settled one.
    Settle(RunId, Life),
    /// A discarded or retired run, with everything that hangs on it.
    Forget(RunId),
    /// The sealed result of an accepted report.
    Result(LeaseId, Vec<u8>),
    /// A report that came too late, kept as evidence.
    Late(LeaseId, DeviceId, Digest, Vec<u8>),
    /// An approval as it now stands.
    Approval(Approval),
    /// An idempotency key taken.
    Key(DeviceId, String, RunId),
    /// An idempotency key free again.
    FreeKey(DeviceId, String),
    /// A device as it now stands.
    Device(Device),
    /// An invitation as it now stands.
    Invite(Invite),
    /// An invitation that can no longer be used.
    DropInvite(InviteId),
    /// The next key epoch.
    KeyEpoch(KeyEpoch),
    /// What a runner last said it can do.
    Advert(DeviceId, Advert),
}

/// One thing to do after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Prompt `Elapsed(whom)` at or after `at`; replaces an earlier wake for the same.
    Wake(Whom, Timestamp),
    /// Nothing is owed to `whom` any more: its actor may rest.
    Rest(Whom),
    /// Offer a lease to its worker, with the run's body.
    Offer(DeviceId, LeaseId),
    /// Tell a worker that a lease is over for it: end the attempt, publish nothing.
    Stop(DeviceId, LeaseId, Why),
    /// Deliver a decided approval to the worker that asked.
    Deliver(DeviceId, ApprovalId),
    /// Tell a worker that a question has no answer any more: deny.
    Deny(DeviceId, ApprovalId),
    /// Close a device's connections at once.
    Disconnect(DeviceId),
    /// Close a superseded connection.
    Close(DeviceId, SessionId),
    /// Something about a run changed: tell who watches.
    Changed(RunId),
    /// A question waits for people (again, when it escalated): tell who watches.
    Inbox(ApprovalId),
    /// The fleet's devices or keys changed: tell who is connected.
    Fleet,
}

/// Why a runner must end an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// A person cancelled the run.
    Cancelled,
    /// Another epoch, or the end of the run, has replaced the lease.
    Fenced,
    /// The relay does not know the lease.
    Unknown,
}

/// What the asker is told when it worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// The run is kept, and will not be lost.
    Submitted {
        /// The run; an earlier one when the idempotency key was known.
        run: RunId,
        /// False when the key was known with the same work.
        fresh: bool,
        /// When no paired runner could ever take it: who misses what.
        unmet: Vec<(String, Vec<Miss>)>,
    },
    /// What a connecting runner may go on with, and what it must stop.
    Attached {
        /// Its own again, under the same epoch.
        keep: Vec<LeaseId>,
        /// To be ended; nothing of it can be published.
        stop: Vec<(LeaseId, Why)>,
        /// Renew within this, counted from when the request was sent.
        lease_ttl_ms: u64,
    },
    /// What a heartbeat renewed, and what is lost.
    Beaten {
        /// Renewed for the TTL, counted from when the heartbeat was sent.
        renewed: Vec<LeaseId>,
        /// To be ended.
        lost: Vec<(LeaseId, Why)>,
        /// The TTL.
        lease_ttl_ms: u64,
    },
    /// A report was applied, now or earlier.
    Reported,
    /// A report came too late, and is kept as evidence.
    Fenced {
        /// How the run had settled, if it had.
        settled: Option<Outcome>,
    },
    /// An approval is decided by this verdict.
    Decided,
    /// The run is over by this command.
    Cancelled,
}

/// Why a command was refused: nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// A header out of bounds.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A body, action or verdict that is too large.
    #[error("{what} has {bytes} bytes, the limit is {max}: put large context into the repository and refer to it")]
    TooLarge {
        /// Which part.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// The idempotency key stands for other work.
    #[error("this idempotency key already stands for {0}, submitted with other work: use a new key")]
    KeyConflict(RunId),
    /// The id stands for another run.
    #[error("{0} already exists: submit under a new id")]
    RunExists(RunId),
    /// No such run here.
    #[error("{0} is not known: see `ostler runs list`")]
    NoRun(RunId),
    /// The run is over.
    #[error("the run is already over: {0:?}")]
    Settled(Outcome),
    /// Only dead letters are revived or discarded.
    #[error("the run is {0}, not a dead letter: see `ostler dead list`")]
    NotDead(String),
    /// No such approval here.
    #[error("{0} is not known: see `ostler inbox`")]
    NoApproval(ApprovalId),
    /// Somebody was first.
    #[error("already decided: {:?} by {}", .0.choice, .0.by.short())]
    AlreadyDecided(Box<Decided>),
    /// Nobody waits for it any more.
    #[error("the question was withdrawn or has lapsed: nothing waits for an answer")]
    NotAsked,
    /// The verdict is for other bytes.
    #[error("the verdict is for another action than the one asked about: look at it again")]
    WrongDigest,
    /// The lease is not (or no longer) the sender's.
    #[error("the lease is over: stop, and publish nothing")]
    StaleLease,
    /// Not a paired device, or one that was turned away.
    #[error("the device is not paired with this fleet, or was revoked: pair it with a new ticket")]
    NotPaired,
    /// The invitation is unknown, was used or has expired.
    #[error("the ticket was already used, has expired, or is not of this relay: ask for a new one")]
    SpentInvite,
    /// Somebody else rotated first.
    #[error("key epoch {0} is not the next one: fetch the newest and rotate again")]
    EpochTaken(u32),
    /// Bounds of the relay itself.
    #[error("the relay is full: try again in {retry_after_ms} ms")]
    Busy {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The device is paired, and its role does not go that far.
    #[error("this device's role does not allow that: ask an operator, or pair it with a ticket of another role")]
    Role,
    /// The signed verdict does not verify, and would open nothing on the runner.
    #[error("the verdict does not verify ({0}): decide again, with this machine's clock right")]
    Verdict(String),
}
