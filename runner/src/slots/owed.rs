//! The outbox: reports in the journal, said until the relay confirms, forgotten only then.

use super::{Msg, State};
use crate::attempt;
use crate::runner::stable::Shared;
use ostler_core::command::{Report, ReportedEnd};
use ostler_core::failure::Failure;
use ostler_core::ids::{Digest, LeaseId};
use ostler_core::usage::Conclusion;
use ostler_identity::{Keyring, Purpose};
use ostler_proto::ToRelay;
use ostler_store::JournalChange;
use ractor::ActorRef;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A report as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owed {
    report: Report,
    /// True when the lease has a row, a directory and events of its own to forget.
    whole: bool,
}

/// Words for people, cut so that the sealed result stays far below its bound.
const WORDS_BYTES_MAX: usize = 16 * 1024;

impl Owed {
    /// A report under `lease` with nothing but words, sealed to the fleet.
    pub(crate) fn new(keyring: &Keyring, lease: LeaseId, end: ReportedEnd, words: &str, whole: bool) -> Self {
        let words = words.to_owned();
        Self::concluded(keyring, lease, end, Conclusion { words, ..Conclusion::default() }, whole)
    }

    /// A report under `lease`; its words are cut.
    pub(crate) fn concluded(
        keyring: &Keyring,
        lease: LeaseId,
        end: ReportedEnd,
        conclusion: Conclusion,
        whole: bool,
    ) -> Self {
        let mut conclusion = conclusion;
        let words = &conclusion.words;
        let cut = (0..=words.len().min(WORDS_BYTES_MAX)).rev().find(|at| words.is_char_boundary(*at)).unwrap_or(0);
        let purpose = Purpose::Result { run: lease.run, epoch: lease.epoch };
        conclusion.words.truncate(cut);
        let plain = postcard::to_allocvec(&conclusion).expect("a conclusion is made of types postcard can write");
        let result = keyring.seal(&purpose, &plain);
        Self { report: Report { lease, end, digest: keyring.spec_digest(&result), result }, whole }
    }

    /// A report of a failure that no agent had a part in: the lease has nothing but this.
    pub(crate) fn refusal(keyring: &Keyring, lease: LeaseId, failure: Failure, words: &str) -> Self {
        Self::new(keyring, lease, ReportedEnd::Failed(failure), words, false)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("a report is made of types postcard can write")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

impl State {
    /// Sends the report, unless events before it are still on their way: who follows a run reads it to its end.
    pub(super) fn say_report(&self, stable: &Shared, lease: LeaseId) {
        if let Some(owed) = self.owed.get(&lease).filter(|_| stable.pending.is_through(lease)) {
            stable.say(ToRelay::Report(owed.report.clone()));
        }
    }

    /// The relay has the report: nothing of the lease is kept here any longer.
    pub(super) fn reported(&mut self, stable: &Shared, me: &ActorRef<Msg>, lease: LeaseId, digest: Digest) {
        let Some(owed) = self.owed.get(&lease).filter(|owed| owed.report.digest == digest) else { return };
        let whole = owed.whole;
        self.owed.remove(&lease);
        self.leaving.insert(lease);
        stable.holding().remove(lease);
        stable.pending.forget(lease);
        let change = if whole { JournalChange::Forget(lease) } else { JournalChange::ReportKept(lease) };
        let me = me.clone();
        let next = if whole { Msg::Clear(lease) } else { Msg::Cleared(lease) };
        stable.write(vec![change], move || drop(me.send_message(next)));
    }

    /// The journal knows nothing of the lease any more: now its directory may go, and not before.
    pub(super) fn clear(&mut self, stable: &Shared, me: &ActorRef<Msg>, lease: LeaseId) {
        let (me, shared, directory) = (me.clone(), Arc::clone(stable), stable.attempt_dir(lease));
        self.tasks.spawn_blocking(move || {
            if let Err(error) = std::fs::remove_dir_all(&directory) {
                tracing::debug!(%error, directory = %directory.display(), "nothing to clear away");
            }
            attempt::door::remove(&shared, lease);
            drop(me.send_message(Msg::Cleared(lease)));
        });
    }
}
