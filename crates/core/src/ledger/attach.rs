//! Attach and detach: a worker's presence. A runner that comes back goes on under the same epoch.
//!
//! ```text
//! held by the runner   ∧ current here   ─▶ keep (an orphan is held again)
//! held by the runner   ∧ over here      ─▶ stop; its slot counts as taken until it says that it stopped
//! held here, not there                  ─▶ an offer is made again; an attempt is lost, by the runner's own word
//! ```

use super::{Ledger, Turn};
use crate::command::Attach;
use crate::decision::{Answer, Change, Effect, Refusal};
use crate::device::Role;
use crate::ids::{DeviceId, RunId, SessionId};
use crate::lease::Phase;
use crate::limits::{OFFERS_MAX, SLOTS_MAX};
use crate::mutant::Mutant;
use crate::time::Timestamp;
use crate::worker::{Advert, Worker};
use std::collections::BTreeSet;

impl Ledger {
    /// Knows a paired runner, connected or not; keeps what is known already.
    pub(super) fn admit_worker(&mut self, id: DeviceId, advert: Advert, now: Timestamp) {
        let Some(device) = self.devices.get(&id).filter(|d| d.revoked.is_none()) else { return };
        let (name, pools) = (device.name.clone(), device.pools.clone());
        self.workers.entry(id).or_insert_with(|| Worker {
            id,
            name,
            pools,
            advert,
            seen_at: now,
            session: None,
            incarnation: None,
            draining: false,
            resting: false,
            seated: BTreeSet::new(),
            parked: BTreeSet::new(),
            stopping: BTreeSet::new(),
        });
    }
}

impl Turn<'_> {
    pub(super) fn attach(&mut self, attach: Attach) -> Result<Answer, Refusal> {
        let id = attach.worker;
        self.permit(id, |role| role == Role::Runner)?;
        bounded(&attach.advert)?;
        self.arrive(&attach);
        let (mut keep, mut stop) = (Vec::new(), Vec::new());
        for lease in &attach.held {
            if self.fence(*lease, id).is_ok() {
                self.hold(*lease);
                keep.push(*lease);
            } else {
                stop.push((*lease, self.why_over(*lease)));
                self.worker(id).stopping.insert(*lease);
            }
        }
        assert_eq!(keep.len() + stop.len(), attach.held.len(), "each lease of an attach is answered");
        let known = self.worker(id);
        let own: Vec<RunId> = known.seated.union(&known.parked).copied().collect();
        for run in own {
            // Holding an earlier epoch of the run is not holding this one.
            if !self.life(run).lease().is_some_and(|lease| attach.held.contains(&lease.id)) {
                self.missed(run);
            }
        }
        let asked = attach.asking.iter().filter_map(|a| self.ledger.approvals.get(a));
        let owed: Vec<Effect> = asked.filter_map(|a| self.ledger.owed_to_approval(a)).collect();
        self.effects.extend(owed);
        self.fill(id);
        Ok(Answer::Attached { keep, stop, lease_ttl_ms: self.ledger.policy.lease_ttl_ms })
    }

    fn arrive(&mut self, attach: &Attach) {
        let (id, now) = (attach.worker, self.now);
        self.ledger.admit_worker(id, attach.advert.clone(), now);
        let worker = self.worker(id);
        if let Some(old) = worker.session.replace(attach.session).filter(|old| *old != attach.session) {
            self.effects.push(Effect::Close(id, old));
        }
        let worker = self.worker(id);
        worker.incarnation = Some(attach.incarnation);
        worker.draining = attach.draining;
        worker.resting = false;
        worker.seen_at = now;
        worker.stopping.clear();
        self.advert(id, attach.advert.clone());
    }

    /// The runner does not have a lease that is its own here.
    fn missed(&mut self, run: RunId) {
        let Some(lease) = self.life(run).lease().cloned() else { return };
        match lease.phase {
            Phase::Offered => {
                self.effects.push(Effect::Offer(lease.worker, lease.id));
                self.due(lease.id, self.now.plus(self.ledger.policy.accept_ms));
            }
            Phase::Held { .. } | Phase::Orphaned { .. } => self.lost(run, "its runner came back without it", true),
        }
    }

    pub(super) fn detach(&mut self, id: DeviceId, session: SessionId) -> Result<Answer, Refusal> {
        let now = self.now;
        if let Some(worker) = self.ledger.workers.get_mut(&id).filter(|w| w.session == Some(session)) {
            worker.session = None;
            worker.seen_at = now;
            // What it must still stop will be known again when it comes back and says what it holds.
            worker.stopping.clear();
        }
        Ok(Answer::Done)
    }

    pub(super) fn advertise(&mut self, id: DeviceId, advert: Advert) -> Result<Answer, Refusal> {
        bounded(&advert)?;
        if !self.ledger.workers.contains_key(&id) {
            return Err(Refusal::NotPaired);
        }
        self.advert(id, advert);
        self.fill(id);
        Ok(Answer::Done)
    }

    fn advert(&mut self, id: DeviceId, advert: Advert) {
        self.changes.push(Change::Advert(id, advert.clone()));
        self.worker(id).advert = advert;
        let ledger = &mut *self.ledger;
        ledger.index.rematch(&ledger.workers[&id]);
    }

    pub(super) fn drain(&mut self, id: DeviceId, draining: bool) -> Result<Answer, Refusal> {
        self.ledger.workers.get_mut(&id).ok_or(Refusal::NotPaired)?.draining = draining;
        self.fill(id);
        Ok(Answer::Done)
    }

    fn worker(&mut self, id: DeviceId) -> &mut Worker {
        self.ledger.workers.get_mut(&id).expect("an attached runner is a known worker")
    }

    /// Everything a revoked runner held goes to others; it is told to stop by closing its connections.
    pub(super) fn expel(&mut self, id: DeviceId) {
        let Some(worker) = self.ledger.workers.get_mut(&id) else { return };
        worker.session = None;
        let had: Vec<RunId> = worker.seated.union(&worker.parked).copied().collect();
        for run in had {
            self.lost(run, "its runner was revoked", true);
        }
        if self.ledger.sick(Mutant::RevokedStillLeases) {
            self.worker(id).session = Some(SessionId([0; 16]));
            return;
        }
        if let Some(mut worker) = self.ledger.workers.remove(&id) {
            assert!(worker.seated.is_empty() && worker.parked.is_empty(), "what a revoked runner held was lost");
            worker.pools.clear();
            self.ledger.index.rematch(&worker);
        }
    }
}

