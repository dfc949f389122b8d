//! An attempt at work: steps, acts, questions, and its end.
//!
//! ```text
//! Accepted ─ confirmed ─▶ Working ⇄ Asking ─▶ Ended        lost | deadline ─▶ Stopping ─▶ gone
//! ```
//!
//! Owns what the agent does and what its runner lets it do. Whether it may is the core's word, before every act.

use super::script::Step;
use super::{Frame, Happening, World};
use crate::seen::Situation;
use ostler_core::approval::{Choice, LapsePolicy, Risk};
use ostler_core::command::{Asking, ReportedEnd};
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::gate::{Gate, GateError, Question};
use ostler_core::ids::{ApprovalId, Digest, LeaseId};
use ostler_core::mutant::Mutant;
use ostler_core::time::Timestamp;

/// Questions of a run that asks too much: more than anyone may have open.
const FLOOD: u64 = ostler_core::limits::ASKING_MAX as u64 + 2;

#[derive(Debug)]
pub(crate) struct Agent {
    script: Vec<(u64, Step)>,
    next: usize,
    turn: u64,
    asking: Option<ApprovalId>,
    pub(crate) parked: bool,
    pub(crate) stop_at: Timestamp,
    started: bool,
    interrupted: bool,
    stopping: bool,
}

impl Agent {
    pub(crate) const fn new(script: Vec<(u64, Step)>, stop_at: Timestamp) -> Self {
        Self {
            script,
            next: 0,
            turn: 1,
            asking: None,
            parked: false,
            stop_at,
            started: false,
            interrupted: false,
            stopping: false,
        }
    }

    /// Starts it, once: the turn of its first step.
    pub(crate) fn start(&mut self) -> Option<u64> {
        let fresh = !self.started && !self.stopping;
        self.started |= fresh;
        fresh.then_some(self.turn)
    }

    /// The step that found no process to serve it.
    pub(crate) fn interrupted(&mut self) -> Option<u64> {
        std::mem::take(&mut self.interrupted).then_some(self.turn)
    }
}

impl World {
    pub(crate) fn work(&mut self, at: usize, lease: LeaseId, turn: u64) {
        let (now, unfenced) = (self.local(at), self.mutant() == Some(Mutant::NoSelfFence));
        let runner = &mut self.runners[at];
        let Some(agent) = runner.agents.get_mut(&lease) else { return };
        if agent.turn != turn || agent.stopping {
            return;
        }
        if !runner.up {
            agent.interrupted = true;
            return;
        }
        if agent.stop_at <= now && !unfenced {
            // Its shim ended it at the deadline, whatever the runner was doing.
            self.conclude(at, lease, ReportedEnd::Failed(Failure::new(FailureClass::Infra, "cut off")));
            return self.send_report(at, lease);
        }
        if let Some(approval) = agent.asking {
            return self.wait_for(at, lease, approval);
        }
        let Some((_, step)) = agent.script.get(agent.next).cloned() else { return };
        match step {
            Step::Emit => self.emit(at, lease),
            Step::Act => {
                if !self.act(at, lease) {
                    return self.again(at, lease, 250);
                }
            }
            Step::Ask(digest) => return self.ask(at, lease, digest),
            Step::Flood => {
                for extra in 0..FLOOD {
                    self.put(at, lease, Digest([u8::try_from(extra).unwrap_or(0); 32]));
                }
            }
            Step::Kill => return self.crash_machine(at),
            Step::End(end) => {
                self.conclude(at, lease, end);
                return self.send_report(at, lease);
            }
        }
        self.proceed(at, lease);
    }

    /// The next step, after its pause.
    fn proceed(&mut self, at: usize, lease: LeaseId) {
        let Some(agent) = self.runners[at].agents.get_mut(&lease) else { return };
        agent.next += 1;
        agent.asking = None;
        agent.parked = false;
        let pause = agent.script.get(agent.next).map_or(1, |(pause, _)| *pause);
        self.again(at, lease, pause);
    }

    fn again(&mut self, at: usize, lease: LeaseId, ms: u64) {
        let Some(agent) = self.runners[at].agents.get_mut(&lease) else { return };
        agent.turn += 1;
        let turn = agent.turn;
        self.after(ms, Happening::Work { runner: at, lease, turn });
    }

    fn emit(&mut self, at: usize, lease: LeaseId) {
        let bytes = self.dice.next();
        let runner = &mut self.runners[at];
        let n = runner.mind.numbers.take(lease);
        runner.journal.last.insert(lease, n);
        runner.journal.events.entry(lease).or_default().push_back((n, bytes));
        self.say_to_relay(at, Frame::Event(lease, n, bytes));
    }

    fn act(&mut self, at: usize, lease: LeaseId) -> bool {
        if !self.runners[at].mind.holding.may_act(lease, self.local(at)) {
            self.note(Situation::SelfFenced);
            return false;
        }
        match self.runners[at].rate {
            0..980 => self.note(Situation::SlowClock),
            1_021.. => self.note(Situation::FastClock),
            _ => {}
        }
        self.check_effect(at, lease);
        true
    }

    /// Writes a question down and puts it to the relay.
    fn put(&mut self, at: usize, lease: LeaseId, digest: Digest) -> ApprovalId {
        let mut chance = [0; 10];
        chance[..8].copy_from_slice(&self.dice.next().to_be_bytes());
        let approval = ApprovalId::from_parts(self.now, chance);
        let question = Question { incarnation: super::relay::INCARNATION, lease, approval, digest };
        let mut gate = Gate::new(question);
        gate.infect(self.mutant());
        let runner = &mut self.runners[at];
        runner.journal.asks.insert(approval, question);
        runner.mind.gates.insert(approval, gate);
        self.send_ask(at, approval);
        approval
    }

