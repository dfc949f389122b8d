//! A worker: the actor that stands for a connected runner and tells it things.
//!
//! Owns the way out to one runner. When it ends, however it ends, the connection is closed: the runner comes back, says what it
//! holds, and is told everything it is owed. Must not decide.

use crate::hub::Shared;
use ostler_core::approval::Choice;
use ostler_core::decision::Why;
use ostler_core::ids::{ApprovalId, DeviceId, LeaseId};
use ostler_mesh::{Close, Connection};
use ostler_proto::FromRelay;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;

/// A frame on its way out. Boxed: a channel keeps room for 32, in every idle session.
pub(crate) type Outgoing = Box<FromRelay>;

/// What a runner is to be told.
pub(crate) enum Msg {
    /// Execute this.
    Offer { lease: LeaseId, submitter: DeviceId },
    /// End this.
    Stop { lease: LeaseId, why: Why, grace_ms: u64 },
    /// A person decided.
    Verdict { approval: ApprovalId, choice: Choice, verdict: Vec<u8> },
    /// Nobody will.
    Denied(ApprovalId),
    /// Keys or tombstones changed.
    Fleet { epochs: Vec<Vec<u8>>, tombstones: Vec<Vec<u8>> },
    /// An operator wants it to take no new work, or to take it again.
    Drain(bool),
}

pub(crate) struct WorkerActor;

pub(crate) struct State {
    pub(crate) hub: Shared,
    pub(crate) connection: Connection,
    pub(crate) out: mpsc::Sender<Outgoing>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.connection.close(Close::Restarting);
    }
}

impl Actor for WorkerActor {
    type Msg = Msg;
    type State = State;
    type Arguments = State;

    async fn pre_start(&self, _: ActorRef<Msg>, state: State) -> Result<State, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(&self, _: ActorRef<Msg>, message: Msg, state: &mut State) -> Result<(), ActorProcessingErr> {
        let frame = match message {
            Msg::Offer { lease, submitter } => {
                let Some(body) = state.hub.reader.body(lease.run)? else {
                    tracing::warn!(lease = %lease, "an offered run has no body any more");
                    return Ok(());
                };
                FromRelay::Offer { lease, submitter, body }
            }
            Msg::Stop { lease, why, grace_ms } => FromRelay::Stop { lease, why, grace_ms },
            Msg::Verdict { approval, choice, verdict } => FromRelay::Verdict { approval, choice, verdict },
            Msg::Denied(approval) => FromRelay::Denied(approval),
            Msg::Fleet { epochs, tombstones } => FromRelay::Fleet { epochs, tombstones },
            Msg::Drain(draining) => FromRelay::Drain(draining),
        };
        // A runner that does not read loses its connection, not its frames: what it is owed is told again.
        Ok(state.out.try_send(Box::new(frame))?)
    }
}
