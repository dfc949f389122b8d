//! The relay: the ledger on a crashable disk, with group commit, timers and sessions.
//!
//! ```text
//! command ─▶ ledger.apply ─▶ staged ─▶ one commit carries all that is staged ─▶ answers, then effects
//!    crash: before the commit | after it and before the release | in the recovery
//! ```
//!
//! Owns what the real relay's actors own. Every decision is the ledger's.

use super::{Disk, Frame, Happening, Log, World};
use crate::Defect;
use crate::options::Options;
use crate::seen::Situation;
use ostler_core::command::{Command, Whom};
use ostler_core::decision::{Answer, Decision, Effect, Refusal};
use ostler_core::ids::{ApprovalId, DeviceId, Incarnation};
use ostler_core::ledger::Ledger;
use ostler_core::policy::Dice;
use ostler_core::time::Timestamp;
use std::collections::BTreeMap;

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Nobody,
    Conn(usize),
    Beat(usize, u64),
    Request(usize),
}

/// A turn decided and not yet on disk.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    pub(crate) command: Command,
    pub(crate) decision: Decision,
    pub(crate) from: From,
    /// True time of the decision.
    pub(crate) at: u64,
    /// The relay's reading of it.
    pub(crate) read: Timestamp,
    /// How many turns are on disk once this one is.
    pub(crate) ordinal: u64,
}

pub(crate) struct Relay {
    pub(crate) life: u32,
    pub(crate) up: bool,
    pub(crate) frozen_until: u64,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) disk: Disk,
    pub(crate) log: Log,
    /// Whose frames are obeyed: from the moment its attach is decided.
    pub(crate) sessions: BTreeMap<DeviceId, usize>,
    /// Who is told of effects: from the moment its attach is answered, so that nothing older overtakes the answer.
    pub(super) targets: BTreeMap<DeviceId, usize>,
    pub(crate) timers: BTreeMap<Whom, u64>,
    pub(crate) staged: Vec<Staged>,
    pub(crate) flight: Vec<Staged>,
    pub(super) recoveries_cut: u32,
    turn: u64,
    pub(super) offset_ms: i64,
    dice: Dice,
}

impl Relay {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            life: 0,
            up: false,
            frozen_until: 0,
            ledger: None,
            disk: Disk::default(),
            log: Log::default(),
            sessions: BTreeMap::new(),
            targets: BTreeMap::new(),
            timers: BTreeMap::new(),
            staged: vec![],
            flight: vec![],
            recoveries_cut: 0,
            turn: 0,
            offset_ms: 0,
            dice: Dice::new(!options.seed),
        }
    }

    /// Nothing is decided that is not on disk.
    pub(crate) fn at_rest(&self) -> bool {
        self.up && self.staged.is_empty() && self.flight.is_empty()
    }
}

/// The database's life, in every world.
pub(crate) const INCARNATION: Incarnation = Incarnation(1);

impl World {
    pub(crate) fn relay_reads(&self) -> Timestamp {
        Timestamp(self.now.saturating_add_signed(self.relay.offset_ms))
    }

    fn true_time(&self, at: Timestamp) -> u64 {
        at.0.saturating_add_signed(self.relay.offset_ms.saturating_neg())
    }

    /// One command, decided now; its answer and effects leave with its commit.
    pub(crate) fn command(&mut self, command: Command, from: From) {
        let (at, read, due) = (self.now, self.relay_reads(), self.is_due(&command));
        let Some(ledger) = self.relay.ledger.as_mut().filter(|_| self.relay.up) else { return };
        let decision = ledger.apply(read, &mut self.relay.dice, command.clone());
        self.say(|| format!("  {command:?} => {:?} {:?}", decision.answer, decision.changes));
        if due && decision.changes.is_empty() {
            self.note(Situation::BreakerFroze);
        }
        self.check_decision(&command, &decision);
        let waiting = self.relay.staged.len() + self.relay.flight.len() + 1;
        let ordinal = self.relay.disk.turns + waiting as u64;
        let staged = Staged { command, decision, from, at, read, ordinal };
        if self.has_defect(Defect::AckBeforeSync) {
            self.release(staged.clone());
        }
        self.relay.staged.push(staged);
        if self.relay.flight.is_empty() {
            self.begin_commit();
        }
    }

