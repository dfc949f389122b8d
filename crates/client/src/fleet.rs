//! The fleet: its devices, tickets and runners. Must not know the fleet's root key: an operator's grant is enough.

mod rotate;

use crate::chance;
use crate::client::{Client, unexpected};
use crate::error::ClientError;
use crate::runs::only;
use ostler_core::device::{Device, Invite, Role};
use ostler_core::ids::{DeviceId, InviteId};
use ostler_core::time::Timestamp;
use ostler_identity::{Terms, Ticket, Tombstone};
use ostler_proto::{Request, Response, WorkerView};

/// What a ticket offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Role the joining device gets.
    pub role: Role,
    /// Pools it may serve; the default pool when there are none.
    pub pools: Vec<String>,
    /// How long it may be used, in milliseconds.
    pub lasts_ms: u64,
}

impl Client {
    /// All devices, those that were turned away too.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn devices(&self) -> Result<Vec<Device>, ClientError> {
        let Response::Devices(devices) = self.ask(&Request::Devices).await? else { return Err(unexpected("Devices")) };
        Ok(devices)
    }

    /// The one device with this name, or whose printed id starts with `text`.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], or [`ClientError::Ambiguous`] with all that match.
    pub async fn find_device(&self, text: &str) -> Result<Device, ClientError> {
        let devices = self.devices().await?;
        let fits = |device: &Device| device.name == text || device.id.to_string().starts_with(text);
        // A name given again after a revocation means the device that is there now.
        let (live, gone): (Vec<_>, Vec<_>) =
            devices.into_iter().filter(fits).partition(|device| device.revoked.is_none());
        let found = if live.is_empty() { gone } else { live };
        only("device", text, "`ostler devices list`", found, |device| format!("{} ({})", device.id, device.name))
    }

    /// Tickets that were made and not yet forgotten.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn invites(&self) -> Result<Vec<Invite>, ClientError> {
        let Response::Invites(invites) = self.ask(&Request::Invites).await? else { return Err(unexpected("Invites")) };
        Ok(invites)
    }

    /// A ticket, announced to the relay.
    ///
    /// # Errors
    /// When this device may not invite, or see [`ClientError`].
    pub async fn invite(&self, offer: &Offer) -> Result<Ticket, ClientError> {
        // By the relay's clock, which will judge it.
        let now_unix_ms = self.status().await?.now.0;
        let expires_at_unix_ms = now_unix_ms.saturating_add(offer.lasts_ms);
        let terms = Terms {
            relays: self.home().relays().to_vec(),
            role: offer.role,
            pools: offer.pools.clone(),
            invite: InviteId::from_parts(now_unix_ms, chance::bytes()),
            now_unix_ms,
            expires_at_unix_ms,
        };
        let ticket = Ticket::issue(&self.home().signer(), &self.keyring()?, &terms)?;
        let invite = Invite {
            id: terms.invite,
            sealing_key: ticket.invitation(now_unix_ms)?.sealing_key,
            role: offer.role,
            inviter: self.home().device(),
            expires_at: Timestamp(expires_at_unix_ms),
            spent_by: None,
        };
        self.remember_invite(&invite)?;
        self.done(&Request::Invite(invite)).await?;
        Ok(ticket)
    }

    /// Turns a device away: the relay closes its connections at once, and nothing sealed from now on opens for it.
    ///
    /// # Errors
    /// See [`ClientError`]. When only the rotation failed, the device is revoked, and running this again rotates.
    pub async fn revoke(&self, device: DeviceId, reason: &str) -> Result<u32, ClientError> {
        let at_unix_ms = chance::unix_ms();
        let tombstone = Tombstone { device, serial: at_unix_ms, at_unix_ms, reason: reason.to_owned() };
        let tombstone = tombstone.sign(&self.home().signer());
        let Response::Done = self.ask(&Request::Revoke { device, tombstone }).await? else {
            return Err(unexpected("Revoke"));
        };
        self.note_revoked(device);
        self.rotate().await
    }

    /// Runners, connected or away.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn workers(&self) -> Result<Vec<WorkerView>, ClientError> {
        let Response::Workers(workers) = self.ask(&Request::Workers).await? else { return Err(unexpected("Workers")) };
        Ok(workers)
    }

    /// The one runner with this name, or whose printed id starts with `text`.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], or [`ClientError::Ambiguous`] with all that match.
    pub async fn find_worker(&self, text: &str) -> Result<WorkerView, ClientError> {
        let fits = |worker: &WorkerView| worker.name == text || worker.id.to_string().starts_with(text);
        let found = self.workers().await?.into_iter().filter(fits).collect();
        only("runner", text, "`ostler runners list`", found, |worker| format!("{} ({})", worker.id, worker.name))
    }

    /// Lets a runner take no new work, or take it again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn drain(&self, runner: DeviceId, draining: bool) -> Result<(), ClientError> {
        let Response::Done = self.ask(&Request::Drain(runner, draining)).await? else { return Err(unexpected("Done")) };
        Ok(())
    }
}
