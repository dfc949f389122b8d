//! What a runner makes of the relay's frames.
//!
//! Owns the runner's half of the wire contract: what is sent again, what is confirmed, what is stopped.

use super::agent::Agent;
use super::{Frame, World};
use crate::law::Law;
use crate::seen::Situation;
use ostler_core::decision::Why;
use ostler_core::ids::{Digest, LeaseId};

impl World {
    pub(crate) fn runner_receives(&mut self, conn: usize, frame: Frame) {
        let at = self.conns[conn].runner;
        if !self.conns[conn].alive || self.runners[at].conn != Some(conn) || !self.runners[at].up {
            return;
        }
        match frame {
            Frame::Attached { keep, stop, lease_ttl_ms } => self.attached(at, &keep, &leases(stop), lease_ttl_ms),
            Frame::Offer(lease) => self.offered(at, lease),
            Frame::Accepted(lease) => self.accepted(at, lease),
            Frame::Reported { lease, digest } => self.reported(at, lease, digest),
            Frame::Stop(lease) | Frame::Refused(lease) => self.told_to_stop(at, lease),
            Frame::Asked => {}
            Frame::Busy(approval) => {
                self.note(Situation::AskedTooMuch);
                self.deny(at, approval);
            }
            Frame::Verdict { approval, verdict } => self.verdict_arrives(at, approval, &verdict),
            Frame::Denied(approval) => {
                self.note(Situation::Denied);
                self.deny(at, approval);
            }
            Frame::Beaten { seq, renewed, lost, lease_ttl_ms } => self.beaten(at, seq, &renewed, &lost, lease_ttl_ms),
            Frame::Kept { lease, upto } => self.kept(at, lease, upto),
            Frame::Attach(_)
            | Frame::Accept(_)
            | Frame::Decline(_)
            | Frame::Report(_)
            | Frame::Stopped(_)
            | Frame::Ask(_)
            | Frame::Withdraw(_)
            | Frame::Beat(..)
            | Frame::Event(..) => {}
        }
    }

    fn accepted(&mut self, at: usize, lease: LeaseId) {
        let mind = &mut self.runners[at].mind;
        if let Some(sent_at) = mind.accept_sent_at.remove(&lease) {
            mind.holding.accepted(lease, sent_at);
        }
        self.refresh(at);
    }

    fn reported(&mut self, at: usize, lease: LeaseId, digest: Digest) {
        let runner = &mut self.runners[at];
        if runner.journal.results.get(&lease).is_some_and(|report| report.digest == digest) {
            runner.journal.results.remove(&lease);
            runner.journal.held.remove(&lease);
            runner.mind.holding.remove(lease);
        }
    }

    /// Sends to the relay, if the runner is attached; what matters is in the journal and is sent again.
    pub(crate) fn say_to_relay(&mut self, at: usize, frame: Frame) {
        let runner = &self.runners[at];
        if let Some(conn) = runner.conn.filter(|_| runner.mind.attached) {
            self.send(conn, true, frame);
        }
    }

    fn attached(&mut self, at: usize, keep: &[LeaseId], stop: &[LeaseId], ttl_ms: u64) {
        let grace_ms = self.options.policy.grace_ms;
        let mind = &mut self.runners[at].mind;
        mind.attached = true;
        mind.holding.set_terms(ttl_ms, grace_ms);
        mind.holding.attached(mind.attach_sent_at, keep, stop);
        mind.beat_sent_at.clear();
        for lease in stop {
            self.told_to_stop(at, *lease);
        }
        self.refresh(at);
        let results: Vec<LeaseId> = self.runners[at].journal.results.keys().copied().collect();
        results.into_iter().for_each(|lease| self.send_report(at, lease));
        let asks: Vec<_> = self.runners[at].journal.asks.keys().copied().collect();
        asks.into_iter().for_each(|approval| self.send_ask(at, approval));
        let events = self.runners[at].journal.events.clone();
        for (lease, events) in events {
            for (n, bytes) in events {
                self.say_to_relay(at, Frame::Event(lease, n, bytes));
            }
        }
        self.beat_now(at);
    }

    pub(crate) fn send_report(&mut self, at: usize, lease: LeaseId) {
        let runner = &mut self.runners[at];
        let Some(report) = runner.journal.results.get(&lease).cloned() else { return };
        if runner.mind.attached && !runner.reported.insert(lease) {
            self.seen.note(Situation::ResultResent);
        }
        self.say_to_relay(at, Frame::Report(report));
    }

