//! Invite, enrol, revoke, rotate: who belongs to the fleet. Signatures were checked before a command came here.

use super::Turn;
use crate::decision::{Answer, Change, Effect, Refusal};
use crate::device::{Device, Invite, KeyEpoch, Role};
use crate::ids::{DeviceId, InviteId};

impl Turn<'_> {
    pub(super) fn invite(&mut self, invite: Invite) -> Result<Answer, Refusal> {
        self.permit(invite.inviter, Role::decides)?;
        if self.ledger.invites.get(&invite.id).is_some_and(|known| known != &invite) {
            return Err(Refusal::SpentInvite);
        }
        self.keep_invite(invite);
        Ok(Answer::Done)
    }

    /// With an invitation, which is spent by it; without one only for a grant of the fleet key itself.
    pub(super) fn enrol(&mut self, device: Device, invite: Option<InviteId>) -> Result<Answer, Refusal> {
        let known = self.ledger.devices.get(&device.id);
        if known.is_some_and(|known| known.revoked.is_some()) {
            return Err(Refusal::NotPaired);
        }
        if let Some(id) = invite {
            let invite = self.ledger.invites.get(&id).ok_or(Refusal::SpentInvite)?;
            match invite.spent_by {
                // The same device again: its answer was lost, not its enrolment.
                Some(by) if by == device.id => return Ok(Answer::Done),
                Some(_) => return Err(Refusal::SpentInvite),
                None if invite.expires_at <= self.now => return Err(Refusal::SpentInvite),
                None => {}
            }
            assert!(invite.expires_at > self.now, "a ticket is used in time");
            let spent = Invite { spent_by: Some(device.id), ..invite.clone() };
            self.keep_invite(spent);
        } else if known.is_some_and(|known| known.chain == device.chain) {
            return Ok(Answer::Done);
        }
        self.keep_device(device);
        Ok(Answer::Done)
    }

    pub(super) fn revoke(&mut self, id: DeviceId, tombstone: Vec<u8>) -> Result<Answer, Refusal> {
        let device = self.ledger.devices.get(&id).ok_or(Refusal::NotPaired)?;
        if device.revoked.is_none() {
            let gone = Device { revoked: Some(tombstone), ..device.clone() };
            self.keep_device(gone);
            self.expel(id);
        }
        self.effects.push(Effect::Disconnect(id));
        Ok(Answer::Done)
    }

    pub(super) fn rotate(&mut self, epoch: KeyEpoch) -> Result<Answer, Refusal> {
        let known = self.ledger.epochs.iter().find(|known| known.number == epoch.number);
        if known.is_some_and(|known| known.bytes == epoch.bytes) {
            return Ok(Answer::Done);
        }
        if u32::try_from(self.ledger.epochs.len()).is_ok_and(|count| count + 1 == epoch.number) {
            assert!(self.ledger.epochs.iter().all(|known| known.number < epoch.number), "key epochs only grow");
            self.changes.push(Change::KeyEpoch(epoch.clone()));
            self.ledger.epochs.push(epoch);
            self.effects.push(Effect::Fleet);
            return Ok(Answer::Done);
        }
        Err(Refusal::EpochTaken(epoch.number))
    }

    fn keep_invite(&mut self, invite: Invite) {
        self.changes.push(Change::Invite(invite.clone()));
        self.ledger.invites.insert(invite.id, invite);
    }

    fn keep_device(&mut self, device: Device) {
        self.changes.push(Change::Device(device.clone()));
        self.ledger.devices.insert(device.id, device);
        self.effects.push(Effect::Fleet);
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{ANNA, BOSS, Stage, device};
    use crate::command::Command::{Enrol, Invite, Revoke, Rotate};
    use crate::device::{self, KeyEpoch, Role};
    use crate::ids::{DeviceId, InviteId};
    use crate::time::Timestamp;

    fn ticket(inviter: DeviceId) -> device::Invite {
        let (id, expires_at) = (InviteId([4; 16]), Timestamp(1_060_000));
        device::Invite { id, sealing_key: [0; 32], role: Role::Runner, inviter, expires_at, spent_by: None }
    }

    #[test]
    fn a_ticket_is_spent_once_in_time_by_whom_a_person_invited() {
        let (first, second) = (DeviceId([20; 32]), DeviceId([21; 32]));
        let joins = |id| Enrol(device(id, Role::Runner), Some(InviteId([4; 16])));
        Stage::empty().check(vec![
            (0, Invite(ticket(ANNA)), "Err(NotPaired", "none"),
            (0, joins(first), "Err(SpentInvite", "none"),
            (0, Invite(ticket(BOSS)), "Ok(Done", "none"),
            (0, joins(first), "Ok(Done", "none"),
            (0, joins(first), "Ok(Done", "none"),
            (0, joins(second), "Err(SpentInvite", "none"),
        ]);
        Stage::empty().check(vec![
            (0, Invite(ticket(BOSS)), "Ok(Done", "none"),
            (60_000, joins(first), "Err(SpentInvite", "none"),
        ]);
    }

    #[test]
    fn a_revoked_device_stays_out_and_key_epochs_are_taken_in_order() {
        let epoch = |number, byte| Rotate(KeyEpoch { number, bytes: vec![byte] });
        let mut stage = Stage::empty();
        stage.check(vec![
            (0, Revoke(DeviceId([99; 32]), vec![1]), "Err(NotPaired", "none"),
            (0, Revoke(ANNA, vec![1]), "Ok(Done", "none"),
            (0, Enrol(device(ANNA, Role::Runner), None), "Err(NotPaired", "none"),
            (0, epoch(2, 2), "Err(EpochTaken(2", "none"),
            (0, epoch(1, 1), "Ok(Done", "none"),
            (0, epoch(1, 1), "Ok(Done", "none"),
            (0, epoch(1, 9), "Err(EpochTaken(1", "none"),
            (0, epoch(2, 2), "Ok(Done", "none"),
        ]);
        assert_eq!(stage.ledger.epochs().len(), 2);
    }
}
