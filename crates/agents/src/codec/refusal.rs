//! What an error text says about the provider behind an agent: signed in or not, a limit, and when it ends.
//!
//! Owns the reading of error texts, which all agents word differently and all copy from few providers. Must only be
//! asked about errors: an agent that writes about the number 429 in its answer is not refused.

use super::verdict::SIGNED_OUT;
use ostler_core::event::Event;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::usage::{LimitKind, Reset};

/// Words of an error, in lower case, and what they stand for; the first line that matches is it. Numbers are HTTP
/// statuses (RFC 9110 §15, RFC 6585 §4; 529 is Anthropic's "overloaded").
const WORDS: [(LimitKind, &[&str]); 5] = [
    (
        LimitKind::Quota,
        &["quota", "usage limit", "billing", "credit balance", "insufficient_quota", "budget", "payment required"],
    ),
    (LimitKind::Rate, &["rate limit", "rate_limit", "ratelimit", "too many requests", "resource_exhausted"]),
    (LimitKind::Overloaded, &["overloaded", "service unavailable", "bad gateway", "no capacity"]),
    (
        LimitKind::SignIn,
        &[
            "unauthorized",
            "unauthenticated",
            "authentication",
            "auth_required",
            "invalid api key",
            "incorrect api key",
            "api key not",
            "missing api key",
            "api_key",
            "not logged in",
            "not signed in",
            "log in",
            "login",
            "sign in",
            "no provider configured",
            "forbidden",
        ],
    ),
    (LimitKind::Overloaded, &["internal server error"]),
];
const STATUSES: [(LimitKind, &[&str]); 4] = [
    (LimitKind::Rate, &["429"]),
    (LimitKind::SignIn, &["401", "403"]),
    (LimitKind::Quota, &["402"]),
    (LimitKind::Overloaded, &["529", "503", "502", "500", "504"]),
];
/// What stands before a waiting time.
const WAITS: [&str; 8] =
    ["retry-after", "retry after", "retrydelay", "try again in", "retry in", "resets in", "reset in", "reset after"];
/// Characters between those words and the time: quotes, colons, blanks.
const WAIT_GAP_MAX: usize = 6;
/// No provider makes anybody wait longer; more is a misread number.
const WAIT_MS_MAX: u64 = 31 * 24 * 3_600_000;

/// What a provider does not give, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: LimitKind,
    pub(crate) reset: Option<Reset>,
}

impl Refusal {
    /// As an event with the provider's words.
    pub(crate) fn event(self, words: &str) -> Event {
        Event::Limit { kind: self.kind, reset: self.reset, message: words.to_owned() }
    }

    /// What it means for the attempt: without a sign-in another runner may do better, a limit is waited for.
    pub(crate) fn failure(self) -> Failure {
        let (class, code) = match self.kind {
            LimitKind::SignIn => (FailureClass::Infra, SIGNED_OUT),
            LimitKind::Rate | LimitKind::Quota => (FailureClass::Limit, "provider limit"),
            LimitKind::Overloaded => (FailureClass::Limit, "provider unavailable"),
        };
        let retry_after_ms = match self.reset {
            Some(Reset::In(ms)) if class == FailureClass::Limit => Some(ms),
            Some(Reset::In(_) | Reset::At(_)) | None => None,
        };
        Failure { retry_after_ms, ..Failure::new(class, code) }
    }
}

/// Reads an error text; none when it speaks of no provider.
pub(crate) fn read(text: &str) -> Option<Refusal> {
    let lower = text.to_lowercase();
    let numbers = |status: &&str| lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == *status);
    let status = STATUSES.iter().find(|(_, statuses)| statuses.iter().any(numbers)).map(|(kind, _)| *kind);
    let worded = WORDS.iter().find(|(_, words)| words.iter().any(|word| lower.contains(word))).map(|(kind, _)| *kind);
    // A quota is also refused with status 429; otherwise the status is surer than the words.
    let kind = match (status, worded) {
        (Some(LimitKind::Rate), Some(LimitKind::Quota)) => LimitKind::Quota,
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => return None,
    };
    let reset = if kind == LimitKind::SignIn { None } else { wait(&lower).map(Reset::In) };
    Some(Refusal { kind, reset })
}

/// The waiting time (ms) an error text names.
fn wait(lower: &str) -> Option<u64> {
    WAITS.iter().find_map(|words| {
        let rest = &lower[lower.find(words)? + words.len()..];
        let gap = rest.find(|c: char| c.is_ascii_digit()).filter(|gap| *gap <= WAIT_GAP_MAX)?;
        duration(&rest[gap..])
    })
}

/// `1m30s`, `20s`, `1.5 seconds`, `300ms`, `2 hours`; a bare number is seconds (RFC 9110 §10.2.3).
fn duration(text: &str) -> Option<u64> {
    let (mut total, mut rest, mut any) = (0.0_f64, text, false);
    loop {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let Ok(number) = rest[..end].trim_end_matches('.').parse::<f64>() else { break };
        let after = rest[end..].trim_start();
        let unit: String = after.chars().take_while(char::is_ascii_alphabetic).collect();
        let ms = match unit.as_str() {
            "ms" | "milliseconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000.0,
            _ if any => break,
            _ => 1_000.0,
        };
        (total, any) = (total + number * ms, true);
        rest = after[unit.len()..].trim_start();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within the bound")]
    (any && total > 0.0 && total <= WAIT_MS_MAX as f64).then(|| total.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: Option<LimitKind>, wait_ms: Option<u64>) {
        let expected = kind.map(|kind| Refusal { kind, reset: wait_ms.map(Reset::In) });
        assert_eq!(read(text), expected, "{text}");
    }

    #[test]
    fn refusals_as_agents_word_them() {
        check("Internal error: 401 Incorrect API key provided", Some(LimitKind::SignIn), None);
        check("Authentication required", Some(LimitKind::SignIn), None);
        check("HTTP 429 Too Many Requests, retry after 20s", Some(LimitKind::Rate), Some(20_000));
        check("429 You exceeded your current quota. \"retryDelay\":\"37s\"", Some(LimitKind::Quota), Some(37_000));
        check("Rate limit reached, please try again in 1m30.5s.", Some(LimitKind::Rate), Some(90_500));
        check("status 529: overloaded_error; retry-after: 7", Some(LimitKind::Overloaded), Some(7_000));
        check("503 Service Unavailable", Some(LimitKind::Overloaded), None);
        check("rate limit, try again in 300ms", Some(LimitKind::Rate), Some(300));
        check("rate limit, try again in 2 hours or so", Some(LimitKind::Rate), Some(7_200_000));
        check("rate limit, try again in 999999999999999999999999 days", Some(LimitKind::Rate), None);
        check("file4290.txt could not be read", None, None);
        check("'NoneType' object has no attribute 'startswith'", None, None);
    }

    #[test]
    fn a_sign_in_is_for_a_person_and_a_limit_is_waited_for() {
        let signed = read("401").expect("read").failure();
        assert_eq!((signed.class, signed.retry_after_ms), (FailureClass::Infra, None));
        let limited = read("429, retry after 3").expect("read").failure();
        assert_eq!((limited.class, limited.retry_after_ms), (FailureClass::Limit, Some(3_000)));
    }
}