    fn offered(&mut self, at: usize, lease: LeaseId) {
        let current =
            self.relay.disk.lives.get(&lease.run).is_some_and(|life| life.fences(lease, self.runners[at].device));
        if !current {
            self.note(Situation::OfferTooLate);
        }
        let runner = &self.runners[at];
        if runner.journal.results.contains_key(&lease) {
            return self.send_report(at, lease);
        }
        if runner.journal.held.contains(&lease) {
            return self.say_to_relay(at, Frame::Accept(lease));
        }
        if !self.healed && self.chance(self.options.decline) {
            self.note(Situation::Declined);
            return self.say_to_relay(at, Frame::Decline(lease));
        }
        let busy = self.runners[at].agents.values().filter(|agent| !agent.parked).count();
        if busy >= self.runners[at].advert.slots as usize {
            self.broken(Law::I31, format!("{lease} was offered to a runner whose {busy} slots are taken"));
        }
        let now = self.local(at);
        let nature = self.oracle.nature(lease.run);
        let script = self.script(lease, nature);
        let runner = &mut self.runners[at];
        runner.journal.held.insert(lease);
        runner.mind.holding.accept_sent(lease, now);
        runner.mind.accept_sent_at.insert(lease, now);
        let stop_at = runner.mind.holding.stop_at(lease).unwrap_or(now);
        runner.agents.insert(lease, Agent::new(script, stop_at));
        self.say_to_relay(at, Frame::Accept(lease));
        self.beat_now(at);
    }

    fn beaten(&mut self, at: usize, seq: u64, renewed: &[LeaseId], lost: &[LeaseId], ttl_ms: u64) {
        let now = self.local(at);
        let mind = &mut self.runners[at].mind;
        if mind.beat_sent_at.remove(&seq).is_some_and(|sent_at| now.since(sent_at) > ttl_ms / 2) {
            self.seen.note(Situation::SlowRenewal);
        }
        mind.holding.beaten(seq, renewed, lost, ttl_ms, now);
        for lease in lost {
            self.told_to_stop(at, *lease);
        }
        self.refresh(at);
    }

    /// Confirmed leases move their agents' deadlines, and start those that waited to be confirmed.
    fn refresh(&mut self, at: usize) {
        let now = self.local(at);
        let Self { runners, .. } = self;
        let Runnerful { mind, agents } = Runnerful::of(&mut runners[at]);
        let mut starting = Vec::new();
        for (lease, agent) in agents {
            agent.stop_at = agent.stop_at.max(mind.holding.stop_at(*lease).unwrap_or(agent.stop_at));
            if mind.holding.may_act(*lease, now) {
                starting.extend(agent.start().map(|turn| (*lease, turn)));
            }
        }
        for (lease, turn) in starting {
            self.after(1, super::Happening::Work { runner: at, lease, turn });
        }
    }

    fn told_to_stop(&mut self, at: usize, lease: LeaseId) {
        let runner = &mut self.runners[at];
        runner.mind.holding.lose(&[lease]);
        if runner.agents.contains_key(&lease) {
            return self.stop_agent(at, lease);
        }
        if runner.journal.results.contains_key(&lease) {
            // Its report says that it has ended.
            return;
        }
        runner.mind.holding.remove(lease);
        runner.journal.held.remove(&lease);
        self.say_to_relay(at, Frame::Stopped(lease));
    }

    /// Acknowledged events are on the relay's disk, byte for byte, and are forgotten here.
    fn kept(&mut self, at: usize, lease: LeaseId, upto: u64) {
        let Some(events) = self.runners[at].journal.events.get_mut(&lease) else { return };
        let mut lost = None;
        while let Some((n, bytes)) = events.front().copied().filter(|(n, _)| *n <= upto) {
            events.pop_front();
            if !self.relay.log.kept.get(&lease).is_some_and(|kept| kept.contains(&(n, bytes))) {
                lost = Some(n);
            }
        }
        if let Some(n) = lost {
            self.broken(Law::I16, format!("{lease}: event {n} was acknowledged, and the log has other bytes"));
        }
    }
}

/// Two parts of one runner at once.
struct Runnerful<'a> {
    mind: &'a super::runner::Mind,
    agents: &'a mut std::collections::BTreeMap<LeaseId, Agent>,
}

impl<'a> Runnerful<'a> {
    const fn of(runner: &'a mut super::Runner) -> Self {
        Self { mind: &runner.mind, agents: &mut runner.agents }
    }
}

fn leases(stop: Vec<(LeaseId, Why)>) -> Vec<LeaseId> {
    stop.into_iter().map(|(lease, _)| lease).collect()
}
