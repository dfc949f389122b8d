//! What an attempt consumed, and what its provider refused: normalised over all agents.
//!
//! Owns the numbers people compare. Must not know which agent reports them how.

use serde::{Deserialize, Serialize};

/// Tokens and money. As an event it is what was consumed since the last one; in a conclusion it is the attempt's total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens the model read, those from its cache included.
    pub input_tokens: u64,
    /// Tokens the model wrote, its thoughts included.
    pub output_tokens: u64,
    /// Of the input, those read from a cache.
    pub cached_tokens: u64,
    /// US dollars, in millionths; none when the agent gives no price.
    pub cost_micros: Option<u64>,
    /// Where the numbers come from.
    pub source: UsageSource,
}

/// How far usage can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum UsageSource {
    /// The agent passed on what its provider counted.
    Reported,
    /// Counted by somebody else: the agent's own guess.
    Estimated,
    /// The agent says nothing.
    #[default]
    Unavailable,
}

impl Usage {
    /// This and `more` together; the less certain source stands, but nothing said is no source.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        let source = match (self.source, more.source) {
            (UsageSource::Unavailable, other) | (other, UsageSource::Unavailable) => other,
            (one, other) => one.max(other),
        };
        let cost_micros = match (self.cost_micros, more.cost_micros) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
        };
        Self {
            input_tokens: self.input_tokens.saturating_add(more.input_tokens),
            output_tokens: self.output_tokens.saturating_add(more.output_tokens),
            cached_tokens: self.cached_tokens.saturating_add(more.cached_tokens),
            cost_micros,
            source,
        }
    }
}

/// What a provider does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitKind {
    /// Too many requests in a short time.
    Rate,
    /// A plan, a budget or a quota is used up.
    Quota,
    /// The provider has no room.
    Overloaded,
    /// The sign-in is missing, wrong or expired: a person must act.
    SignIn,
}

/// When a limit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reset {
    /// This many milliseconds after it was said.
    In(u64),
    /// At this Unix time, in milliseconds.
    At(u64),
}

/// The end of an attempt in words and numbers, sealed in its report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Conclusion {
    /// One sentence for people; may quote the agent.
    pub words: String,
    /// What it consumed; none when nothing is known, and for agents that use no model.
    pub usage: Option<Usage>,
    /// The agent's own name of its session, when it can be resumed on that runner.
    pub session: Option<String>,
    /// Whether the run's check passed, when it has one and it was run.
    pub checked: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_the_less_certain_source_and_any_price() {
        let one = Usage { input_tokens: 10, output_tokens: 2, source: UsageSource::Reported, ..Usage::default() };
        let other = Usage { input_tokens: 1, cost_micros: Some(5), source: UsageSource::Estimated, ..Usage::default() };
        let sum = one.plus(other);
        assert_eq!((sum.input_tokens, sum.output_tokens, sum.cost_micros), (11, 2, Some(5)));
        assert_eq!(sum.source, UsageSource::Estimated);
        assert_eq!(one.plus(Usage::default()), one);
        assert_eq!(Usage { input_tokens: u64::MAX, ..one }.plus(one).input_tokens, u64::MAX);
    }
}
