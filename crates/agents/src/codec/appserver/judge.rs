//! What Codex's errors mean for the run (read against 0.169.0).
//!
//! Owns its error codes. Where it gives none, its words are read as everybody's are.

use crate::codec::refusal::{self, Refusal};
use crate::codec::verdict::{Verdict, limit};
use crate::codec::words::text;
use ostler_core::event::Event;
use ostler_core::failure::FailureClass;
use ostler_core::usage::{LimitKind, Reset};
use serde_json::Value;

/// What its provider does not give; none when the error is of another kind.
pub(crate) fn refused(error: &Value, resets: Option<Reset>) -> Option<Refusal> {
    let info = &error["codexErrorInfo"];
    let status = info.as_object().and_then(|kinds| kinds.values().next()?.get("httpStatusCode")?.as_u64());
    let words = refusal::read(words(error));
    let kind = match info.as_str().unwrap_or_default() {
        "usageLimitExceeded" | "sessionBudgetExceeded" => LimitKind::Quota,
        "rateLimitExceeded" => LimitKind::Rate,
        "serverOverloaded" | "internalServerError" | "flexUnavailable" | "policyCapacityUnavailable" => {
            LimitKind::Overloaded
        }
        "unauthorized" => LimitKind::SignIn,
        "badRequest" | "contextWindowExceeded" | "sandboxError" | "modelNotFound" => return None,
        _ => status.and_then(limit).or(words.map(|words| words.kind)).or_else(|| unset_key(error))?,
    };
    let reset = if kind == LimitKind::Quota { resets } else { None };
    Some(Refusal { kind, reset: reset.or(words.and_then(|words| words.reset)) })
}

/// Its message, or what was said to it: while it retries, the message is "Reconnecting… 1/5".
fn words(error: &Value) -> &str {
    [text(error, "/additionalDetails"), text(error, "/message")]
        .into_iter()
        .find(|said| !said.is_empty())
        .unwrap_or_default()
}

/// A provider of the owner's own, whose key is not in the environment.
fn unset_key(error: &Value) -> Option<LimitKind> {
    words(error).contains("Missing environment variable").then_some(LimitKind::SignIn)
}

/// The verdict of a turn that failed.
pub(crate) fn failed(error: &Value, resets: Option<Reset>) -> Verdict {
    let words = words(error).to_owned();
    match refused(error, resets) {
        Some(refusal) => Verdict::Not(refusal.failure(), words),
        None => Verdict::not(FailureClass::Agent, "turn failed", words),
    }
}

/// The error as an event.
pub(crate) fn told(error: &Value, resets: Option<Reset>) -> Event {
    let words: String = words(error).chars().take(2_000).collect();
    match refused(error, resets) {
        Some(refusal) => refusal.event(&words),
        None => Event::Failed(words),
    }
}

/// `account/rateLimits/updated`: when the plan's fuller window begins anew.
pub(crate) fn resets(limits: &Value) -> Option<Reset> {
    let windows = [&limits["primary"], &limits["secondary"]];
    let full = |window: &&&Value| window["usedPercent"].as_f64().is_some_and(|used| used >= 100.0);
    let seconds = windows.iter().filter(full).filter_map(|window| window["resetsAt"].as_u64()).max()?;
    Some(Reset::At(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(info: Value, message: &str, expected: Option<LimitKind>) {
        let error = json!({"message": message, "codexErrorInfo": info});
        assert_eq!(refused(&error, None).map(|refusal| refusal.kind), expected, "{error}");
    }

    #[test]
    fn errors_are_read_by_code_then_by_status_then_by_words() {
        check(json!("usageLimitExceeded"), "You've hit your usage limit.", Some(LimitKind::Quota));
        check(json!("unauthorized"), "", Some(LimitKind::SignIn));
        check(json!({"responseStreamConnectionFailed": {"httpStatusCode": 401}}), "x", Some(LimitKind::SignIn));
        check(json!({"responseTooManyFailedAttempts": {"httpStatusCode": 429}}), "x", Some(LimitKind::Rate));
        check(json!({"responseStreamDisconnected": {"httpStatusCode": null}}), "stream disconnected", None);
        check(json!("other"), "unexpected status 401 Unauthorized: no", Some(LimitKind::SignIn));
        check(json!("other"), "Missing environment variable: `KEY`.", Some(LimitKind::SignIn));
        check(json!("badRequest"), "429 is no number here", None);
        check(Value::Null, "turned over", None);
    }

    #[test]
    fn a_full_window_says_when_it_begins_anew() {
        let limits =
            json!({"primary": {"usedPercent": 100.0, "resetsAt": 5}, "secondary": {"usedPercent": 40, "resetsAt": 9}});
        assert_eq!(resets(&limits), Some(Reset::At(5_000)));
        assert_eq!(resets(&json!({"primary": null})), None);
    }
}
