//! Who belongs: chains judged against everything that was revoked, and revocation itself, which ends every grant made under
//! the revoked key.

use crate::hub::Hub;
use crate::session::greet::TalkError;
use ostler_core::command::{Answering, Command};
use ostler_core::decision::{Answer, Refusal};
use ostler_core::ids::DeviceId;
use ostler_core::ledger::Ledger;
use ostler_identity::{Chain, ChainError, Expected, Member, Tombstone, Trust, Verdict};

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

/// Would this verdict open anything on the runner? A decision is made once: one that nobody can use must not be the one.
/// Whether it is still asked, and for these bytes, is the ledger's to say.
pub(crate) async fn verify(hub: &Hub, answering: &Answering) -> Result<Result<(), Refusal>, TalkError> {
    let (fleet, now_unix_ms, incarnation) = (hub.fleet, hub.now().0, hub.incarnation);
    let Answering { id, by, digest, choice, verdict: signed } = answering.clone();
    let judged = hub.look(move |ledger| {
        let Some(approval) = ledger.approval(id).filter(|a| a.is_pending() && a.digest == digest) else {
            return Ok(());
        };
        let question = Expected { incarnation, lease: approval.lease, approval: id, digest: approval.digest };
        let is_revoked = |device: &DeviceId| is_revoked(ledger, *device);
        let verified = Verdict::verify(&signed, &question, &Trust { fleet, now_unix_ms, is_revoked: &is_revoked });
        match verified {
            Ok(verdict) if verdict.by != by => Err(Refusal::Verdict("another device signed it".to_owned())),
            Ok(verdict) if verdict.choice != choice => Err(Refusal::Verdict("it says something else".to_owned())),
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::Verdict(error.to_string())),
        }
    });
    Ok(judged.await?)
}
