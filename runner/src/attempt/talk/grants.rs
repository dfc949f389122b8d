//! What people allowed for the rest of a run, kept for its next attempts.
//!
//! Owns the file. What is kept is the signed verdict itself, which is verified again before it grants anything: whoever can
//! write the file can only repeat what a person said about this run.

use crate::runner::stable::Stable;
use ostler_core::approval::Choice;
use ostler_core::guard::Rule;
use ostler_core::ids::{ApprovalId, Digest, Incarnation, LeaseId, RunId};
use ostler_core::limits::RULES_MAX;
use ostler_identity::{Expected, Verdict};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// A verdict as it was verified the first time.
#[derive(Serialize, Deserialize)]
struct Kept {
    incarnation: Incarnation,
    lease: LeaseId,
    approval: ApprovalId,
    digest: Digest,
    /// When it came: it need not be fresh any more.
    at_unix_ms: u64,
    verdict: Vec<u8>,
}

fn path(stable: &Stable, run: RunId) -> PathBuf {
    stable.home.join("runs").join(run.to_string()).join("granted")
}

/// Keeps a verdict that grants something for the rest of the run. One that cannot be kept holds for this attempt only.
pub(in crate::attempt) fn keep(stable: &Stable, expected: &Expected, verdict: &[u8]) {
    let &Expected { incarnation, lease, approval, digest } = expected;
    let at_unix_ms = stable.clock.now_ms();
    let path = path(stable, lease.run);
    let mut all = read(&path).unwrap_or_default();
    all.push(Kept { incarnation, lease, approval, digest, at_unix_ms, verdict: verdict.to_vec() });
    if let Err(error) = write(&path, &all) {
        tracing::warn!(%error, run = %lease.run, "what was allowed for the rest of the run holds for this attempt only");
    }
}

/// What people allowed in earlier attempts of `run`.
pub(in crate::attempt) fn load(stable: &Stable, run: RunId) -> Vec<Rule> {
    let kept = read(&path(stable, run)).unwrap_or_default();
    let ring = stable.member.keyring();
    let rule = |kept: &Kept| {
        let Kept { incarnation, lease, approval, digest, at_unix_ms, .. } = *kept;
        let expected = Expected { incarnation, lease, approval, digest };
        let verified = stable.member.trusting(at_unix_ms, |trust| Verdict::verify(&kept.verdict, &expected, trust));
        let verdict = verified.ok()?;
        (lease.run == run && verdict.choice == Choice::Approve).then(|| verdict.remark(&ring).ok()?.allow).flatten()
    };
    kept.iter().filter_map(rule).take(RULES_MAX).collect()
}

fn read(path: &PathBuf) -> Option<Vec<Kept>> {
    postcard::from_bytes(&std::fs::read(path).ok()?).ok()
}

/// Whole or not at all.
fn write(path: &PathBuf, all: &[Kept]) -> io::Result<()> {
    let bytes = postcard::to_allocvec(all).map_err(io::Error::other)?;
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let half = path.with_extension("half");
    std::fs::write(&half, bytes)?;
    std::fs::rename(half, path)
}
