//! Everything that can be asked of the ledger: one closed list.
//!
//! Owns the shapes. Every field was parsed and bounded at the edge it came through; durations, never deadlines.

use crate::approval::{Choice, LapsePolicy, Risk};
use crate::device::{Device, Invite, KeyEpoch};
use crate::failure::Failure;
use crate::ids::{ApprovalId, DeviceId, Digest, Incarnation, InviteId, LeaseId, RunId, SessionId};
use crate::run::Header;
use crate::worker::Advert;
use serde::{Deserialize, Serialize};

/// One thing asked of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A device submits a run.
    Submit(Submission),
    /// A person stops a run.
    Cancel(RunId),
    /// A person gives a dead letter another chance.
    Revive(RunId),
    /// A person throws a dead letter away.
    Discard(RunId),
    /// A person decides an approval.
    Answer(Answering),
    /// A runner connected, with all it still holds.
    Attach(Attach),
    /// A runner's connection ended.
    Detach(DeviceId, SessionId),
    /// A runner probed itself again.
    Advertise(DeviceId, Advert),
    /// A runner takes no new work, or does again.
    Drain(DeviceId, bool),
    /// A runner starts an offered run.
    Accept(DeviceId, LeaseId),
    /// A runner cannot take an offer, with a code in clear.
    Decline(DeviceId, LeaseId, String),
    /// A runner's heartbeat: all leases it holds.
    Beat(DeviceId, Vec<LeaseId>),
    /// A runner ends an attempt.
    Report(DeviceId, Report),
    /// A runner has stopped what it was told to stop.
    Stopped(DeviceId, LeaseId),
    /// A runner asks people about one action.
    Ask(DeviceId, Asking),
    /// A runner no longer needs an answer.
    Withdraw(DeviceId, ApprovalId),
    /// A timer fired; state decides what that means.
    Elapsed(Whom),
    /// A run's actor failed again and again.
    Poisoned(RunId),
    /// A person's device made an invitation.
    Invite(Invite),
    /// A device joins, with an invitation or with a grant of the fleet key itself.
    Enrol(Device, Option<InviteId>),
    /// A person turns a device away; the tombstone is signed.
    Revoke(DeviceId, Vec<u8>),
    /// A person's device made the next generation of the fleet's sealing key.
    Rotate(KeyEpoch),
    /// The relay itself stood still for this long (ms): nobody could renew, so every lease is owed that time.
    Gap(u64),
    /// Time for housekeeping.
    Sweep,
}

/// Whose timer fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// A run that is held, or may expire.
    Run(RunId),
    /// A lease that may lapse.
    Lease(LeaseId),
    /// An approval that may lapse.
    Approval(ApprovalId),
}

/// A run as submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Made by the submitter.
    pub id: RunId,
    /// Whose device submits.
    pub submitter: DeviceId,
    /// The part in clear.
    pub header: Header,
    /// Keyed digest of the whole plaintext.
    pub digest: Digest,
    /// The sealed [`crate::task::Task`].
    pub body: Vec<u8>,
}

/// A runner's state when it connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// Its device.
    pub worker: DeviceId,
    /// This connection.
    pub session: SessionId,
    /// This life of its process.
    pub incarnation: Incarnation,
    /// What it can do.
    pub advert: Advert,
    /// True when it takes no new work.
    pub draining: bool,
    /// Every lease in its journal, running or finished but unacknowledged.
    pub held: Vec<LeaseId>,
    /// Every approval it still waits for.
    pub asking: Vec<ApprovalId>,
}

/// The end of an attempt, as a runner reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Under which lease.
    pub lease: LeaseId,
    /// How it ended.
    pub end: ReportedEnd,
    /// Digest of `result`: equal exactly for the same report.
    pub digest: Digest,
    /// The sealed words for people.
    pub result: Vec<u8>,
}

/// How an attempt ended, by its runner's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportedEnd {
    /// It did what was asked.
    Succeeded,
    /// It did not.
    Failed(Failure),
}

/// A question, as a runner asks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Made by the runner.
    pub id: ApprovalId,
    /// Under which lease.
    pub lease: LeaseId,
    /// Digest of the exact action.
    pub digest: Digest,
    /// In clear.
    pub risk: Risk,
    /// What becomes of it unanswered.
    pub lapse: LapsePolicy,
    /// The sealed action.
    pub sealed: Vec<u8>,
}

/// A decision, as a person's device signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answering {
    /// Which question.
    pub id: ApprovalId,
    /// Whose device signed.
    pub by: DeviceId,
    /// For which digest.
    pub digest: Digest,
    /// What was chosen.
    pub choice: Choice,
    /// The signed verdict.
    pub verdict: Vec<u8>,
}
