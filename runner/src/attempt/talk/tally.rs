//! What an attempt consumed, what its provider refused, and the session it leaves: taken from its events as they pass.
//!
//! Owns the sums. Must not know where they are told.

use crate::attempt::life::Ending;
use ostler_core::command::ReportedEnd;
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::time::Timestamp;
use ostler_core::usage::{Reset, Usage};

#[derive(Default)]
pub(super) struct Tally {
    usage: Option<Usage>,
    session: Option<String>,
    /// When the limit that was met last ends, if it said so.
    reset: Option<Timestamp>,
}

impl Tally {
    /// Takes `event` in, which was read at `now`.
    pub(super) fn note(&mut self, event: &Event, now: Timestamp) {
        if let Event::Usage(more) = event {
            self.usage = Some(self.usage.unwrap_or_default().plus(*more));
        } else if let Event::Session { id, .. } = event {
            self.session = Some(id.clone());
        } else if let Event::Limit { reset, .. } = event {
            self.reset = reset.map(|reset| match reset {
                Reset::In(ms) => now.plus(ms),
                Reset::At(unix_ms) => Timestamp(unix_ms),
            });
        }
    }

    /// Says in `ending` what is known.
    pub(super) fn conclude(&self, ending: &mut Ending, now: Timestamp) {
        ending.conclusion.usage = self.usage;
        ending.conclusion.session.clone_from(&self.session);
        if let ReportedEnd::Failed(failure) = &mut ending.end
            && failure.class == FailureClass::Limit
        {
            failure.retry_after_ms = self.reset.map(|at| at.since(now)).or(failure.retry_after_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostler_core::usage::{LimitKind, UsageSource};

    #[test]
    fn usage_is_summed_and_the_last_limit_says_how_long_to_wait() {
        let mut tally = Tally::default();
        let usage = Usage { input_tokens: 5, source: UsageSource::Reported, ..Usage::default() };
        let limit = |reset| Event::Limit { kind: LimitKind::Rate, reset, message: String::new() };
        tally.note(&Event::Usage(usage), Timestamp(0));
        tally.note(&Event::Usage(usage), Timestamp(0));
        tally.note(&Event::Session { id: "s1".to_owned(), resumed: false }, Timestamp(0));
        tally.note(&limit(Some(Reset::At(9_000))), Timestamp(0));
        tally.note(&limit(Some(Reset::In(500))), Timestamp(1_000));
        let mut ending = Ending::failed(FailureClass::Limit, "rate limit", "");
        tally.conclude(&mut ending, Timestamp(1_100));
        let ReportedEnd::Failed(failure) = &ending.end else { panic!("succeeded") };
        assert_eq!(failure.retry_after_ms, Some(400));
        assert_eq!(ending.conclusion.usage.map(|usage| usage.input_tokens), Some(10));
        assert_eq!(ending.conclusion.session.as_deref(), Some("s1"));
        let mut crashed = Ending::failed(FailureClass::Agent, "exit 1", "");
        tally.conclude(&mut crashed, Timestamp(1_100));
        assert!(matches!(crashed.end, ReportedEnd::Failed(failure) if failure.retry_after_ms.is_none()));
    }
}
