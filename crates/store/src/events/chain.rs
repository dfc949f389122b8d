//! The hash chain of one run: what makes a removed, changed or reordered event show.

use crate::tables::events::Link;
use ostler_core::ids::{Digest, RunId};

/// h(seq) = BLAKE3(h(seq-1) ‖ run ‖ seq ‖ epoch ‖ n ‖ at ‖ sealed); numbers big-endian, 8 bytes each.
pub(super) fn hash(before: &Digest, run: RunId, seq: u64, link: &Link) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before.0).update(&run.0);
    for number in [seq, link.epoch, link.n, link.at.0] {
        hasher.update(&number.to_be_bytes());
    }
    hasher.update(&link.sealed);
    Digest(*hasher.finalize().as_bytes())
}

/// `link` follows from `before`.
pub(super) fn follows(before: &Digest, run: RunId, seq: u64, link: &Link) -> bool {
    hash(before, run, seq, link) == link.hash
}
