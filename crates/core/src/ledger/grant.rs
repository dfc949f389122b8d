//! Grant: a ready run meets a worker with room, and gets a new epoch.
//!
//! Two ways lead here: a run became ready ([`Turn::ready`]), or a worker has room ([`Turn::fill`]). Both take the most urgent,
//! then the oldest, and both leave no ready run beside a free worker that could take it.

use super::Turn;
use crate::command::Whom;
use crate::decision::Effect;
use crate::ids::{DeviceId, LeaseId, RunId};
use crate::lease::{Lease, Phase};
use crate::mutant::Mutant;
use crate::run::State;

impl Turn<'_> {
    /// The run may be granted from now on, and is if anyone has room.
    pub(super) fn ready(&mut self, id: RunId) {
        assert!(
            self.life(id).lease().is_none_or(|lease| self.ledger.index.deadline(lease.id).is_none()),
            "its lease has ended"
        );
        self.enter(id, State::Ready);
        if let Some(worker) = self.best_worker(id) {
            self.grant(id, worker);
        }
    }

    /// The worker that has its session; else the one with the most room, another than the one it failed on if there is one.
    pub(super) fn best_worker(&self, id: RunId) -> Option<DeviceId> {
        let run = self.ledger.runs.get(&id)?;
        let (home, avoid) = (run.life.home(), run.life.avoid);
        let anyone: Vec<DeviceId> = if self.ledger.sick(Mutant::MatchIgnored) {
            self.ledger.workers.keys().copied().collect()
        } else {
            self.ledger.index.able(run).collect()
        };
        anyone
            .into_iter()
            .filter_map(|worker| self.ledger.workers.get(&worker))
            .filter(|worker| self.takes(worker))
            .max_by_key(|worker| {
                let preferred = (Some(worker.id) == home, Some(worker.id) != avoid);
                (preferred, worker.free(), std::cmp::Reverse(worker.id))
            })
            .map(|worker| worker.id)
    }

    fn takes(&self, worker: &crate::worker::Worker) -> bool {
        let spare = self.ledger.sick(Mutant::CapOffByOne) && worker.seated.len() == worker.advert.slots as usize;
        let undrained = self.ledger.sick(Mutant::DrainIgnored) && worker.session.is_some() && worker.free() > 0;
        worker.takes() || undrained || (spare && worker.session.is_some())
    }

    /// Gives the worker's room away: first to runs that wait to go on there, then to ready ones.
    pub(super) fn fill(&mut self, id: DeviceId) {
        self.unpark_due(id);
        while self.ledger.workers.get(&id).is_some_and(|worker| self.takes(worker)) {
            let any = self.ledger.sick(Mutant::MatchIgnored);
            let Some((.., run)) = self.ledger.index.heads(id, any).into_iter().next() else { return };
            self.grant(run, id);
        }
    }

    fn grant(&mut self, id: RunId, to: DeviceId) {
        let reuse = self.ledger.sick(Mutant::EpochReuse);
        let (now, accept_ms) = (self.now, self.ledger.policy.accept_ms);
        let life = self.amend(id);
        assert!(matches!(life.state(), State::Ready), "only a ready run is granted");
        if life.epoch == 0 || !reuse {
            life.epoch += 1;
        }
        let lease = LeaseId { run: id, epoch: life.epoch };
        self.enter(id, State::Leased(Lease { id: lease, worker: to, granted_at: now, phase: Phase::Offered }));
        let worker = self.ledger.workers.get_mut(&to).expect("a grant goes to a known worker");
        assert!(!worker.parked.contains(&id), "a run has one place with its worker");
        let fresh = worker.seated.insert(id);
        assert!(fresh, "a run is granted from outside its worker");
        self.ledger.tally.granted += 1;
        self.effects.push(Effect::Offer(to, lease));
        self.due(lease, now.plus(accept_ms));
    }

    /// Sets a lease's deadline, and asks to be prompted then.
    pub(super) fn due(&mut self, lease: LeaseId, at: crate::time::Timestamp) {
        assert!(at >= self.now, "a deadline is ahead");
        self.ledger.index.set_deadline(lease, at);
        self.effects.push(Effect::Wake(Whom::Lease(lease), at));
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, BELA, RUN, Stage, attach, header, report, submit, submit_as};
    use crate::command::Command::Beat;
    use crate::command::ReportedEnd;
    use crate::ids::RunId;
    use crate::run::Header;

    #[test]
    fn the_most_urgent_then_the_oldest_is_granted_first() {
        let mut stage = Stage::with(&[ANNA]);
        let urgent = Header { priority: 1, ..header() };
        stage.check(vec![
            (0, submit_as(RunId([9; 16]), header()), "Ok(Submitted", "none"),
            (1, submit_as(RunId([1; 16]), header()), "Ok(Submitted", "none"),
            (1, submit_as(RUN, urgent), "Ok(Submitted", "ready"),
            (0, attach(BELA, 1, &[]), "Ok(Attached", "offered"),
            (0, report(BELA, 1, ReportedEnd::Succeeded), "Ok(Reported", "succeeded"),
        ]);
        let word = |id: RunId| stage.ledger.run(id).map(|run| run.life.state().word());
        assert_eq!(
            (word(RunId([9; 16])), word(RunId([1; 16]))),
            (Some("offered"), Some("offered")),
            "the slot was filled again"
        );
    }

    #[test]
    fn a_run_waits_for_a_worker_that_matches() {
        let picky = Header { requirements: "tpu".parse().expect("a requirement"), ..header() };
        let elsewhere = Header { pool: "lab".to_owned(), ..header() };
        for unmet in [picky, elsewhere] {
            Stage::with(&[ANNA]).check(vec![
                (
                    0,
                    submit_as(RUN, unmet),
                    "Ok(Submitted { run: run_070w3ge1r70w3ge1r70w3ge1r7, fresh: true, unmet: [(",
                    "ready",
                ),
                (0, Beat(ANNA, vec![]), "Ok(Beaten", "ready"),
            ]);
        }
        let met = Header { requirements: "gpu".parse().expect("a requirement"), ..header() };
        Stage::with(&[ANNA]).check(vec![(0, submit_as(RUN, met), "Ok(Submitted", "offered")]);
    }

    #[test]
    fn a_run_finds_its_worker_again_after_hundreds_of_other_shapes() {
        let mut stage = Stage::with(&[ANNA]);
        stage.check(vec![(0, submit(), "Ok(Submitted", "offered")]);
        for shape in 0..600_u16 {
            let [high, low] = shape.to_be_bytes();
            let mut id = [11; 16];
            id[..2].copy_from_slice(&[high, low]);
            let other = Header {
                requirements: format!("none{shape}").parse().expect("a requirement"),
                hold_ms: Some(1 << 40),
                ..header()
            };
            assert!(stage.apply(0, submit_as(RunId(id), other)).is_ok());
        }
        let absent = report(ANNA, 1, super::super::stage::failed(crate::failure::FailureClass::Absence));
        stage.check(vec![(0, absent, "Ok(Reported", "offered")]);
    }
}
