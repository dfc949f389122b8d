//! What a session consumed, as it grows: agents tell totals, turns or single calls, and people read what is new.
//!
//! Owns the arithmetic of deltas. Must not know any particular agent: its [`Counted`] says where to look.

use super::profile::Counted;
use ostler_core::event::Event;
use ostler_core::usage::{Usage, UsageSource};
use serde_json::Value;

/// Millionths of a dollar no session reaches: more is a misread number.
const COST_MICROS_MAX: f64 = 1e12;

/// Counts one session.
#[derive(Debug)]
pub(super) struct Meter {
    counted: Counted,
    owed: Option<Usage>,
    /// The session's total when it was last looked at.
    total: Usage,
    /// What the session has cost so far; none until it was told.
    cost_micros: Option<u64>,
    /// True while a total only says where counting begins: a resumed session's includes what was counted before.
    base: bool,
}

impl Meter {
    pub(super) fn new(counted: Counted) -> Self {
        Self { counted, owed: None, total: Usage::default(), cost_micros: None, base: false }
    }

    /// What is consumed from now on comes on top of what an earlier attempt counted.
    pub(super) fn resumed(&mut self) {
        self.base = true;
    }

    /// Reads the parameters of a `session/update`; in a `replay` they only say where counting begins.
    pub(super) fn update(&mut self, params: &Value, replay: bool) {
        if let Some(cost) = params.pointer("/update/cost").and_then(micros) {
            self.cost(cost);
        }
        match self.counted {
            Counted::Chunks if !replay => {
                if let Some(usage) = params.pointer("/update/_meta/usage").and_then(tokens) {
                    self.add(usage);
                }
            }
            Counted::Metrics => {
                if let Some(metrics) = params.pointer("/_meta/field_meta/openhands.dev~1metrics") {
                    self.metrics(metrics, replay);
                }
            }
            Counted::Chunks
            | Counted::Turn
            | Counted::Process
            | Counted::LastCall
            | Counted::Quota
            | Counted::Nowhere => {}
        }
    }

    /// Reads the answer to a prompt.
    pub(super) fn answer(&mut self, result: &Value) {
        let usage = match self.counted {
            Counted::Turn => result.get("usage").and_then(tokens),
            Counted::Process => result.get("usage").and_then(tokens).and_then(|total| self.grown(total)),
            // Less than what was consumed, and so no more than a hint.
            Counted::LastCall => {
                result.get("usage").and_then(tokens).map(|usage| Usage { source: UsageSource::Estimated, ..usage })
            }
            Counted::Quota => result.pointer("/_meta/quota/token_count").and_then(|count| {
                let (input, output) = (number(count, &["input_tokens"]), number(count, &["output_tokens"]));
                (input > 0 || output > 0).then(|| reported(input, output, 0))
            }),
            Counted::Chunks | Counted::Metrics | Counted::Nowhere => None,
        };
        if let Some(usage) = usage {
            self.add(usage);
        }
    }

    /// What was consumed since the last time.
    pub(super) fn take(&mut self) -> Option<Event> {
        self.owed.take().map(Event::Usage)
    }

    fn add(&mut self, usage: Usage) {
        self.owed = Some(self.owed.unwrap_or_default().plus(usage));
    }

    fn metrics(&mut self, metrics: &Value, replay: bool) {
        let total = reported(
            number(metrics, &["input_tokens"]),
            number(metrics, &["output_tokens"]),
            number(metrics, &["cache_read_tokens"]),
        );
        if let Some(more) = self.grown(total).filter(|_| !replay) {
            self.add(more);
        }
        // A model without a price is told to cost nothing.
        if let Some(cost) = metrics.get("cost").and_then(dollars).filter(|cost| *cost > 0) {
            self.cost(cost);
        }
    }

    /// What a total has grown by; none when it has not.
    fn grown(&mut self, total: Usage) -> Option<Usage> {
        let first = self.total == Usage::default();
        let before = std::mem::replace(&mut self.total, total);
        // The first total of a resumed session is where counting begins: one call is missed, not the whole past repeated.
        if first && self.base && self.counted == Counted::Metrics {
            return None;
        }
        let more = reported(
            total.input_tokens.saturating_sub(before.input_tokens),
            total.output_tokens.saturating_sub(before.output_tokens),
            total.cached_tokens.saturating_sub(before.cached_tokens),
        );
        (more.input_tokens > 0 || more.output_tokens > 0).then_some(more)
    }

    fn cost(&mut self, total: u64) {
        let before = self.cost_micros.replace(total);
        let begin = if self.base { None } else { Some(0) };
        let more = before.or(begin).map(|before| total.saturating_sub(before)).filter(|more| *more > 0);
        if let Some(more) = more {
            self.add(Usage { cost_micros: Some(more), source: UsageSource::Reported, ..Usage::default() });
        }
    }
}