    fn begin_commit(&mut self) {
        if self.relay.staged.is_empty() {
            return;
        }
        if self.relay.staged.len() > 1 {
            self.note(Situation::CommitShared);
        }
        self.relay.flight = std::mem::take(&mut self.relay.staged);
        let sync = 1 + self.roll(self.options.sync_ms);
        self.after(sync, Happening::Committed { life: self.relay.life });
    }

    pub(crate) fn committed(&mut self, life: u32) {
        if life != self.relay.life {
            return;
        }
        let batch = std::mem::take(&mut self.relay.flight);
        for staged in &batch {
            self.write(staged);
        }
        for staged in batch {
            if !self.has_defect(Defect::AckBeforeSync) {
                self.release(staged);
            }
        }
        self.begin_commit();
    }

    /// The turn is on disk from now on.
    pub(super) fn write(&mut self, staged: &Staged) {
        let checked = self.oracle.turn(&self.relay.disk, staged, &self.options.policy);
        for change in &staged.decision.changes {
            self.relay.disk.write(change.clone());
        }
        self.relay.disk.turns += 1;
        if let Err((law, what)) = checked {
            self.broken(law, what);
        }
    }

    fn release(&mut self, staged: Staged) {
        self.check_release(&staged);
        let Staged { command, decision, from, .. } = staged;
        match from {
            From::Nobody => {}
            From::Conn(conn) => self.answer_runner(conn, &command, decision.answer),
            From::Beat(conn, seq) => self.answer_beat(conn, seq, decision.answer),
            From::Request(request) => self.answer_request(request, decision.answer),
        }
        for effect in decision.effects {
            self.have(effect);
        }
    }

    fn answer_beat(&mut self, conn: usize, seq: u64, answer: Result<Answer, Refusal>) {
        let Ok(Answer::Beaten { renewed, lost, lease_ttl_ms }) = answer else { return self.cut(conn) };
        let lost = lost.into_iter().map(|(lease, _)| lease).collect();
        self.send(conn, false, Frame::Beaten { seq, renewed, lost, lease_ttl_ms });
    }

    fn answer_runner(&mut self, conn: usize, command: &Command, answer: Result<Answer, Refusal>) {
        let frame = match (command, answer) {
            (_, Ok(Answer::Attached { keep, stop, lease_ttl_ms })) => {
                self.relay.targets.insert(self.conns[conn].device, conn);
                Frame::Attached { keep, stop, lease_ttl_ms }
            }
            (Command::Attach(_), _) => return self.cut(conn),
            (Command::Accept(_, lease), Ok(_)) if self.options.accept_answered => Frame::Accepted(*lease),
            (Command::Accept(_, lease) | Command::Decline(_, lease, _), Err(_)) => Frame::Refused(*lease),
            (Command::Report(_, report), Ok(_)) => Frame::Reported { lease: report.lease, digest: report.digest },
            (Command::Ask(..), Ok(_)) => Frame::Asked,
            (Command::Ask(_, asking), Err(Refusal::Busy { .. })) => Frame::Busy(asking.id),
            (Command::Ask(_, asking), Err(_)) => Frame::Refused(asking.lease),
            _ => return,
        };
        self.send(conn, false, frame);
    }

    pub(super) fn have(&mut self, effect: Effect) {
        match effect {
            Effect::Wake(whom, at) => self.wake(whom, at),
            Effect::Rest(whom) => drop(self.relay.timers.remove(&whom)),
            Effect::Offer(device, lease) => self.tell(device, Frame::Offer(lease)),
            Effect::Stop(device, lease, _) => self.tell(device, Frame::Stop(lease)),
            Effect::Deliver(device, approval) => self.deliver_verdict(device, approval),
            Effect::Deny(device, approval) => self.tell(device, Frame::Denied(approval)),
            Effect::Disconnect(device) => self.disconnect(device),
            Effect::Close(device, session) => {
                let old = self.conns.iter().position(|conn| conn.device == device && conn.session == session);
                old.into_iter().for_each(|conn| self.cut(conn));
            }
            Effect::Inbox(approval) => self.announce(approval),
            Effect::Changed(_) | Effect::Fleet => {}
        }
    }

