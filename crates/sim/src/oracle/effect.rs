//! Each act in the outer world: whether the runner that did it was still the one that may.

use crate::law::Law;
use crate::seen::Situation;
use crate::world::World;
use ostler_core::approval::{ApprovalState, Choice};
use ostler_core::gate::Question;
use ostler_core::ids::LeaseId;
use ostler_core::lease::Phase;

impl World {
    /// A runner acts under a lease.
    pub(crate) fn check_effect(&mut self, at: usize, lease: LeaseId) {
        let in_time = self.acts_in_time(at, lease);
        self.hold_to(Law::I6, in_time);
        let ordered = self.oracle.acts_in_order(lease);
        self.hold_to(Law::I5, ordered);
    }

    /// I6: nothing is done under a lease that has lapsed, whatever the runner has heard.
    fn acts_in_time(&self, at: usize, lease: LeaseId) -> Result<(), String> {
        let device = self.runners[at].device;
        let Some(life) = self.relay.disk.lives.get(&lease.run) else { return Ok(()) };
        if life.fences(lease, device) {
            let phase = life.lease().map(|lease| lease.phase);
            return match phase {
                Some(Phase::Held { .. }) => Ok(()),
                Some(Phase::Offered) => Err(format!("{lease} is acted on, and nobody has confirmed it")),
                Some(Phase::Orphaned { .. }) | None => Err(format!("{lease} is acted on, and has lapsed")),
            };
        }
        if self.oracle.fiat.contains(&lease) {
            return Ok(());
        }
        Err(format!("{lease} is acted on, and the run is {:?}", life.state()))
    }

    /// I25 and I26: a gated action starts only under a durable approval of its own, once.
    pub(crate) fn check_gated(&mut self, at: usize, question: &Question) {
        self.check_effect(at, question.lease);
        let Question { lease, approval, digest, .. } = *question;
        let known = self.relay.disk.approvals.get(&approval);
        let approved = known.is_some_and(|known| match &known.state {
            ApprovalState::Decided(decided) => decided.choice == Choice::Approve,
            ApprovalState::Pending | ApprovalState::Lapsed { .. } | ApprovalState::Withdrawn { .. } => false,
        });
        if !approved {
            return self.broken(Law::I25, format!("the action of {approval} ran, and nobody had approved it"));
        }
        let own = known.is_some_and(|known| known.lease == lease && known.digest == digest);
        let first = self.oracle.used.insert(approval);
        if !own || !first {
            return self.broken(Law::I26, format!("the approval {approval} was used again, or for something else"));
        }
        self.note(Situation::VerdictUsed);
    }

    /// After every step, whatever it was.
    pub(crate) fn check_step(&mut self) {
        self.check_exclusive();
        let room = self.slots_suffice();
        self.hold_to(Law::I31, room);
    }

    /// I31, in the outer world: agents at work are never more than the slots of their runner.
    fn slots_suffice(&self) -> Result<(), String> {
        for runner in &self.runners {
            let busy = runner.agents.values().filter(|agent| !agent.parked).count();
            if busy > runner.advert.slots as usize {
                return Err(format!("{} works on {busy} runs in {} slots", runner.device.short(), runner.advert.slots));
            }
        }
        Ok(())
    }

    /// I1: at most one runner may act on a run.
    fn check_exclusive(&mut self) {
        let mut may: Vec<LeaseId> = Vec::new();
        let mut twice = None;
        for at in 0..self.runners.len() {
            let now = self.local(at);
            let runner = &self.runners[at];
            if runner.frozen_until > self.now {
                continue;
            }
            for lease in runner.agents.keys().filter(|lease| runner.mind.holding.may_act(**lease, now)) {
                if self.oracle.fiat.contains(lease) {
                    continue;
                }
                if let Some(other) = may.iter().find(|other| other.run == lease.run) {
                    twice = Some((*other, *lease));
                }
                may.push(*lease);
            }
        }
        if let Some((one, other)) = twice {
            self.broken(Law::I1, format!("{one} and {other} may both be acted on"));
        }
    }
}

impl super::Oracle {
    /// I5: no effect of an epoch follows an effect of a later one.
    fn acts_in_order(&mut self, lease: LeaseId) -> Result<(), String> {
        let latest = self.latest_effect.entry(lease.run).or_default();
        if lease.epoch < *latest && !self.fiat.contains(&lease) {
            return Err(format!("{lease} acts after epoch {latest} did"));
        }
        *latest = lease.epoch.max(*latest);
        Ok(())
    }
}
