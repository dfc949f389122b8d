//! The wire: connections that are ordered and reliable until they are cut, and slow, and deaf on one side.
//!
//! Owns delay, order per stream, stalls and cuts. A cut drops what is under way; each side learns of it in its own time.

use super::{Happening, World};
use ostler_core::command::{Asking, Attach, Report};
use ostler_core::decision::Why;
use ostler_core::ids::{ApprovalId, DeviceId, Digest, LeaseId, SessionId};

/// What runner and relay say: proto's frames, without their bytes.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    Attach(Box<Attach>),
    Accept(LeaseId),
    Decline(LeaseId),
    Report(Report),
    Stopped(LeaseId),
    Ask(Box<Asking>),
    Withdraw(ApprovalId),
    Beat(u64, Vec<LeaseId>),
    Event(LeaseId, u64, u64),
    Attached { keep: Vec<LeaseId>, stop: Vec<(LeaseId, Why)>, lease_ttl_ms: u64 },
    Offer(LeaseId),
    Accepted(LeaseId),
    Reported { lease: LeaseId, digest: Digest },
    Stop(LeaseId),
    Asked,
    Busy(ApprovalId),
    Verdict { approval: ApprovalId, verdict: Vec<u8> },
    Denied(ApprovalId),
    Refused(LeaseId),
    Beaten { seq: u64, renewed: Vec<LeaseId>, lost: Vec<LeaseId>, lease_ttl_ms: u64 },
    Kept { lease: LeaseId, upto: u64 },
}

impl Frame {
    /// Which stream carries it: control, beats or events. Order holds within a stream only.
    const fn stream(&self) -> usize {
        match self {
            Self::Beat(..) | Self::Beaten { .. } => 1,
            Self::Event(..) | Self::Kept { .. } => 2,
            Self::Attach(_)
            | Self::Accept(_)
            | Self::Decline(_)
            | Self::Report(_)
            | Self::Stopped(_)
            | Self::Ask(_)
            | Self::Withdraw(_)
            | Self::Attached { .. }
            | Self::Offer(_)
            | Self::Accepted(_)
            | Self::Reported { .. }
            | Self::Stop(_)
            | Self::Asked
            | Self::Busy(_)
            | Self::Verdict { .. }
            | Self::Denied(_)
            | Self::Refused(_) => 0,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) runner: usize,
    pub(crate) device: DeviceId,
    pub(crate) session: SessionId,
    pub(crate) alive: bool,
    /// Attached at the relay, in the relay life of this number.
    pub(crate) relay_life: u32,
    /// When the last frame of each stream arrives, upward and downward.
    last: [[u64; 3]; 2],
    /// Nothing arrives before, upward and downward.
    deaf_until: [u64; 2],
}

/// Longest time until a side learns that its connection is gone.
const IDLE_MS: u64 = 3_000;

impl World {
    pub(crate) fn connect(&mut self, runner: usize) -> usize {
        let at = self.conns.len();
        let mut session = [0; 16];
        session[8..].copy_from_slice(&(at as u64).to_be_bytes());
        self.conns.push(Conn {
            runner,
            device: self.runners[runner].device,
            session: SessionId(session),
            alive: true,
            relay_life: self.relay.life,
            last: [[0; 3]; 2],
            deaf_until: [0; 2],
        });
        at
    }

    pub(crate) fn send(&mut self, conn: usize, up: bool, frame: Frame) {
        if !self.conns[conn].alive {
            return;
        }
        let delay = 1 + self.roll(self.options.delay_ms);
        let (now, side, stream) = (self.now, usize::from(up), frame.stream());
        let link = &mut self.conns[conn];
        let arrives = (now + delay).max(link.last[side][stream]).max(link.deaf_until[side]);
        link.last[side][stream] = arrives;
        self.at(arrives, Happening::Deliver { conn, up, frame });
    }

    /// One direction stands still for a while.
    pub(crate) fn stall(&mut self, conn: usize, up: bool, ms: u64) {
        self.conns[conn].deaf_until[usize::from(up)] = self.now + ms;
    }

    /// Whatever is under way is lost.
    pub(crate) fn cut(&mut self, conn: usize) {
        if !std::mem::replace(&mut self.conns[conn].alive, false) {
            return;
        }
        let (theirs, ours) = (self.roll(IDLE_MS), self.roll(IDLE_MS));
        self.after(theirs, Happening::RunnerNotices(conn));
        self.after(ours, Happening::RelayNotices(conn));
    }
}
