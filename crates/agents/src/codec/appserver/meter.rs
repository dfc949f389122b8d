//! What Codex says it consumed, as differences.
//!
//! Owns the arithmetic: totals are the thread's, also when it is resumed; a total of a turn that is not ours is where
//! counting begins. It gives no price.

use crate::codec::words::number;
use ostler_core::usage::{Usage, UsageSource};
use serde_json::Value;

/// Counts one thread.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    before: Option<Usage>,
}

impl Meter {
    /// `thread/tokenUsage/updated`; `ours` when it is of the turn that runs.
    pub(crate) fn updated(&mut self, tokens: &Value, ours: bool) -> Option<Usage> {
        let total = usage(&tokens["total"]);
        let before = self.before.replace(total);
        if !ours {
            return None;
        }
        let since = before.map_or_else(|| usage(&tokens["last"]), |before| difference(total, before));
        (since.input_tokens > 0 || since.output_tokens > 0).then_some(since)
    }
}

fn usage(tokens: &Value) -> Usage {
    Usage {
        input_tokens: number(tokens, "/inputTokens"),
        output_tokens: number(tokens, "/outputTokens"),
        cached_tokens: number(tokens, "/cachedInputTokens"),
        cost_micros: None,
        source: UsageSource::Reported,
    }
}

fn difference(total: Usage, before: Usage) -> Usage {
    Usage {
        input_tokens: total.input_tokens.saturating_sub(before.input_tokens),
        output_tokens: total.output_tokens.saturating_sub(before.output_tokens),
        cached_tokens: total.cached_tokens.saturating_sub(before.cached_tokens),
        ..total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(total: u64, last: u64) -> Value {
        json!({"total": {"inputTokens": total}, "last": {"inputTokens": last}})
    }

    #[test]
    fn a_resumed_thread_counts_from_where_it_was() {
        let mut fresh = Meter::default();
        assert_eq!(fresh.updated(&said(10, 10), true).map(|usage| usage.input_tokens), Some(10));
        assert_eq!(fresh.updated(&said(25, 10), true).map(|usage| usage.input_tokens), Some(15), "one was missed");
        assert_eq!(fresh.updated(&said(25, 10), true), None, "said twice");
        let mut resumed = Meter::default();
        assert_eq!(resumed.updated(&said(1_000, 10), false), None);
        assert_eq!(resumed.updated(&said(1_010, 10), true).map(|usage| usage.input_tokens), Some(10));
    }
}
