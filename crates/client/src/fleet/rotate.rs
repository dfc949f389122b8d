//! Rotating the fleet's sealing key after a revocation.
//!
//! ```text
//! members the relay names ─ chain verified here ─┐
//! tickets made on this device, still open ───────┴─▶ wraps ─▶ Rotate(n + 1) ─▶ adopted
//!                                                       ▲          │ taken by another operator
//!                                                       └─ refresh ┘
//! ```
//!
//! Must not wrap to a key for which there is only the relay's word: it would let itself in.

use crate::client::{Client, unexpected};
use crate::error::ClientError;
use ostler_core::decision::Refusal;
use ostler_core::device::{Device, Invite, KeyEpoch};
use ostler_core::ids::InviteId;
use ostler_identity::{Chain, Trust};
use ostler_proto::{Request, Response};

/// Operators who rotate at the same moment: the last of these tries has seen all others win.
const TRIES: u32 = 8;
/// Tickets remembered here: far more than anyone leaves open.
const INVITES_KEPT: usize = 512;

impl Client {
    /// Makes the next key epoch for everybody who still belongs; its number.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rotate(&self) -> Result<u32, ClientError> {
        for _ in 0..TRIES {
            let devices = self.devices().await?;
            let mut recipients = self.trusting(|trust| members(&devices, trust));
            recipients.extend(open_invites(&self.invites().await?, &self.home().invites()?));
            let (keyring, bytes) = self.keyring()?.rotate(&self.home().signer(), &recipients)?;
            let number = keyring.newest();
            match self.ask(&Request::Rotate(KeyEpoch { number, bytes })).await {
                Ok(Response::Done) => return self.adopt(keyring).map(|()| number),
                Ok(_) => return Err(unexpected("Rotate")),
                Err(ClientError::Refusal(Refusal::EpochTaken(_))) => self.refresh().await?,
                Err(error) => return Err(error),
            }
        }
        Err(ClientError::Contended)
    }

    /// Keeps a ticket's key, so that a rotation before it is spent includes it.
    pub(crate) fn remember_invite(&self, invite: &Invite) -> Result<(), ClientError> {
        let mut invites = self.home().invites()?;
        invites.push((invite.id, invite.sealing_key));
        let extra = invites.len().saturating_sub(INVITES_KEPT);
        invites.drain(..extra);
        Ok(self.home().keep_invites(&invites)?)
    }
}

/// Sealing keys of the devices whose chains hold, from the chains themselves.
fn members(devices: &[Device], trust: &Trust<'_>) -> Vec<[u8; 32]> {
    let live = devices.iter().filter(|device| device.revoked.is_none());
    let chains = live.filter_map(|device| Chain::decode(&device.chain).ok().map(|chain| (device.id, chain)));
    let verified = chains.filter_map(|(id, chain)| chain.verify(trust).ok().filter(|member| member.device == id));
    verified.map(|member| member.sealing_key).collect()
}

/// Keys of our own tickets that the relay says are still open.
fn open_invites(known: &[Invite], ours: &[(InviteId, [u8; 32])]) -> Vec<[u8; 32]> {
    let is_open = |id: &InviteId| known.iter().any(|invite| invite.id == *id && invite.spent_by.is_none());
    ours.iter().filter(|(id, _)| is_open(id)).map(|(_, key)| *key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_core::device::Role;
    use ostler_core::ids::DeviceId;
    use ostler_core::time::Timestamp;
    use ostler_identity::{DeviceKey, FleetKey};

    fn device(fleet: &FleetKey, key: &DeviceKey, sealing_key: [u8; 32]) -> Device {
        let chain = Chain::found(fleet, key, "desk", 1).expect("a fine name").encode();
        let (name, pools) = ("desk".to_owned(), Vec::new());
        let (id, enrolled_at) = (key.id(), Timestamp(0));
        Device { id, role: Role::Operator, pools, name, sealing_key, chain, enrolled_at, revoked: None }
    }

    #[test]
    fn a_key_the_relay_slips_in_gets_nothing() {
        let (fleet, foreign) = (FleetKey::generate(), FleetKey::generate());
        let (ours, theirs) = (DeviceKey::generate(), DeviceKey::generate());
        let evil = [6; 32];
        let swapped = device(&fleet, &ours, evil);
        let stranger = device(&foreign, &theirs, evil);
        let misnamed = Device { id: theirs.id(), ..device(&fleet, &ours, evil) };
        let gone = Device { revoked: Some(Vec::new()), ..device(&fleet, &ours, evil) };
        let found = members(&[swapped, stranger, misnamed, gone], &Trust::new(fleet.id(), 2));
        assert_eq!(found, [ours.sealing_key()], "the key in the chain, whatever the row says");
    }

    #[test]
    fn only_our_own_open_tickets_are_wrapped_to() {
        let invite = |n: u8, spent_by| Invite {
            id: InviteId([n; 16]),
            sealing_key: [9; 32],
            role: Role::Runner,
            inviter: DeviceId([0; 32]),
            expires_at: Timestamp(9),
            spent_by,
        };
        let known = [invite(1, None), invite(2, Some(DeviceId([1; 32]))), invite(3, None)];
        let ours = [(InviteId([1; 16]), [1; 32]), (InviteId([2; 16]), [2; 32]), (InviteId([4; 16]), [4; 32])];
        assert_eq!(open_invites(&known, &ours), [[1; 32]]);
    }
}
