//! What Claude Code says it consumed, as differences.
//!
//! Owns the arithmetic. `total_cost_usd` and `modelUsage` are totals of the process, and since 2.1.329 of the resumed
//! session too; `usage` is the turn's but leaves out what was interrupted; `model_usage_since_last_result` is the
//! difference itself, where there is one. A message's own usage counts only when no result comes after it.

use crate::codec::words::{number, text};
use ostler_core::usage::{Usage, UsageSource};
use serde_json::Value;

/// Counts one process.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// The last total, in dollars.
    total: f64,
    /// The message that is being written, and what it consumed.
    open: (String, Usage),
    /// Finished messages that no result has counted yet.
    uncounted: Usage,
}

impl Meter {
    /// A line of an assistant's message: several lines are one message, which repeats its usage.
    pub(crate) fn message(&mut self, message: &Value) {
        let id = text(message, "/id");
        if id != self.open.0 {
            self.uncounted = self.uncounted.plus(self.open.1);
        }
        let usage = message.get("usage").map(|usage| tokens(usage, UsageSource::Estimated)).unwrap_or_default();
        self.open = (id.chars().take(64).collect(), usage);
    }

    /// What a result says was consumed since the one before.
    pub(crate) fn result(&mut self, result: &Value) -> Option<Usage> {
        (self.open, self.uncounted) = (<(String, Usage)>::default(), Usage::default());
        let total = result.get("total_cost_usd").and_then(Value::as_f64).unwrap_or(self.total);
        let (since, before) = (total - self.total, std::mem::replace(&mut self.total, total));
        if let Some(models) = result.get("model_usage_since_last_result").and_then(Value::as_object) {
            return models.values().map(model).reduce(Usage::plus).filter(consumed);
        }
        let mut usage = tokens(result.get("usage")?, UsageSource::Reported);
        // A total that is lower than before is one that began anew.
        usage.cost_micros =
            Some(micros(if since < 0.0 { total } else { since })).filter(|_| total > 0.0 || before > 0.0);
        Some(usage).filter(consumed)
    }

    /// What was consumed by messages that no result came after.
    pub(crate) fn rest(&mut self) -> Option<Usage> {
        let (_, open) = std::mem::take(&mut self.open);
        Some(std::mem::take(&mut self.uncounted).plus(open)).filter(consumed)
    }
}

fn consumed(usage: &Usage) -> bool {
    usage.input_tokens > 0 || usage.output_tokens > 0 || usage.cost_micros.is_some_and(|cost| cost > 0)
}

/// Anthropic Messages: input excludes what was read from or written to the cache.
fn tokens(usage: &Value, source: UsageSource) -> Usage {
    let cached_tokens = number(usage, "/cache_read_input_tokens");
    let input = number(usage, "/input_tokens").saturating_add(number(usage, "/cache_creation_input_tokens"));
    Usage {
        input_tokens: input.saturating_add(cached_tokens),
        output_tokens: number(usage, "/output_tokens"),
        cached_tokens,
        cost_micros: None,
        source,
    }
}

fn model(usage: &Value) -> Usage {
    let cached_tokens = number(usage, "/cacheReadInputTokens");
    let input = number(usage, "/inputTokens").saturating_add(number(usage, "/cacheCreationInputTokens"));
    Usage {
        input_tokens: input.saturating_add(cached_tokens),
        output_tokens: number(usage, "/outputTokens"),
        cached_tokens,
        cost_micros: usage.get("costUSD").and_then(Value::as_f64).map(micros),
        source: UsageSource::Reported,
    }
}

/// Dollars in millionths; what is no price is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates, and below zero it is zero"
)]
fn micros(dollars: f64) -> u64 {
    (dollars * 1_000_000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cost(meter: &mut Meter, result: &Value) -> Option<u64> {
        meter.result(result).and_then(|usage| usage.cost_micros)
    }

    #[test]
    fn totals_become_differences_and_a_difference_stays_one() {
        let mut meter = Meter::default();
        let turn =
            |total: f64| json!({"total_cost_usd": total, "usage": {"input_tokens": 10, "cache_read_input_tokens": 5}});
        assert_eq!(cost(&mut meter, &turn(0.5)), Some(500_000));
        assert_eq!(cost(&mut meter, &turn(0.75)), Some(250_000));
        assert_eq!(cost(&mut meter, &turn(0.1)), Some(100_000), "began anew");
        let resumed = json!({"total_cost_usd": 9.0, "usage": {}, "model_usage_since_last_result":
            {"m": {"inputTokens": 1, "cacheReadInputTokens": 2, "outputTokens": 3, "costUSD": 0.25}}});
        let usage = meter.result(&resumed).expect("consumed");
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.cached_tokens), (3, 3, 2));
        assert_eq!(usage.cost_micros, Some(250_000), "not the session's total");
        assert_eq!(meter.result(&json!({"usage": {}, "model_usage_since_last_result": {}})), None);
    }

    #[test]
    fn a_message_counts_once_and_only_when_no_result_comes() {
        let mut meter = Meter::default();
        let message = |id: &str| json!({"id": id, "usage": {"input_tokens": 7, "output_tokens": 1}});
        for id in ["a", "a", "b"] {
            meter.message(&message(id));
        }
        let rest = meter.rest().expect("consumed");
        assert_eq!((rest.input_tokens, rest.source), (14, UsageSource::Estimated));
        assert_eq!(meter.rest(), None);
        meter.message(&message("c"));
        assert!(meter.result(&json!({"usage": {"input_tokens": 7}})).is_some());
        assert_eq!(meter.rest(), None);
    }
}
