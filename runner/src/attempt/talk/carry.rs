//! What follows from what an agent says: recorded first, then done.
//!
//! Owns the order of the two, and what happens when either is not possible. Must not know what anything means.

use super::Act;
use super::drive::Drive;
use super::ladder::Ladder;
use crate::attempt::STOP_GRACE_MS;
use crate::attempt::agent::Agent;
use crate::attempt::life::Ending;
use crate::shim::{ControlError, Progress, Shim};
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;

/// Output that was recorded is let go of in pieces of this size.
const RELEASE_BYTES: u64 = 2 * 1024 * 1024;

impl Drive<'_> {
    /// Records everything printed since the last look, and does what follows from it.
    pub(super) async fn take_in(&mut self, progress: Progress) {
        // One that still prints is left alone in between: orders are heard however much it says.
        while progress.ended || self.talk.offset() < progress.spool_bytes {
            let offset = self.talk.offset();
            let read = match self.agent {
                Agent::Live(shim) => shim.read_from(offset).await,
                Agent::Dead(dir, _) => Shim::read_spool(dir, offset).await,
            };
            let acts = match read {
                Ok((chunks, next)) if next > offset => self.talk.take(&chunks, next, self.life.stable.now()),
                Ok(_) => break,
                // An earlier life let go of what it had told.
                Err(_) if offset == 0 && self.talk.output().skip() => continue,
                Err(error) => {
                    tracing::error!(%error, "the rest of the output is lost");
                    self.life.record(vec![Event::Notice(error.to_string())], None, None).await;
                    self.talk.output().pass(progress.spool_bytes);
                    self.lost().await;
                    break;
                }
            };
            if let Some(question) = self.stall.heard(self.life.stable.now()) {
                self.life.withdraw(Some(question), "the agent went on");
            }
            if !self.talk.output().is_replaying() {
                self.carry_out(acts).await;
            }
        }
        if let Some(event) = self.talk.output().dropped(progress.dropped_bytes, progress.ended) {
            self.life.record(vec![event], None, None).await;
            self.lost().await;
        }
        self.release().await;
    }

    /// Part of a conversation is missing: it cannot go on.
    async fn lost(&mut self) {
        if self.is_conversation && self.ladder == Ladder::Standing && self.broken.is_none() {
            let words = "part of what the agent said could not be kept: is the disk full?";
            self.end_it(Ending::failed(FailureClass::Infra, "output lost", words)).await;
        }
    }

    /// Ends a conversation that cannot, or should not, go on.
    pub(super) async fn end_it(&mut self, ending: Ending) {
        self.broken = Some(ending);
        self.turn = None;
        self.ladder = Ladder::Stopping;
        self.life.withdraw_all("the agent is being ended");
        self.agent.stop(STOP_GRACE_MS).await;
    }

    /// Lets the shim have the room of what is recorded.
    async fn release(&mut self) {
        let through = self.talk.offset();
        if self.is_conversation && through - self.released >= RELEASE_BYTES {
            self.released = through;
            if let Some(shim) = self.agent.shim()
                && let Err(error) = shim.release(through).await
            {
                tracing::debug!(%error, "recorded output keeps its room");
            }
        }
    }

    /// Does what follows: what is told is on disk first, and with it how far the output is told.
    pub(super) async fn carry_out(&mut self, acts: Vec<Act>) {
        let mut events = Vec::new();
        let mut doings = Vec::new();
        for act in acts {
            match act {
                Act::Tell(event) => events.push(event),
                Act::Send(_) | Act::Ask(..) | Act::Withdraw(..) | Act::Session(_) => doings.push(act),
            }
        }
        let offset = self.talk.offset();
        if !events.is_empty() || offset > self.recorded {
            self.recorded = offset;
            self.life.record(events, Some(offset), None).await;
        }
        for doing in doings {
            match doing {
                Act::Send(bytes) => self.send(&bytes).await,
                Act::Ask(id, action) => drop(self.waiting.spawn(self.life.road().ask(id, action))),
                Act::Withdraw(id, why) => self.life.withdraw(Some(id), why),
                Act::Session(session) => {
                    self.life.stable.runs.remember(self.life.lease.run, &self.task.agent, &session)
                }
                Act::Tell(_) => {}
            }
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let Some(shim) = self.agent.shim() else { return };
        match shim.input(bytes).await {
            Ok(()) | Err(ControlError::Gone) => {}
            Err(error) if self.ladder == Ladder::Standing => {
                let words = format!("the agent does not listen: {error}");
                self.broken = Some(Ending::failed(FailureClass::Agent, "agent does not listen", words));
                self.ladder = Ladder::Stopping;
                self.agent.stop(STOP_GRACE_MS).await;
            }
            Err(error) => tracing::debug!(%error, "the agent was not told"),
        }
    }
}