fn bounded(advert: &Advert) -> Result<(), Refusal> {
    super::within("the list of offers", advert.offers.len(), OFFERS_MAX)?;
    super::within("the number of slots", advert.slots as usize, SLOTS_MAX as usize)
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, BELA, BOSS, Stage, attach, failed, lease, report, submit};
    use crate::command::Command::{Accept, Beat, Detach, Drain, Revoke, Stopped};
    use crate::decision::{Answer, Effect, Why};
    use crate::failure::FailureClass;
    use crate::ids::SessionId;

    #[test]
    fn a_runner_that_comes_back_goes_on_with_what_it_holds_and_loses_what_it_does_not() {
        let running = || {
            let mut stage = Stage::with(&[ANNA]);
            stage.check(vec![
                (0, submit(), "Ok(Submitted", "offered"),
                (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
                (0, Detach(ANNA, SessionId([1; 16])), "Ok(Done", "running"),
            ]);
            stage
        };
        running().check(vec![(0, attach(ANNA, 2, &[lease(1)]), "Ok(Attached { keep: [LeaseId", "running")]);
        running().check(vec![(0, attach(ANNA, 2, &[]), "Ok(Attached { keep: [], stop: []", "held")]);
        running().check(vec![(0, attach(ANNA, 2, &[lease(9)]), "Ok(Attached { keep: [], stop: [(", "held")]);
    }

    #[test]
    fn an_offer_that_was_lost_is_made_again_even_beside_an_older_epoch() {
        for held in [vec![], vec![lease(7)]] {
            let mut stage = Stage::with(&[ANNA]);
            stage.check(vec![
                (0, submit(), "Ok(Submitted", "offered"),
                (0, attach(ANNA, 2, &held), "Ok(Attached { keep: []", "offered"),
            ]);
            assert!(stage.effects.contains(&Effect::Offer(ANNA, lease(1))));
            assert!(stage.effects.contains(&Effect::Close(ANNA, SessionId([1; 16]))), "the older connection is closed");
        }
    }

    #[test]
    fn what_a_runner_must_still_stop_fills_its_slot_until_it_says_so() {
        let mut stage = Stage::with(&[]);
        let stale = crate::ids::LeaseId { run: crate::ids::RunId([9; 16]), epoch: 4 };
        let told = stage.apply(0, attach(ANNA, 1, &[stale]));
        assert!(matches!(told, Ok(Answer::Attached { stop, .. }) if stop == [(stale, Why::Unknown)]));
        stage.check(vec![
            (0, submit(), "Ok(Submitted", "ready"),
            (0, Beat(ANNA, vec![]), "Ok(Beaten", "ready"),
            (0, Stopped(ANNA, stale), "Ok(Done", "offered"),
        ]);
    }

    #[test]
    fn a_repeated_report_frees_the_slot_that_its_attach_had_filled() {
        let mut stage = Stage::with(&[ANNA]);
        let again = || report(ANNA, 1, failed(FailureClass::Absence));
        stage.check(vec![
            (0, Drain(ANNA, true), "Ok(Done", "none"),
            (0, Drain(ANNA, false), "Ok(Done", "none"),
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Accept(ANNA, lease(1)), "Ok(Done", "running"),
            (0, Detach(ANNA, SessionId([1; 16])), "Ok(Done", "running"),
            (0, again(), "Ok(Reported", "ready"),
            (0, attach(ANNA, 2, &[lease(1)]), "Ok(Attached { keep: [], stop: [(", "ready"),
            (0, again(), "Ok(Reported", "offered"),
        ]);
    }

    #[test]
    fn a_draining_or_revoked_runner_gets_nothing_new() {
        Stage::with(&[ANNA]).check(vec![
            (0, Drain(ANNA, true), "Ok(Done", "none"),
            (0, submit(), "Ok(Submitted", "ready"),
            (0, Drain(ANNA, false), "Ok(Done", "offered"),
        ]);
        Stage::with(&[ANNA]).check(vec![
            (0, submit(), "Ok(Submitted", "offered"),
            (0, Revoke(ANNA, vec![1]), "Ok(Done", "held"),
            (0, attach(ANNA, 2, &[]), "Err(NotPaired", "held"),
            (0, Beat(ANNA, vec![lease(1)]), "Err(NotPaired", "held"),
            (0, attach(BOSS, 2, &[]), "Err(NotPaired", "held"),
            (0, attach(BELA, 2, &[]), "Ok(Attached", "held"),
        ]);
    }
}
