//! Submit: a run enters the ledger, once.
//!
//! A retried submission is recognised by its run id, or by its idempotency key: same work, same run; other work, a conflict.

use super::Turn;
use crate::command::Submission;
use crate::decision::{Answer, Change, Refusal};
use crate::device::Role;
use crate::ids::{DeviceId, RunId};
use crate::limits::{BODY_BYTES_MAX, LIVE_RUNS_MAX};
use crate::mutant::Mutant;
use crate::requirements::Miss;
use crate::run::{Hold, Life, Run, Spec, State};
use std::sync::Arc;

/// What a full relay asks for: about the time in which a few thousand runs settle.
const FULL_RETRY_MS: u64 = 5_000;

impl Turn<'_> {
    pub(super) fn submit(&mut self, submission: Submission) -> Result<Answer, Refusal> {
        let Submission { id, submitter, header, digest, body } = submission;
        header.check()?;
        super::within("the sealed task", body.len(), BODY_BYTES_MAX)?;
        self.permit(submitter, Role::submits)?;
        if let Some(answer) = self.known(id, submitter, header.key.as_deref(), &digest)? {
            return Ok(answer);
        }
        if self.ledger.index.live() >= LIVE_RUNS_MAX {
            return Err(Refusal::Busy { retry_after_ms: FULL_RETRY_MS });
        }
        let spec = Arc::new(Spec { id, header, digest, submitter, created_at: self.now });
        self.changes.push(Change::Spec(Arc::clone(&spec)));
        self.changes.push(Change::Body(id, body));
        if let Some(key) = &spec.header.key {
            self.ledger.keys.insert((submitter, key.clone()), id);
            self.changes.push(Change::Key(submitter, key.clone(), id));
        }
        // Every run starts held, if only for this instant: one path leads to ready.
        let until = self.now.plus(spec.header.hold_ms.unwrap_or(0));
        let run = Run { life: Life::new(self.now, State::Held { until, why: Hold::Asked }), spec };
        self.ledger.index.open_lane(&run, self.ledger.workers.values());
        self.ledger.index.join(&run);
        let unmet = self.unmet(&run);
        let earlier = self.ledger.runs.insert(id, run);
        assert!(earlier.is_none(), "a known run is not made again");
        self.amend(id);
        if until <= self.now {
            self.ready(id);
        }
        Ok(Answer::Submitted { run: id, fresh: true, unmet })
    }

    fn known(
        &self,
        id: RunId,
        submitter: DeviceId,
        key: Option<&str>,
        digest: &crate::ids::Digest,
    ) -> Result<Option<Answer>, Refusal> {
        let same = |run: &Run| run.spec.digest == *digest && run.spec.submitter == submitter;
        let again = |run: RunId| Ok(Some(Answer::Submitted { run, fresh: false, unmet: vec![] }));
        if let Some(run) = self.ledger.runs.get(&id) {
            return if same(run) { again(id) } else { Err(Refusal::RunExists(id)) };
        }
        let Some(key) = key else { return Ok(None) };
        if self.ledger.sick(Mutant::NoDedup) {
            return Ok(None);
        }
        let Some(earlier) = self.ledger.keys.get(&(submitter, key.to_owned())) else { return Ok(None) };
        match self.ledger.runs.get(earlier) {
            Some(run) if !same(run) => Err(Refusal::KeyConflict(*earlier)),
            Some(_) | None => again(*earlier),
        }
    }

    /// When no paired runner, connected or away, could ever take the run: what each one misses.
    fn unmet(&self, run: &Run) -> Vec<(String, Vec<Miss>)> {
        if self.ledger.index.able(run).next().is_some() {
            return vec![];
        }
        let header = &run.spec.header;
        let workers = self.ledger.workers.values();
        let mut unmet: Vec<_> = workers
            .map(|worker| {
                let mut misses = header.requirements.misses(&worker.advert.offers);
                if !worker.pools.contains(&header.pool) {
                    misses.insert(0, Miss { term: format!("pool {}", header.pool), has: worker.pools.join(", ") });
                }
                (worker.name.clone(), misses)
            })
            .collect();
        unmet.sort_by_key(|(_, misses)| misses.len());
        if unmet.is_empty() {
            let nobody = Miss { term: format!("a runner in pool {}", header.pool), has: "no paired runner".to_owned() };
            unmet.push(("the fleet".to_owned(), vec![nobody]));
        }
        unmet
    }

    /// The device is paired, was not revoked, and its role allows this.
    pub(super) fn permit(&self, device: DeviceId, may: fn(Role) -> bool) -> Result<(), Refusal> {
        let device = self.ledger.devices.get(&device).ok_or(Refusal::NotPaired)?;
        if device.revoked.is_some() || !may(device.role) { Err(Refusal::NotPaired) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, BELA, BOSS, RUN, Stage, device, header, submit, submit_as};
    use super::Submission;
    use crate::command::Command::{self, Enrol, Revoke};
    use crate::device::Role;
    use crate::ids::{DeviceId, Digest, RunId};
    use crate::limits::BODY_BYTES_MAX;
    use crate::run::Header;

    fn with(change: impl FnOnce(&mut Submission)) -> Command {
        let mut submission =
            Submission { id: RUN, submitter: BOSS, header: header(), digest: Digest([7; 32]), body: vec![] };
        change(&mut submission);
        Command::Submit(submission)
    }

    #[test]
    fn a_submission_sent_twice_is_one_run_and_other_work_is_a_conflict() {
        let keyed = |id: u8, digest: u8| {
            let header = Header { key: Some("k".to_owned()), ..header() };
            with(move |s| (s.id, s.header, s.digest) = (RunId([id; 16]), header, Digest([digest; 32])))
        };
        Stage::empty().check(vec![
            (0, submit(), "Ok(Submitted { run: run_070w3ge1r70w3ge1r70w3ge1r7, fresh: true", "ready"),
            (0, submit(), "Ok(Submitted { run: run_070w3ge1r70w3ge1r70w3ge1r7, fresh: false", "ready"),
            (0, with(|s| s.digest = Digest([9; 32])), "Err(RunExists", "ready"),
            (0, keyed(8, 1), "Ok(Submitted", "ready"),
            (0, keyed(9, 1), "Ok(Submitted", "ready"),
            (0, keyed(9, 2), "Err(KeyConflict", "ready"),
        ]);
        let mut stage = Stage::empty();
        assert!(stage.apply(0, keyed(8, 1)).is_ok() && stage.apply(0, keyed(9, 1)).is_ok());
        assert_eq!(stage.ledger.runs().count(), 1, "one key, one run");
    }

    #[test]
    fn only_people_and_gateways_submit_within_bounds() {
        let stranger = DeviceId([77; 32]);
        Stage::empty().check(vec![
            (0, with(|s| s.submitter = ANNA), "Err(NotPaired", "none"),
            (0, with(|s| s.submitter = stranger), "Err(NotPaired", "none"),
            (0, with(|s| s.body = vec![0; BODY_BYTES_MAX + 1]), "Err(TooLarge", "none"),
            (0, with(|s| s.header.priority = 6), "Err(Header(Priority(6", "none"),
            (0, Enrol(device(stranger, Role::Gateway), None), "Ok(Done", "none"),
            (0, with(|s| s.submitter = stranger), "Ok(Submitted", "ready"),
            (0, Revoke(stranger, vec![1]), "Ok(Done", "ready"),
            (0, with(|s| (s.submitter, s.id) = (stranger, RunId([8; 16]))), "Err(NotPaired", "ready"),
            (0, submit_as(RunId([9; 16]), header()), "Ok(Submitted", "ready"),
            (0, with(|s| s.submitter = BELA), "Err(NotPaired", "ready"),
        ]);
    }
}
