//! Silence: an agent that shows no sign of life for long is asked about, and never ended for silence alone.
//!
//! ```text
//! quiet ─ a look now and then: output? a tool at work? a question open? CPU used? files changed? ─ any ─▶ quiet anew
//!   └ none of them for the whole time ─▶ a person is asked ─ "wait" ─▶ quiet anew
//!                                              └ "end it" ─▶ the attempt ends
//! ```
//!
//! Owns what counts as a sign of life. Must not read any of them.

use ostler_core::deed::{Action, Deed};
use ostler_core::ids::ApprovalId;
use ostler_core::time::Timestamp;
use std::path::Path;
use std::time::SystemTime;

/// Looks during one time of silence: a burst of work between two of them is seen by the next.
const LOOKS: u64 = 4;
/// A process tree that uses less than this share of one CPU waits: event loops and timers need a little.
const IDLE_PERCENT: u64 = 1;
/// Milliseconds of one tick of `/proc` (USER_HZ is 100 on every Linux there is).
const TICK_MS: u64 = 10;
/// Entries of the working tree that are looked at: changes deeper down change a directory above, or show as CPU.
const ENTRIES_MAX: usize = 1_000;
/// What a person may choose.
const OPTIONS: [&str; 2] = ["wait", "end it"];
/// Position of "end it".
pub(super) const END_IT: u32 = 1;

/// What shows that an agent does something, as far as it can be seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signs {
    /// CPU time of the process tree so far, in ticks.
    pub(super) cpu_ticks: u64,
    /// When a file at the top of the working tree changed last.
    pub(super) files: Option<SystemTime>,
}

pub(super) struct Stall {
    after_ms: u64,
    quiet_since: Timestamp,
    look_at: Timestamp,
    last: Option<(Signs, Timestamp)>,
    question: Option<ApprovalId>,
}

impl Stall {
    /// Asks after `after_ms` of silence.
    pub(super) fn new(after_ms: u64, now: Timestamp) -> Self {
        let look_at = now.plus(after_ms / LOOKS);
        Self { after_ms, quiet_since: now, look_at, last: None, question: None }
    }

    /// A sign of life. The question that is not one any more, if a person has it.
    pub(super) fn heard(&mut self, now: Timestamp) -> Option<ApprovalId> {
        let question = self.question.take();
        *self = Self::new(self.after_ms, now);
        question
    }

    /// When [`Self::look`] is to be called next; never while a person is asked.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.question.is_none().then_some(self.look_at)
    }

    /// Takes a look in. True when the agent has shown no sign of life for the whole time.
    pub(super) fn look(&mut self, signs: Signs, now: Timestamp) -> bool {
        let is_lively = match self.last.replace((signs, now)) {
            Some((before, at)) => {
                let used_ms = signs.cpu_ticks.saturating_sub(before.cpu_ticks).saturating_mul(TICK_MS);
                used_ms > now.since(at).saturating_mul(IDLE_PERCENT) / 100 || signs.files != before.files
            }
            None => false,
        };
        if is_lively {
            self.quiet_since = now;
        }
        self.look_at = now.plus(self.after_ms / LOOKS);
        now.since(self.quiet_since) >= self.after_ms
    }

    /// A person has this question.
    pub(super) fn asked(&mut self, question: ApprovalId) {
        self.question = Some(question);
    }

    /// True when this is the question about the silence; it is answered.
    pub(super) fn answered(&mut self, question: ApprovalId, now: Timestamp) -> bool {
        let is_ours = self.question == Some(question);
        if is_ours {
            self.heard(now);
        }
        is_ours
    }

    /// What a person is asked.
    pub(super) fn question(&self, agent: &str, tree: &str) -> Action {
        let minutes = (self.after_ms / 60_000).max(1);
        let text = format!(
            "{agent} has said nothing for {minutes} minutes, runs no tool, uses no CPU and changes no file. Wait on, or end it?"
        );
        let options = OPTIONS.map(str::to_owned).to_vec();
        Action::new(Deed::Question { text, options }, tree, "")
    }
}

/// When something at the top of `tree` changed last.
pub(super) fn newest(tree: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(tree).ok()?.take(ENTRIES_MAX).flatten();
    let own = std::fs::metadata(tree).ok()?.modified().ok();
    entries.filter_map(|entry| entry.metadata().ok()?.modified().ok()).chain(own).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER_MS: u64 = 4_000;

    fn signs(cpu_ticks: u64) -> Signs {
        Signs { cpu_ticks, files: None }
    }

    /// Looks once a second; `cpu` are the ticks seen, from second 1 on. The second in which a person is asked.
    fn asked_at(cpu: &[u64]) -> Option<usize> {
        let mut stall = Stall::new(AFTER_MS, Timestamp(0));
        let looks = cpu.iter().enumerate();
        looks
            .map(|(n, ticks)| (n + 1, *ticks))
            .find(|(n, ticks)| stall.look(signs(*ticks), Timestamp(*n as u64 * 1_000)))
            .map(|(n, _)| n)
    }

    #[test]
    fn only_a_whole_time_without_any_sign_is_asked_about() {
        assert_eq!(asked_at(&[7, 7, 7, 7, 7]), Some(4));
        assert_eq!(asked_at(&[7, 8, 9, 10, 10]), Some(4), "an event loop's own ticks are no sign");
        assert_eq!(asked_at(&[7, 7, 50, 50, 50, 50, 50, 50]), Some(7), "work starts the time anew");
        assert_eq!(asked_at(&[0, 100, 200, 300, 400, 500, 600]), None);
        let mut stall = Stall::new(AFTER_MS, Timestamp(0));
        for n in 1..20 {
            let files = Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n));
            assert!(!stall.look(Signs { cpu_ticks: 0, files }, Timestamp(n * 1_000)), "files change");
        }
    }

    #[test]
    fn one_question_at_a_time_and_none_after_a_sign_of_life() {
        let mut stall = Stall::new(AFTER_MS, Timestamp(0));
        let id = ApprovalId([1; 16]);
        stall.asked(id);
        assert_eq!(stall.due(), None);
        assert!(!stall.answered(ApprovalId([2; 16]), Timestamp(9_000)));
        assert!(stall.answered(id, Timestamp(9_000)));
        assert_eq!(stall.due(), Some(Timestamp(10_000)));
        stall.asked(id);
        assert_eq!(stall.heard(Timestamp(11_000)), Some(id));
        assert_eq!(stall.heard(Timestamp(11_000)), None);
    }
}
