//! Who belongs: chains judged against everything that was revoked, and revocation itself, which ends every grant made under
//! the revoked key.

use crate::hub::Hub;
use crate::session::greet::TalkError;
use ostler_core::command::Command;
use ostler_core::decision::{Answer, Refusal};
use ostler_core::ids::DeviceId;
use ostler_core::ledger::Ledger;
use ostler_identity::{Chain, ChainError, Member, Tombstone, Trust};

/// Which question a chain is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// May it go on being a member?
    Stay,
    /// May it become one? Founders come by the fleet key's own grant, everybody else by an invite that still holds.
    Join,
}

/// Judges a chain: whole, of this fleet, and nobody on it revoked.
pub(crate) async fn judge(hub: &Hub, bytes: Vec<u8>, ask: Ask) -> Result<Result<Member, ChainError>, TalkError> {
    let (fleet, now_unix_ms) = (hub.fleet, hub.now().0);
    let judged = hub.look(move |ledger| {
        let is_revoked = |device: &DeviceId| is_revoked(ledger, *device);
        let trust = Trust { fleet, now_unix_ms, is_revoked: &is_revoked };
        let chain = Chain::decode(&bytes)?;
        let member = chain.verify(&trust)?;
        if ask == Ask::Join && member.invite.is_some() { chain.verify_joining(&trust) } else { Ok(member) }
    });
    Ok(judged.await?)
}

fn is_revoked(ledger: &Ledger, device: DeviceId) -> bool {
    ledger.device(device).is_some_and(|d| d.revoked.is_some())
}

/// Turns a device away, and every device that was let in under it: a stolen key could have granted those.
pub(crate) async fn revoke(
    hub: &Hub,
    device: DeviceId,
    tombstone: Vec<u8>,
) -> Result<Result<Answer, Refusal>, TalkError> {
    let (fleet, now_unix_ms, signed) = (hub.fleet, hub.now().0, tombstone.clone());
    let ended = hub.look(move |ledger| {
        let is_revoked = |device: &DeviceId| is_revoked(ledger, *device);
        let trust = Trust { fleet, now_unix_ms, is_revoked: &is_revoked };
        let (said, _) = Tombstone::verify(&signed, &trust).ok().filter(|(said, _)| said.device == device)?;
        let under = |chain: &[u8]| {
            let member = Chain::decode(chain).and_then(|chain| chain.verify(&Trust::new(fleet, now_unix_ms)));
            member.is_ok_and(|member| member.path.contains(&said.device))
        };
        Some(ledger.devices().filter(|d| d.id != device && under(&d.chain)).map(|d| d.id).collect::<Vec<_>>())
    });
    let Some(under) = ended.await? else { return Ok(Err(Refusal::NotPaired)) };
    let answer = hub.decide(Command::Revoke(device, tombstone.clone())).await?;
    if answer.is_ok() {
        for other in under {
            // The same tombstone: it is the revoked key that their chains name.
            drop(hub.decide(Command::Revoke(other, tombstone.clone())).await?);
        }
    }
    Ok(answer)
}