    fn ask(&mut self, at: usize, lease: LeaseId, digest: Digest) {
        let approval = self.put(at, lease, digest);
        let parks = self.relay.disk.specs.get(&lease.run);
        let parks = parks.is_some_and(|spec| spec.header.slot == ostler_core::approval::SlotPolicy::Park);
        if let Some(agent) = self.runners[at].agents.get_mut(&lease) {
            agent.asking = Some(approval);
            agent.parked = parks;
        }
        self.replay_old_verdicts(at, lease, approval);
        self.again(at, lease, 300);
    }

    pub(crate) fn send_ask(&mut self, at: usize, approval: ApprovalId) {
        let Some(question) = self.runners[at].journal.asks.get(&approval) else { return };
        // The policy is part of the question: the same each time it is put.
        let lapse = match approval.0[8] % 4 {
            0 => LapsePolicy::Deny { after_ms: 800 },
            1 => LapsePolicy::Escalate { after_ms: 600 },
            _ => LapsePolicy::Hold,
        };
        let Question { lease, digest, .. } = *question;
        let asking = Asking { id: approval, lease, digest, risk: Risk::Medium, lapse, sealed: vec![] };
        self.say_to_relay(at, Frame::Ask(Box::new(asking)));
    }

    /// The agent waits; now and then it stops waiting by itself.
    fn wait_for(&mut self, at: usize, lease: LeaseId, approval: ApprovalId) {
        let parked = self.runners[at].agents.get(&lease).is_some_and(|agent| agent.parked);
        if !parked && self.chance(2) {
            self.note(Situation::Withdrawn);
            self.say_to_relay(at, Frame::Withdraw(approval));
            return self.deny(at, approval);
        }
        self.try_gate(at, approval);
    }

    /// Starts the gated action if its gate lets it.
    pub(crate) fn try_gate(&mut self, at: usize, approval: ApprovalId) {
        let now = self.local(at);
        let mind = &mut self.runners[at].mind;
        let Some(gate) = mind.gates.get_mut(&approval) else { return };
        let question = *gate.question();
        let may_act = mind.holding.may_act(question.lease, now);
        match gate.pass(question.digest, may_act, now) {
            Ok(()) => {
                self.forget_ask(at, approval);
                self.check_gated(at, &question);
                self.proceed(at, question.lease);
            }
            Err(GateError::Waiting | GateError::Fenced) => self.again(at, question.lease, 300),
            Err(
                GateError::Closed
                | GateError::OtherQuestion
                | GateError::OtherEpoch
                | GateError::OtherAction
                | GateError::Expired,
            ) => self.deny(at, approval),
        }
    }

    pub(crate) fn verdict_arrives(&mut self, at: usize, approval: ApprovalId, bytes: &[u8]) {
        let now = self.local(at);
        let Some(claims) = self.verified(bytes) else { return };
        let runner = &mut self.runners[at];
        let Some(gate) = runner.mind.gates.get_mut(&approval) else { return };
        let agent = runner.agents.get(&gate.question().lease);
        let waited_on = agent.is_some_and(|agent| agent.asking == Some(approval));
        match gate.decide(&claims, now) {
            Ok(Choice::Approve) if waited_on => self.try_gate(at, approval),
            Ok(Choice::Approve) => self.forget_ask(at, approval),
            Ok(Choice::Reject) => self.deny(at, approval),
            Err(_) => self.note(Situation::ReplayRefused),
        }
    }

    /// No: the agent goes on without.
    pub(crate) fn deny(&mut self, at: usize, approval: ApprovalId) {
        let Some(gate) = self.runners[at].mind.gates.get_mut(&approval) else { return };
        gate.deny();
        let lease = gate.question().lease;
        self.forget_ask(at, approval);
        if self.runners[at].agents.get(&lease).is_some_and(|agent| agent.asking == Some(approval)) {
            self.proceed(at, lease);
        }
    }

    fn forget_ask(&mut self, at: usize, approval: ApprovalId) {
        self.runners[at].journal.asks.remove(&approval);
        self.runners[at].mind.gates.remove(&approval);
    }

    /// Tells the agent to end; its slot is taken until it has.
    pub(crate) fn stop_agent(&mut self, at: usize, lease: LeaseId) {
        let Some(agent) = self.runners[at].agents.get_mut(&lease) else { return };
        if std::mem::replace(&mut agent.stopping, true) {
            return;
        }
        agent.turn += 1;
        let grace = 1 + self.roll(self.options.policy.stop_grace_ms);
        self.after(grace, Happening::Stopped { runner: at, lease });
    }

    pub(crate) fn agent_stopped(&mut self, at: usize, lease: LeaseId) {
        if !self.runners[at].agents.contains_key(&lease) {
            return;
        }
        self.conclude(at, lease, ReportedEnd::Failed(Failure::new(FailureClass::Infra, "stopped")));
        let with_result = self.chance(30);
        let runner = &mut self.runners[at];
        runner.mind.holding.remove(lease);
        if with_result && runner.up {
            return self.send_report(at, lease);
        }
        runner.journal.results.remove(&lease);
        runner.journal.held.remove(&lease);
        if runner.up {
            self.say_to_relay(at, Frame::Stopped(lease));
        }
    }
}
