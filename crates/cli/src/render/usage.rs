//! Tokens, money and limits in words. Must not know who counted them.

use super::text::plain;
use super::time;
use ostler_core::time::Timestamp;
use ostler_core::usage::{Conclusion, LimitKind, Reset, Usage, UsageSource};
use serde_json::{Value, json};

/// `12.3k tokens in (11k cached), 345 out, $0.07`, and where that comes from when it is not the provider's own count.
pub(crate) fn words(usage: &Usage) -> String {
    if usage.source == UsageSource::Unavailable {
        return "the agent does not say what it consumed".to_owned();
    }
    let cached =
        if usage.cached_tokens == 0 { String::new() } else { format!(" ({} cached)", tokens(usage.cached_tokens)) };
    let cost = usage.cost_micros.map(|micros| format!(", {}", dollars(micros))).unwrap_or_default();
    let note = if usage.source == UsageSource::Estimated { ", estimated" } else { "" };
    format!("{} tokens in{cached}, {} out{cost}{note}", tokens(usage.input_tokens), tokens(usage.output_tokens))
}

/// `950`, `12.3k`, `4.5M`.
fn tokens(count: u64) -> String {
    let scaled = |unit: u64, word: &str| {
        let tenths = count / (unit / 10) % 10;
        let whole = count / unit;
        if tenths == 0 { format!("{whole}{word}") } else { format!("{whole}.{tenths}{word}") }
    };
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => scaled(1_000, "k"),
        _ => scaled(1_000_000, "M"),
    }
}

/// Cents, and what is less than ten of them more exactly.
fn dollars(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    if micros < 100_000 { format!("${whole}.{:04}", rest / 100) } else { format!("${whole}.{:02}", rest / 10_000) }
}

/// The word of a source.
const fn source(source: UsageSource) -> &'static str {
    match source {
        UsageSource::Reported => "reported",
        UsageSource::Estimated => "estimated",
        UsageSource::Unavailable => "unavailable",
    }
}

/// What a provider does not give, until when, and its words.
pub(crate) fn limit(kind: LimitKind, reset: Option<Reset>, message: &str) -> String {
    let what = match kind {
        LimitKind::Rate => "too many requests",
        LimitKind::Quota => "the quota or budget is used up",
        LimitKind::Overloaded => "the provider is overloaded",
        LimitKind::SignIn => "not signed in, a person must sign in on the runner's machine",
    };
    let until = match reset {
        Some(Reset::In(ms)) => format!(", again in {}", time::length(ms)),
        Some(Reset::At(at)) => format!(", again at {}", time::local(Timestamp(at))),
        None => String::new(),
    };
    let message = if message.is_empty() { String::new() } else { format!(": {}", plain(message)) };
    format!("limit: {what}{until}{message}")
}

/// A limit for programs.
pub(crate) fn limit_json(kind: LimitKind, reset: Option<Reset>, message: &str) -> Value {
    let word = match kind {
        LimitKind::Rate => "rate",
        LimitKind::Quota => "quota",
        LimitKind::Overloaded => "overloaded",
        LimitKind::SignIn => "sign_in",
    };
    let (after_ms, at) = match reset {
        Some(Reset::In(ms)) => (Some(ms), None),
        Some(Reset::At(at)) => (None, Some(time::rfc3339(Timestamp(at)))),
        None => (None, None),
    };
    json!({ "limit": word, "reset_after_ms": after_ms, "reset_at": at, "message": message })
}

/// Usage for programs.
pub(crate) fn json(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cost_micros": usage.cost_micros,
        "source": source(usage.source),
    })
}

/// The end of an attempt, over as many lines as it has something to say.
pub(crate) fn conclusion(conclusion: &Conclusion) -> Vec<String> {
    let words = (!conclusion.words.is_empty()).then(|| plain(&conclusion.words));
    let checked = conclusion.checked.map(|passed| format!("check {}", if passed { "passed" } else { "failed" }));
    let used = conclusion.usage.as_ref().map(|usage| format!("used {}", self::words(usage)));
    let session = conclusion.session.as_ref().map(|id| format!("session {}", plain(id)));
    [words, checked, used, session].into_iter().flatten().collect()
}

/// The end of an attempt for programs.
pub(crate) fn conclusion_json(conclusion: &Conclusion) -> Value {
    json!({
        "words": conclusion.words,
        "usage": conclusion.usage.as_ref().map(json),
        "session": conclusion.session,
        "checked": conclusion.checked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_their_source_is_said() {
        let usage = Usage {
            input_tokens: 12_345,
            output_tokens: 345,
            cached_tokens: 11_000,
            cost_micros: Some(71_234),
            source: UsageSource::Reported,
        };
        assert_eq!(words(&usage), "12.3k tokens in (11k cached), 345 out, $0.0712");
        let guessed = Usage { cached_tokens: 0, cost_micros: Some(1_250_000), source: UsageSource::Estimated, ..usage };
        assert_eq!(words(&guessed), "12.3k tokens in, 345 out, $1.25, estimated");
        assert!(words(&Usage::default()).contains("does not say"));
        assert_eq!((tokens(999), tokens(4_560_000)), ("999".to_owned(), "4.5M".to_owned()));
    }

    #[test]
    fn a_limit_says_what_and_until_when() {
        let shown = limit(LimitKind::Rate, Some(Reset::In(60_000)), "slow\ndown");
        assert_eq!(shown, r"limit: too many requests, again in 1m: slow\ndown");
        assert_eq!(limit_json(LimitKind::SignIn, None, "x")["limit"], "sign_in");
        assert_eq!(
            limit_json(LimitKind::Quota, Some(Reset::At(1_800_000_000_000)), "")["reset_at"],
            "2027-01-15T08:00:00Z"
        );
    }
}
