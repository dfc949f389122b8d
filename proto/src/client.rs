//! What a client asks a relay, and what it is told.

use crate::events::Event;
use ostler_core::approval::{Approval, Choice};
use ostler_core::decision::Refusal;
use ostler_core::device::{Device, Invite, KeyEpoch};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, LeaseId, RunId};
use ostler_core::requirements::Offers;
use ostler_core::run::{Header, Life, Spec};
use ostler_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One question or command, on a stream of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Keep this run.
    Submit {
        /// Made by the client, so that a retried submission is one.
        id: RunId,
        /// In clear.
        header: Header,
        /// Keyed digest of the plaintext.
        digest: Digest,
        /// Sealed.
        body: Vec<u8>,
    },
    /// Newest first.
    Runs(Listing),
    /// One run with everything about it.
    Run(RunId),
    /// Runs whose printed id starts, or ends, with this text; at most 16.
    FindRun(String),
    /// Stop a run.
    Cancel(RunId),
    /// Give a dead letter another chance.
    Revive(RunId),
    /// Throw a dead letter away.
    Discard(RunId),
    /// The sealed body, to look at or to submit again.
    Body(RunId),
    /// Approvals that wait, oldest first.
    Inbox,
    /// One approval.
    Approval(ApprovalId),
    /// Decide an approval.
    Answer {
        /// Which.
        id: ApprovalId,
        /// For which exact action.
        digest: Digest,
        /// What is chosen.
        choice: Choice,
        /// Signed by the asking device.
        verdict: Vec<u8>,
    },
    /// Events of a run from a sequence number on; as many as fit a frame.
    Events {
        /// Which run.
        run: RunId,
        /// The first wanted, from 1.
        from: u64,
    },
    /// Events and changes of a run, kept up with until it is over: a stream of [`Item`].
    Follow {
        /// Which run.
        run: RunId,
        /// The first wanted, from 1.
        from: u64,
    },
    /// What happens in the fleet: a stream of [`Item::Notice`].
    Watch,
    /// Paired devices.
    Devices,
    /// Outstanding invitations.
    Invites,
    /// Keep an invitation.
    Invite(Invite),
    /// Turn a device away: the tombstone is signed.
    Revoke {
        /// Which.
        device: DeviceId,
        /// Signed.
        tombstone: Vec<u8>,
    },
    /// All key epochs.
    KeyEpochs,
    /// Keep the next key epoch.
    Rotate(KeyEpoch),
    /// Runners, connected or away.
    Workers,
    /// Let a runner take no new work, or take it again.
    Drain(DeviceId, bool),
    /// How the relay is.
    Status,
    /// Write a consistent copy of the database next to it.
    Backup,
}

/// Which runs to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listing {
    /// Only these states, by their words; all when empty.
    pub states: Vec<String>,
    /// Only older than this.
    pub before: Option<RunId>,
    /// At most this many, and never more than 1000.
    pub limit: u32,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// Done.
    Done,
    /// Refused; nothing changed.
    Refused(Refusal),
    /// The relay failed; nothing is known to have changed.
    Failed(String),
    /// A run is kept.
    Submitted {
        /// Which: an earlier one when the idempotency key was known.
        run: RunId,
        /// False when it was known already.
        fresh: bool,
        /// When no paired runner could ever take it: each runner's name and what it misses, nearest first.
        unmet: Vec<(String, Vec<String>)>,
    },
    /// Runs, newest first.
    Runs(Vec<RunView>),
    /// One run.
    Run(Box<RunDetail>),
    /// Ids that match.
    Found(Vec<RunId>),
    /// Sealed bytes; none when retention took them.
    Body(Option<Vec<u8>>),
    /// Approvals, oldest first.
    Approvals(Vec<Approval>),
    /// Events, in order.
    Events(Seen),
    /// Devices.
    Devices(Vec<Device>),
    /// Invitations.
    Invites(Vec<Invite>),
    /// Key epochs, oldest first.
    KeyEpochs(Vec<KeyEpoch>),
    /// Runners.
    Workers(Vec<WorkerView>),
    /// How the relay is.
    Status(Box<Status>),
    /// Where the copy is, on the relay's disk, and its size in bytes.
    BackedUp(String, u64),
}

/// Events read from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// In order, without gaps.
    pub events: Vec<Event>,
    /// The first number the log still has, when retention took earlier ones.
    pub truncated_before: Option<u64>,
    /// True when there are more now.
    pub more: bool,
}

/// One item of a followed stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// Events, in order, without gaps or repeats.
    Events(Seen),
    /// The run moved.
    Life(Box<RunView>),
    /// Something in the fleet.
    Notice(Notice),
    /// The run is over and all its events were sent.
    End,
}

/// Something in the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// A run changed.
    Run(RunId),
    /// A question waits for people.
    Inbox(ApprovalId),
    /// Devices or keys changed.
    Fleet,
    /// Notices were skipped: look again at everything.
    Skipped,
}

/// A run in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// What never changes.
    pub spec: Spec,
    /// Where it stands.
    pub life: Life,
    /// Approvals that wait.
    pub asking: Vec<ApprovalId>,
}

/// One run with everything about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDetail {
    /// As in a listing.
    pub view: RunView,
    /// All its approvals.
    pub approvals: Vec<Approval>,
    /// Sealed results of accepted reports, by epoch.
    pub results: Vec<(u64, Vec<u8>)>,
    /// Reports that came too late: lease, worker, sealed result.
    pub late: Vec<(LeaseId, DeviceId, Vec<u8>)>,
    /// For a waiting run, each runner and what it misses.
    pub unmet: Vec<(String, Vec<String>)>,
    /// Number of its last event; zero when it has none.
    pub last_seq: u64,
}

/// A runner in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its device.
    pub id: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// Pools it serves.
    pub pools: Vec<String>,
    /// What it offers.
    pub offers: Offers,
    /// Runs it executes at once.
    pub slots: u32,
    /// Slots free now.
    pub free: u32,
    /// Connected now.
    pub connected: bool,
    /// Takes no new work.
    pub draining: bool,
    /// When it was last heard.
    pub seen_at: Timestamp,
    /// Runs it executes.
    pub runs: Vec<RunId>,
}

/// How the relay is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its release.
    pub release: String,
    /// The life of its database.
    pub incarnation: Incarnation,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// The reading of its clock.
    pub now: Timestamp,
    /// Runs by state word.
    pub runs: Vec<(String, u64)>,
    /// Queue depth and age of the oldest ready run in ms, by queue.
    pub queues: Vec<(String, u64, u64)>,
    /// Connected runners, and paired ones.
    pub workers: (u32, u32),
    /// Approvals that wait.
    pub inbox: u32,
}