fn reported(input_tokens: u64, output_tokens: u64, cached_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens, cached_tokens, cost_micros: None, source: UsageSource::Reported }
}

/// Tokens as ACP words them; none when all are zero. Some agents count what they read from a cache as input and some
/// apart: their total tells which.
fn tokens(usage: &Value) -> Option<Usage> {
    let input = number(usage, &["inputTokens", "input_tokens"]);
    let output = number(usage, &["outputTokens", "output_tokens"]);
    let cached = number(usage, &["cachedReadTokens", "cached_read_tokens"]);
    let thought = number(usage, &["thoughtTokens", "thought_tokens"]);
    let total = number(usage, &["totalTokens", "total_tokens"]);
    let plain = input.saturating_add(output);
    let apart = cached > 0 && (cached > input || total >= plain.saturating_add(cached));
    let thought_apart = total >= plain.saturating_add(thought).saturating_add(if apart { cached } else { 0 });
    let usage = reported(
        input.saturating_add(if apart { cached } else { 0 }),
        output.saturating_add(if thought_apart { thought } else { 0 }),
        cached,
    );
    (usage.input_tokens > 0 || usage.output_tokens > 0).then_some(usage)
}

fn number(value: &Value, names: &[&str]) -> u64 {
    names.iter().find_map(|name| value.get(name)?.as_u64()).unwrap_or(0)
}

fn micros(cost: &Value) -> Option<u64> {
    let currency = cost.get("currency").and_then(Value::as_str).unwrap_or("USD");
    (currency == "USD").then(|| cost.get("amount").and_then(dollars)).flatten()
}

fn dollars(amount: &Value) -> Option<u64> {
    let micros = amount.as_f64()? * 1e6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within the bound")]
    (0.0..COST_MICROS_MAX).contains(&micros).then(|| micros.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn taken(meter: &mut Meter) -> Option<(u64, u64, u64, Option<u64>, UsageSource)> {
        let Some(Event::Usage(usage)) = meter.take() else { return None };
        Some((usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cost_micros, usage.source))
    }

    #[test]
    fn what_was_read_from_a_cache_is_input_however_it_is_told() {
        let apart = json!({ "inputTokens": 1000, "outputTokens": 45, "totalTokens": 1245, "cachedReadTokens": 200 });
        let within = json!({ "inputTokens": 1200, "outputTokens": 45, "totalTokens": 1245, "cachedReadTokens": 200 });
        assert_eq!(tokens(&apart), tokens(&within));
        assert_eq!(tokens(&apart), Some(reported(1200, 45, 200)));
        assert_eq!(tokens(&json!({ "inputTokens": 0, "outputTokens": 0, "totalTokens": 0 })), None);
        let thinks = json!({ "inputTokens": 10, "outputTokens": 5, "thoughtTokens": 7, "totalTokens": 22 });
        assert_eq!(tokens(&thinks), Some(reported(10, 12, 0)));
    }

    #[test]
    fn a_growing_cost_is_told_as_what_is_new() {
        let mut meter = Meter::new(Counted::LastCall);
        let update = |amount: f64| json!({ "update": { "cost": { "amount": amount, "currency": "USD" } } });
        meter.update(&update(0.0037), false);
        meter.update(&update(0.0112), false);
        assert_eq!(taken(&mut meter), Some((0, 0, 0, Some(11_200), UsageSource::Reported)));
        meter.update(&update(0.0112), false);
        assert_eq!(taken(&mut meter), None);
        meter.update(&json!({ "update": { "cost": { "amount": 1, "currency": "EUR" } } }), false);
        meter.update(&update(-1.0), false);
        meter.update(&update(f64::MAX), false);
        assert_eq!(taken(&mut meter), None);
        let mut resumed = Meter::new(Counted::LastCall);
        resumed.resumed();
        resumed.update(&update(0.5), false);
        assert_eq!(taken(&mut resumed), None, "what came before was counted before");
        resumed.update(&update(0.6), false);
        assert_eq!(taken(&mut resumed), Some((0, 0, 0, Some(100_000), UsageSource::Reported)));
    }

    #[test]
    fn totals_begin_where_a_replay_ended() {
        let mut meter = Meter::new(Counted::Metrics);
        let at = |input: u64| json!({ "_meta": { "field_meta": { "openhands.dev/metrics": { "input_tokens": input, "output_tokens": 1 } } } });
        meter.update(&at(100), true);
        assert_eq!(taken(&mut meter), None);
        meter.update(&at(150), false);
        meter.update(&at(150), false);
        assert_eq!(taken(&mut meter), Some((50, 0, 0, None, UsageSource::Reported)));
    }
}
