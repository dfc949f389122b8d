//! Cancel: a person's will settles a run at once. Whoever comes second, canceller or reporter, is told who won.

use super::Turn;
use crate::decision::{Answer, Refusal};
use crate::ids::{DeviceId, LeaseId, RunId};
use crate::mutant::Mutant;
use crate::run::{AttemptEnd, Outcome, State};

impl Turn<'_> {
    pub(super) fn cancel(&mut self, id: RunId) -> Result<Answer, Refusal> {
        let run = self.ledger.runs.get(&id).ok_or(Refusal::NoRun(id))?;
        match run.life.state() {
            State::Settled(settlement) => return Err(Refusal::Settled(settlement.outcome.clone())),
            State::Leased(_) | State::Parked { .. } => {
                self.end_lease(id, AttemptEnd::Stopped, None, false);
            }
            State::Held { .. } | State::Ready | State::Dead { .. } => {}
        }
        if self.ledger.sick(Mutant::CancelIgnored) {
            self.ready(id);
        } else {
            self.settle(id, Outcome::Cancelled, None);
        }
        Ok(Answer::Cancelled)
    }

    pub(super) fn stopped(&mut self, worker: DeviceId, lease: LeaseId) -> Result<Answer, Refusal> {
        self.freed(worker, lease);
        Ok(Answer::Done)
    }

    /// The worker no longer executes anything under `lease`: its slot is free.
    pub(super) fn freed(&mut self, worker: DeviceId, lease: LeaseId) {
        if self.ledger.workers.get_mut(&worker).is_some_and(|w| w.stopping.remove(&lease)) {
            self.fill(worker);
        }
    }
}
