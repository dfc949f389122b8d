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

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, RUN, Stage, lease, report, submit};
    use crate::command::Command::{Accept, Beat, Cancel, Stopped};
    use crate::command::ReportedEnd;
    use crate::decision::{Effect, Why};
    use crate::ids::RunId;

    #[test]
    fn whoever_comes_second_is_told_who_won() {
        let mut stage = Stage::with(&[ANNA]);
        stage.check(vec![
            (0, Cancel(RUN), "Err(NoRun", "none"),
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, Cancel(RUN), "Ok(Cancelled", "cancelled"),
        ]);
        assert!(stage.effects.contains(&Effect::Stop(ANNA, lease(1), Why::Cancelled)));
        stage.check(vec![
            (0, Beat(ANNA, vec![lease(1)]), "Ok(Beaten { renewed: [], lost: [(LeaseId", "cancelled"),
            (0, report(ANNA, 1, ReportedEnd::Succeeded), "Ok(Fenced { settled: Some(Cancelled)", "cancelled"),
        ]);
        Stage::with(&[ANNA]).check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, report(ANNA, 1, ReportedEnd::Succeeded), "Ok(Reported", "succeeded"),
            (0, Cancel(RUN), "Err(Settled(Succeeded", "succeeded"),
        ]);
    }

    #[test]
    fn the_slot_of_a_cancelled_run_is_free_when_its_runner_says_so() {
        let mut stage = Stage::with(&[ANNA]);
        let first = RunId([9; 16]);
        let first_lease = crate::ids::LeaseId { run: first, epoch: 1 };
        stage.check(vec![
            (0, super::super::stage::submit_as(first, super::super::stage::header()), "Ok(Submitted", "none"),
            (0, submit(), "Ok(Submitted", "ready"),
            (0, Cancel(first), "Ok(Cancelled", "ready"),
            (0, Beat(ANNA, vec![]), "Ok(Beaten", "ready"),
            (0, Stopped(ANNA, first_lease), "Ok(Done", "offered"),
        ]);
    }
}
