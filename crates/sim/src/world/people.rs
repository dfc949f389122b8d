//! People and their keys: who is in the fleet, who decides, what a signed verdict says.
//!
//! Owns a model of signatures: a verdict's bytes are a number that only its signer can have drawn.

use super::{Happening, World};
use crate::seen::Situation;
use ostler_core::approval::{ApprovalState, Choice};
use ostler_core::command::{Answering, Command};
use ostler_core::device::{Device, Invite, Role};
use ostler_core::gate::{Claims, Question};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, InviteId, LeaseId};
use ostler_core::time::Timestamp;

/// Operators; the first is never revoked.
pub(crate) const OPERATORS: [DeviceId; 3] = [DeviceId([0x10; 32]), DeviceId([0x11; 32]), DeviceId([0x12; 32])];
pub(crate) const GATEWAY: DeviceId = DeviceId([0x20; 32]);
pub(crate) const VIEWER: DeviceId = DeviceId([0x21; 32]);

/// The key of a runner.
pub(crate) fn runner_device(at: u64) -> DeviceId {
    DeviceId([0x40 + u8::try_from(at).unwrap_or(u8::MAX - 0x40); 32])
}

/// A verdict as somebody signed it.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    claims: Claims,
    by: DeviceId,
}

fn device(id: DeviceId, role: Role, pools: Vec<String>) -> Device {
    let (name, chain) = (id.short(), id.0.to_vec());
    Device { id, role, pools, name, sealing_key: [0; 32], chain, enrolled_at: Timestamp(0), revoked: None }
}

impl World {
    pub(crate) fn enrol_people(&mut self) {
        let people = OPERATORS.iter().map(|id| (*id, Role::Operator));
        for (id, role) in people.chain([(GATEWAY, Role::Gateway), (VIEWER, Role::Viewer)]) {
            self.relay.disk.devices.insert(id, device(id, role, vec![]));
        }
    }

    /// Before the relay runs, by the fleet key; afterwards with a ticket, which another device tries to use too.
    pub(crate) fn enrol_runner(&mut self, id: DeviceId, pools: Vec<String>) {
        let runner = device(id, Role::Runner, pools);
        if self.relay.ledger.is_none() && !self.relay.up && self.relay.life == 0 {
            self.relay.disk.devices.insert(id, runner);
            return;
        }
        let mut ticket = [0; 16];
        ticket[..8].copy_from_slice(&self.dice.next().to_be_bytes());
        let invite = Invite {
            id: InviteId(ticket),
            sealing_key: [0; 32],
            role: Role::Runner,
            inviter: OPERATORS[0],
            expires_at: Timestamp(u64::MAX),
            spent_by: None,
        };
        let ticket = invite.id;
        self.ask_relay(Command::Invite(invite), 0);
        self.ask_relay(Command::Enrol(runner, Some(ticket)), 3_000);
        let thief = device(DeviceId([0xee; 32]), Role::Runner, vec![]);
        self.ask_relay(Command::Enrol(thief, Some(ticket)), 9_000);
    }

    /// A question waits in the inbox: some of the operators will look at it.
    pub(crate) fn announce(&mut self, approval: ApprovalId) {
        let louder = self.relay.ledger.as_ref().and_then(|ledger| ledger.approval(approval));
        if louder.is_some_and(|known| known.escalated) {
            self.note(Situation::Escalated);
        }
        for by in OPERATORS {
            if self.chance(60) {
                let thinking = 20 + self.roll(2_500);
                self.after(thinking, Happening::Decide { approval, by });
            }
        }
    }

    pub(crate) fn decide(&mut self, approval: ApprovalId, by: DeviceId) {
        let Some(known) = self.relay.disk.approvals.get(&approval) else { return };
        let (lease, mut digest) = (known.lease, known.digest);
        if by != OPERATORS[0] && self.dice.roll(100) < 4 {
            digest = Digest([0xdd; 32]);
        }
        let choice = if self.healed || self.chance(80) { Choice::Approve } else { Choice::Reject };
        let verdict =
            self.sign(by, Question { incarnation: super::relay::INCARNATION, lease, approval, digest }, choice);
        self.ask_relay(Command::Answer(Answering { id: approval, by, digest, choice, verdict }), 0);
    }

    fn sign(&mut self, by: DeviceId, question: Question, choice: Choice) -> Vec<u8> {
        self.signed.push(Signed { claims: Claims { question, choice, expires_at: Timestamp(u64::MAX) }, by });
        (self.signed.len() as u64 - 1).to_be_bytes().to_vec()
    }

    /// What a runner learns from a verdict's bytes: nothing, unless an operator's key signed them.
    pub(crate) fn verified(&self, bytes: &[u8]) -> Option<Claims> {
        let at = usize::try_from(u64::from_be_bytes(bytes.try_into().ok()?)).ok()?;
        self.signed.get(at).filter(|signed| OPERATORS.contains(&signed.by)).map(|signed| signed.claims)
    }

    /// A hostile relay answers a new question with an old approval of the same run.
    pub(crate) fn replay_old_verdicts(&mut self, at: usize, lease: LeaseId, approval: ApprovalId) {
        if !self.chance(self.options.replay) {
            return;
        }
        let fits = |signed: &Signed| {
            let old = signed.claims.question.lease;
            old.run == lease.run && old.epoch < lease.epoch && signed.claims.choice == Choice::Approve
        };
        let Some(found) = self.signed.iter().position(fits) else { return };
        self.verdict_arrives(at, approval, &(found as u64).to_be_bytes());
    }

    /// A device that may not decide tries to.
    pub(crate) fn cheat(&mut self) {
        let pending = |a: &&ostler_core::approval::Approval| matches!(a.state, ApprovalState::Pending);
        let Some(known) = self.relay.disk.approvals.values().find(pending) else { return };
        let (approval, lease, digest) = (known.id, known.lease, known.digest);
        let by = [runner_device(0), known.worker, GATEWAY, VIEWER][usize::try_from(self.dice.roll(4)).unwrap_or(0)];
        let question = Question { incarnation: super::relay::INCARNATION, lease, approval, digest };
        let verdict = self.sign(by, question, Choice::Approve);
        let answering = Answering { id: approval, by, digest, choice: Choice::Approve, verdict };
        self.ask_relay(Command::Answer(answering), 0);
    }
}