    fn tell(&mut self, device: DeviceId, frame: Frame) {
        if let Some(conn) = self.relay.targets.get(&device).copied() {
            self.send(conn, false, frame);
        }
    }

    fn deliver_verdict(&mut self, device: DeviceId, approval: ApprovalId) {
        use ostler_core::approval::ApprovalState;
        let known = self.relay.ledger.as_ref().and_then(|ledger| ledger.approval(approval));
        let Some(ApprovalState::Decided(decided)) = known.map(|known| &known.state) else { return };
        let frame = Frame::Verdict { approval, verdict: decided.verdict.clone() };
        self.tell(device, frame);
    }

    fn disconnect(&mut self, device: DeviceId) {
        self.relay.sessions.remove(&device);
        self.relay.targets.remove(&device);
        for conn in 0..self.conns.len() {
            if self.conns[conn].device == device {
                self.cut(conn);
            }
        }
    }

    fn wake(&mut self, whom: Whom, at: Timestamp) {
        self.relay.turn += 1;
        let turn = self.relay.turn;
        self.relay.timers.insert(whom, turn);
        let (life, due) = (self.relay.life, self.true_time(at));
        let late = self.roll(self.options.late_ms);
        self.at(due + late, Happening::Prompt { life, whom, turn });
        if self.chance(3) {
            // Early and double prompts are harmless, so they are common.
            let early = self.roll(due.saturating_sub(self.now) + 1);
            self.after(early, Happening::Prompt { life, whom, turn: 0 });
        }
    }

    pub(crate) fn prompt(&mut self, life: u32, whom: Whom, turn: u64) {
        if life != self.relay.life || !self.relay.up {
            return;
        }
        if turn != 0 && self.relay.timers.get(&whom) != Some(&turn) {
            return;
        }
        if turn != 0 {
            self.relay.timers.remove(&whom);
        }
        self.command(Command::Elapsed(whom), From::Nobody);
    }

    pub(crate) fn relay_notices(&mut self, conn: usize) {
        let Self { relay, conns, .. } = self;
        let (device, session) = (conns[conn].device, conns[conn].session);
        if !relay.up || conns[conn].relay_life != relay.life {
            return;
        }
        if relay.sessions.get(&device) == Some(&conn) {
            relay.sessions.remove(&device);
        }
        if relay.targets.get(&device) == Some(&conn) {
            relay.targets.remove(&device);
        }
        self.command(Command::Detach(device, session), From::Nobody);
    }

    pub(crate) fn relay_receives(&mut self, conn: usize, frame: Frame) {
        let link = &self.conns[conn];
        let device = link.device;
        if !link.alive || !self.relay.up || link.relay_life != self.relay.life {
            return;
        }
        if !matches!(frame, Frame::Attach(_)) && self.relay.sessions.get(&device) != Some(&conn) {
            return;
        }
        let from = From::Conn(conn);
        match frame {
            Frame::Attach(attach) => {
                self.relay.sessions.insert(device, conn);
                self.command(Command::Attach(*attach), from);
            }
            Frame::Accept(lease) => self.command(Command::Accept(device, lease), from),
            Frame::Decline(lease) => self.command(Command::Decline(device, lease, "full".to_owned()), from),
            Frame::Report(report) => self.command(Command::Report(device, report), from),
            Frame::Stopped(lease) => self.command(Command::Stopped(device, lease), from),
            Frame::Ask(asking) => self.command(Command::Ask(device, *asking), from),
            Frame::Withdraw(approval) => self.command(Command::Withdraw(device, approval), from),
            Frame::Beat(seq, leases) => self.command(Command::Beat(device, leases), From::Beat(conn, seq)),
            Frame::Event(lease, n, bytes) => self.event_arrives(conn, lease, n, bytes),
            Frame::Attached { .. }
            | Frame::Offer(_)
            | Frame::Accepted(_)
            | Frame::Reported { .. }
            | Frame::Stop(_)
            | Frame::Asked
            | Frame::Busy(_)
            | Frame::Verdict { .. }
            | Frame::Denied(_)
            | Frame::Refused(_)
            | Frame::Beaten { .. }
            | Frame::Kept { .. } => {}
        }
    }
}
