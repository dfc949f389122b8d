//! Bodies: a run's task, signed by whoever submits it, before it is sealed.
//!
//! ```text
//! task ─ sign_body(run) ─▶ signed ─ Keyring::seal(Body{run}) ─▶ relay ─▶ open ─ verify_body(run) ─▶ task, submitter
//! ```
//!
//! Owns the submitter's signature. Must not know the task's shape.
//!
//! Sealing alone says that *some* member wrote the body, and every runner is a member: with the relay's help one
//! stolen runner could hand work to all others. A runner therefore executes only what an operator or a gateway signed
//! for this very run. It asks [`Trust`] about revocations as of now: work that a revoked device left queued is not started.

use crate::grant::{Member, Trust};
use crate::key::Domain;
use crate::statement::{self, Signer, StatementError};
use ostler_core::device::Role;
use ostler_core::ids::RunId;
use ostler_core::limits::BODY_BYTES_MAX;

/// `task`, signed for `run`; to be sealed next. Digests for idempotency are taken from `task`, not from this.
#[must_use]
pub fn sign_body(signer: &Signer<'_>, run: RunId, task: &[u8]) -> Vec<u8> {
    statement::sign(signer, Domain::Body, &(run, task.to_vec()))
}

/// The task in `bytes`, and who submitted it.
///
/// # Errors
/// When it was signed for another run, by nobody who may submit, or is damaged; then nothing of it may be executed.
pub fn verify_body(bytes: &[u8], run: RunId, trust: &Trust<'_>) -> Result<(Member, Vec<u8>), StatementError> {
    let (member, (signed_for, task)): (_, (RunId, Vec<u8>)) =
        statement::open(bytes, BODY_BYTES_MAX, Domain::Body, Role::submits, trust)?;
    if signed_for == run { Ok((member, task)) } else { Err(StatementError::Elsewhere) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, damaged, founder, trust};
    use ostler_core::ids::DeviceId;

    #[test]
    fn submitters_are_known_and_every_changed_byte_is_refused() {
        let (boss, run) = (founder(), RunId::from_parts(NOW, [1; 10]));
        let gateway = boss.enrol(Role::Gateway, &[]);
        for who in [&boss, &gateway] {
            let bytes = sign_body(&who.signer(), run, b"make test");
            let (member, task) = verify_body(&bytes, run, &trust(boss.fleet)).expect("holds");
            assert_eq!((member.device, task.as_slice()), (who.id(), &b"make test"[..]));
            assert!(damaged(&bytes).all(|bytes| verify_body(&bytes, run, &trust(boss.fleet)).is_err()));
        }
    }

    #[test]
    fn runners_viewers_strangers_and_the_revoked_submit_nothing() {
        let (boss, run) = (founder(), RunId::from_parts(NOW, [1; 10]));
        for role in [Role::Runner, Role::Viewer] {
            let cheat = boss.enrol(role, &[]);
            let refused = verify_body(&sign_body(&cheat.signer(), run, b"x"), run, &trust(boss.fleet));
            assert_eq!(refused, Err(StatementError::Role { device: cheat.id(), role }));
        }
        assert!(verify_body(&sign_body(&founder().signer(), run, b"x"), run, &trust(boss.fleet)).is_err());
        let bytes = sign_body(&boss.signer(), run, b"x");
        let is_revoked = |id: &DeviceId| *id == boss.id();
        assert!(verify_body(&bytes, run, &Trust { is_revoked: &is_revoked, ..trust(boss.fleet) }).is_err());
    }

    #[test]
    fn a_body_moved_to_another_run_is_refused() {
        let (boss, run) = (founder(), RunId::from_parts(NOW, [1; 10]));
        let bytes = sign_body(&boss.signer(), run, b"x");
        let other = RunId::from_parts(NOW, [2; 10]);
        assert_eq!(verify_body(&bytes, other, &trust(boss.fleet)), Err(StatementError::Elsewhere));
    }
}
