//! Report: the end of an attempt is accepted once, from the current epoch. A late one is kept as evidence, never applied.
//!
//! The freed slot is given away in the same turn, so that at saturation a run costs one commit.

use super::Turn;
use crate::command::{Report, ReportedEnd, Whom};
use crate::decision::{Answer, Change, Effect, Refusal, Why};
use crate::failure::{Failure, FailureClass, Next, next};
use crate::ids::{DeviceId, Digest, LeaseId, RunId};
use crate::lease::Lease;
use crate::limits::RESULT_BYTES_MAX;
use crate::mutant::Mutant;
use crate::run::{Attempt, AttemptEnd, Hold, Outcome, Settlement, State};

impl Turn<'_> {
    pub(super) fn report(&mut self, worker: DeviceId, report: Report) -> Result<Answer, Refusal> {
        super::within("the sealed result", report.result.len(), RESULT_BYTES_MAX)?;
        let Report { lease, end, digest, result } = report;
        if self.answered_before(lease, worker, &digest) {
            // A runner that came back with it was taken to be still at it.
            self.freed(worker, lease);
            return Ok(Answer::Reported);
        }
        let unfenced = self.ledger.sick(Mutant::NoFence)
            && self.ledger.runs.get(&lease.run).is_some_and(|r| r.life.lease().is_some());
        if self.fence(lease, worker).is_err() && !unfenced {
            return Ok(self.too_late(lease, worker, digest, result, end));
        }
        self.changes.push(Change::Result(lease, result));
        match end {
            ReportedEnd::Succeeded => {
                self.end_lease(lease.run, AttemptEnd::Succeeded, Some(digest), true);
                self.settle(lease.run, Outcome::Succeeded, Some((lease.epoch, digest)));
            }
            ReportedEnd::Failed(failure) => {
                self.end_lease(lease.run, AttemptEnd::Failed(failure.clone()), Some(digest), true);
                self.failed(lease.run, worker, &failure, Some((lease.epoch, digest)));
            }
        }
        if !self.ledger.sick(Mutant::NoRefill) {
            self.fill(worker);
        }
        Ok(Answer::Reported)
    }

    /// The same report under the same lease was accepted already: its answer was lost, not its effect.
    fn answered_before(&self, lease: LeaseId, worker: DeviceId, digest: &Digest) -> bool {
        let attempts = self.ledger.runs.get(&lease.run).map_or(&[][..], |run| &run.life.history);
        attempts.iter().any(|a| a.epoch == lease.epoch && a.worker == worker && a.report == Some(*digest))
    }

    fn too_late(
        &mut self,
        lease: LeaseId,
        worker: DeviceId,
        digest: Digest,
        result: Vec<u8>,
        end: ReportedEnd,
    ) -> Answer {
        self.ledger.tally.fenced += 1;
        self.changes.push(Change::Late(lease, worker, digest, result));
        let settled = self.ledger.runs.get(&lease.run).and_then(|run| match run.life.state() {
            State::Settled(settlement) => Some(settlement.outcome.clone()),
            State::Held { .. } | State::Ready | State::Leased(_) | State::Parked { .. } | State::Dead { .. } => None,
        });
        let waiting = self.ledger.runs.get(&lease.run).is_some_and(|r| matches!(r.life.state(), State::Held { .. }));
        if self.ledger.sick(Mutant::LateApplied) && waiting && end == ReportedEnd::Succeeded {
            self.settle(lease.run, Outcome::Succeeded, Some((lease.epoch, digest)));
        }
        self.freed(worker, lease);
        Answer::Fenced { settled }
    }

    /// What follows from a failed attempt, by its class.
    pub(super) fn failed(&mut self, id: RunId, worker: DeviceId, failure: &Failure, report: Option<(u64, Digest)>) {
        let attempts = self.ledger.runs[&id].spec.header.attempts;
        let mut counts = self.life(id).counts.clone();
        let mut follows = next(failure, &mut counts, attempts, &self.ledger.policy, self.dice);
        if self.ledger.sick(Mutant::NoDeadLetter) && matches!(follows, Next::Bury(_)) {
            follows = Next::Retry { after_ms: 0 };
        }
        let used = &self.life(id).counts;
        assert!(counts.attempts >= used.attempts && counts.infra >= used.infra, "budgets are only used up");
        let life = self.amend(id);
        life.counts = counts;
        let elsewhere = matches!(failure.class, FailureClass::Infra | FailureClass::Agent) && !failure.returns();
        life.avoid = elsewhere.then_some(worker);
        self.ledger.tally.retried += u64::from(matches!(follows, Next::Retry { .. }));
        match follows {
            Next::Retry { after_ms: 0 } => self.ready(id),
            Next::Retry { after_ms } => {
                let why = if failure.class == FailureClass::Limit { Hold::Limit } else { Hold::Backoff };
                self.enter(id, State::Held { until: self.now.plus(after_ms), why });
            }
            Next::Fail => self.settle(id, Outcome::Failed(failure.clone()), report),
            Next::Cancel => self.settle(id, Outcome::Cancelled, report),
            Next::Bury(cause) => self.bury(id, cause),
        }
    }

    /// The run is over.
    pub(super) fn settle(&mut self, id: RunId, outcome: Outcome, report: Option<(u64, Digest)>) {
        let (epoch, report) = report.unzip();
        assert!(epoch.is_none_or(|epoch| epoch <= self.life(id).epoch), "a run is settled by an epoch it had");
        self.enter(id, State::Settled(Settlement { outcome, at: self.now, epoch, report }));
    }

    /// Takes the lease out of a run, which must be moved next. `confirmed` says that its runner knows it is over; if not, the
    /// runner is told, and its slot counts as taken until it says that it stopped.
    pub(super) fn end_lease(&mut self, id: RunId, end: AttemptEnd, report: Option<Digest>, confirmed: bool) -> Lease {
        let lease = self.life(id).lease().expect("only a leased run's lease ends").clone();
        let why = if end == AttemptEnd::Stopped { Why::Cancelled } else { Why::Fenced };
        let (started_at, ended_at) = (lease.phase.since(), self.now);
        self.amend(id).remember(Attempt {
            epoch: lease.id.epoch,
            worker: lease.worker,
            started_at,
            ended_at,
            end,
            report,
        });
        self.ledger.index.clear_deadline(lease.id);
        self.effects.push(Effect::Rest(Whom::Lease(lease.id)));
        if let Some(worker) = self.ledger.workers.get_mut(&lease.worker) {
            let (seated, parked) = (worker.seated.remove(&id), worker.parked.remove(&id));
            assert!(seated != parked, "a leased run has one place with its worker");
            if !confirmed && worker.session.is_some() {
                worker.stopping.insert(lease.id);
                self.effects.push(Effect::Stop(lease.worker, lease.id, why));
            }
        }
        self.withdraw_all(lease.id);
        assert!(self.ledger.index.deadline(lease.id).is_none(), "what is over has no deadline");
        lease
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, BELA, RUN, Stage, attach, failed, lease, report, submit};
    use crate::command::Command::{Accept, Drain, Elapsed};
    use crate::command::{ReportedEnd, Whom};
    use crate::decision::Change;
    use crate::failure::{Failure, FailureClass};

    #[test]
    fn what_follows_from_an_end_is_its_class() {
        let cases = [
            (ReportedEnd::Succeeded, "succeeded"),
            (failed(FailureClass::Infra), "held"),
            (failed(FailureClass::Agent), "held"),
            (failed(FailureClass::Task), "held"),
            (failed(FailureClass::Limit), "held"),
            (failed(FailureClass::Policy), "failed"),
            (failed(FailureClass::User), "cancelled"),
            (failed(FailureClass::Absence), "offered"),
        ];
        for (end, state) in cases {
            Stage::with(&[ANNA]).check(vec![
                (0, submit(), "Ok(Submitted", "offered"),
                (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
                (0, report(BELA, 1, end.clone()), "Ok(Fenced { settled: None", "running"),
                (0, report(ANNA, 1, end.clone()), "Ok(Reported", state),
                (0, report(ANNA, 1, end), "Ok(Reported", state),
            ]);
        }
    }

    #[test]
    fn a_run_goes_back_to_where_its_session_is_and_otherwise_to_another_worker() {
        let later = |class| {
            let failure = Failure { retry_after_ms: Some(2_000), ..Failure::new(class, "x") };
            ReportedEnd::Failed(failure)
        };
        let cases = [
            (failed(FailureClass::Limit), BELA),
            (failed(FailureClass::Absence), BELA),
            (later(FailureClass::Infra), BELA),
            (failed(FailureClass::Infra), ANNA),
            (failed(FailureClass::Agent), ANNA),
            (later(FailureClass::Agent), ANNA),
            (failed(FailureClass::Task), ANNA),
        ];
        for (end, expected) in cases {
            for (before, goes_to) in [(None, expected), (Some(Drain(BELA, true)), ANNA)] {
                let mut stage = Stage::with(&[BELA]);
                stage.check(vec![
                    (0, submit(), "Ok(Submitted", "offered"),
                    (0, Accept(BELA, lease(1)), "Ok(Done", "running"),
                    (0, attach(ANNA, 1, &[]), "Ok(Attached", "running"),
                ]);
                let drained = before.is_some();
                assert!(before.is_none_or(|drain| stage.apply(0, drain).is_ok()));
                assert!(stage.apply(0, report(BELA, 1, end.clone())).is_ok());
                let avoided = stage.ledger.run(RUN).and_then(|run| run.life.avoid);
                assert!(expected == ANNA || avoided.is_none(), "{end:?}");
                assert!(stage.apply(120_000, Elapsed(Whom::Run(RUN))).is_ok());
                let lease = stage.ledger.run(RUN).and_then(|run| run.life.lease());
                assert_eq!(lease.map(|lease| lease.worker), Some(goes_to), "{end:?}, drained: {drained}");
            }
        }
    }

    #[test]
    fn a_late_report_is_kept_as_evidence_and_changes_nothing() {
        let mut stage = Stage::with(&[ANNA]);
        stage.check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, report(ANNA, 1, failed(FailureClass::Agent)), "Ok(Reported", "held"),
            (0, report(ANNA, 1, ReportedEnd::Succeeded), "Ok(Fenced { settled: None", "held"),
        ]);
        assert!(matches!(stage.changes.as_slice(), [Change::Late(..)]));
        stage.check(vec![
            (60_000, Elapsed(Whom::Run(RUN)), "Ok(Done", "offered"),
            (0, report(ANNA, 1, ReportedEnd::Succeeded), "Ok(Fenced { settled: None", "offered"),
            (0, report(ANNA, 2, ReportedEnd::Succeeded), "Ok(Reported", "succeeded"),
        ]);
    }
}
