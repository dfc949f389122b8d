//! What a `result` of Claude Code means for the run, and what its provider's limits are.
//!
//! Owns the words in which it tells that it cannot go on (read against 2.1.329).

use crate::codec::verdict::{SESSION_GONE, SIGNED_OUT, Verdict, limit, provider};
use crate::codec::words::{list, number, text};
use ostler_core::event::Event;
use ostler_core::failure::{Failure, FailureClass};
use ostler_core::usage::{LimitKind, Reset};
use serde_json::Value;

/// A longer wait is the ledger's, which holds the run without holding a runner.
const WAIT_MS_MAX: u64 = 90_000;
const INTERRUPTED: &str = "interrupted";
const BROKEN: (FailureClass, &str) = (FailureClass::Agent, "error during execution");

/// The verdict of one turn.
pub(crate) fn judge(result: &Value) -> Verdict {
    if result["is_error"] == Value::Bool(false) {
        return Verdict::Done(text(result, "/result").to_owned());
    }
    let words = [text(result, "/result"), text(result, "/errors/0")].join(" ").trim().to_owned();
    let status = result.pointer("/api_error_status").and_then(Value::as_u64);
    let (class, code) = match (text(result, "/subtype"), text(result, "/terminal_reason")) {
        _ if words.starts_with("No conversation found") => (FailureClass::Agent, SESSION_GONE),
        ("error_max_budget_usd", _) => (FailureClass::Task, "budget spent"),
        ("error_max_turns", _) => (FailureClass::Task, "turns spent"),
        // No status, and no model was asked: it is not signed in on this machine; another may be.
        (_, "api_error") if status.is_none() && number(result, "/usage/input_tokens") == 0 => signed_out(&words),
        (_, "api_error") => status.and_then(provider).unwrap_or(BROKEN),
        (_, "aborted_tools" | "aborted_streaming") => (FailureClass::Agent, INTERRUPTED),
        _ => BROKEN,
    };
    let words = if code == INTERRUPTED { "the agent was interrupted".to_owned() } else { words };
    Verdict::not(class, code, words)
}

fn signed_out(words: &str) -> (FailureClass, &'static str) {
    let tells = ["/login", "API key", "OAuth", "authenticat"];
    if tells.iter().any(|sign| words.contains(sign)) { (FailureClass::Infra, SIGNED_OUT) } else { BROKEN }
}

/// The limit that made a turn fail, if one did.
pub(crate) fn failed_by(verdict: &Verdict, result: &Value) -> Option<Event> {
    let Verdict::Not(failure, words) = verdict else { return None };
    let kind = match failure.class {
        _ if failure.code == SIGNED_OUT => LimitKind::SignIn,
        FailureClass::Limit if quota(words) => LimitKind::Quota,
        FailureClass::Limit => limit(number(result, "/api_error_status")).unwrap_or(LimitKind::Overloaded),
        FailureClass::Infra
        | FailureClass::Agent
        | FailureClass::Task
        | FailureClass::Policy
        | FailureClass::User
        | FailureClass::Absence => return None,
    };
    Some(Event::Limit { kind, reset: stamped(words), message: words.chars().take(2_000).collect() })
}

fn quota(words: &str) -> bool {
    ["usage limit", "hit your limit", "Credit balance", "reached your"].iter().any(|sign| words.contains(sign))
}

/// `…limit reached|1763730000`: the time at which it ends, in Unix seconds.
fn stamped(words: &str) -> Option<Reset> {
    let seconds: u64 = words.rsplit_once('|')?.1.trim().parse().ok()?;
    Some(Reset::At(seconds.saturating_mul(1_000)))
}

/// What `system/api_retry` means when it is no use to wait for the program's own next try.
pub(crate) fn hopeless(line: &Value) -> Option<Verdict> {
    let status = number(line, "/error_status");
    let delay_ms = number(line, "/retry_delay_ms");
    let (class, code) = provider(status)?;
    if code == SIGNED_OUT {
        return Some(Verdict::not(class, code, "its provider refused the sign-in of this runner"));
    }
    (delay_ms > WAIT_MS_MAX).then(|| {
        let words = format!("its provider makes it wait {} s", delay_ms / 1_000);
        Verdict::Not(Failure { retry_after_ms: Some(delay_ms), ..Failure::new(class, code) }, words)
    })
}

/// What is to be said when it ends before its next try.
pub(crate) fn refused(line: &Value) -> Option<Verdict> {
    let (class, code) = provider(number(line, "/error_status"))?;
    Some(Verdict::not(class, code, format!("its provider refused: {}", text(line, "/error"))))
}

/// `system/api_retry`: it tries again by itself.
pub(crate) fn retry(line: &Value) -> Event {
    let (status, error) = (number(line, "/error_status"), text(line, "/error"));
    let (attempt, all) = (number(line, "/attempt"), number(line, "/max_retries"));
    let message = format!("the model could not be reached ({error}), attempt {attempt} of {all}");
    let reset = line.pointer("/retry_delay_ms").and_then(Value::as_u64).map(Reset::In);
    match limit(status) {
        Some(LimitKind::SignIn) => Event::Limit { kind: LimitKind::SignIn, reset: None, message },
        Some(kind) => Event::Limit { kind, reset, message },
        None => Event::Failed(message),
    }
}

/// `rate_limit_event`: what a plan has left. None when there is no event for it.
pub(crate) fn plan(line: &Value) -> Option<Event> {
    let info = line.get("rate_limit_info")?;
    let window = text(info, "/rateLimitType").replace('_', " ");
    match text(info, "/status") {
        "rejected" => {
            let at = info.pointer("/resetsAt").and_then(Value::as_u64);
            let reset = at.map(|seconds| Reset::At(seconds.saturating_mul(1_000)));
            Some(Event::Limit {
                kind: LimitKind::Quota,
                reset,
                message: format!("the plan's limit is reached: {window}"),
            })
        }
        "allowed_warning" => Some(Event::Notice(format!("the plan's limit is near: {window}"))),
        _ => None,
    }
}

/// Denials that nobody here gave: the program's own rules did.
pub(crate) fn denied_unasked(result: &Value, ours: impl Fn(&str) -> bool) -> Vec<Event> {
    let foreign = list(result, "/permission_denials").iter().filter(|one| !ours(text(one, "/tool_use_id"))).take(32);
    foreign.map(|one| Event::Notice(format!("denied by the agent's own rules: {}", text(one, "/tool_name")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(result: Value, class: FailureClass, code: &str, kind: Option<LimitKind>) {
        let verdict = judge(&result);
        let Verdict::Not(failure, _) = &verdict else { panic!("{verdict:?}") };
        assert_eq!((failure.class, failure.code.as_str()), (class, code), "{result}");
        let limit = failed_by(&verdict, &result);
        assert_eq!(limit.map(|event| if let Event::Limit { kind, .. } = event { kind } else { panic!() }), kind);
    }

    #[test]
    fn every_end_has_its_class() {
        let api = |status: Value, words: &str| {
            json!({"is_error": true, "subtype": "success", "terminal_reason": "api_error", "result": words,
                "api_error_status": status})
        };
        check(api(json!(401), "no"), FailureClass::Infra, "not signed in", Some(LimitKind::SignIn));
        check(
            api(Value::Null, "Not logged in · Please run /login"),
            FailureClass::Infra,
            "not signed in",
            Some(LimitKind::SignIn),
        );
        check(api(Value::Null, "fetch failed"), FailureClass::Agent, "error during execution", None);
        check(api(json!(429), "slow down"), FailureClass::Limit, "provider limit", Some(LimitKind::Rate));
        check(
            api(json!(429), "Claude AI usage limit reached|1763730000"),
            FailureClass::Limit,
            "provider limit",
            Some(LimitKind::Quota),
        );
        check(api(json!(529), "overloaded"), FailureClass::Limit, "provider limit", Some(LimitKind::Overloaded));
        check(api(json!(400), "bad"), FailureClass::Agent, "error during execution", None);
        let gone = json!({"is_error": true, "subtype": "error_during_execution", "errors": ["No conversation found with session ID: x"]});
        check(gone, FailureClass::Agent, SESSION_GONE, None);
        assert_eq!(stamped("x|1763730000"), Some(Reset::At(1_763_730_000_000)));
        assert_eq!(stamped("a | b"), None);
    }

    #[test]
    fn a_plan_that_is_used_up_says_until_when() {
        let line = json!({"rate_limit_info": {"status": "rejected", "resetsAt": 1_763_730_000u64, "rateLimitType": "five_hour"}});
        let Some(Event::Limit { kind, reset, message }) = plan(&line) else { panic!("a limit") };
        assert_eq!((kind, reset), (LimitKind::Quota, Some(Reset::At(1_763_730_000_000))));
        assert!(message.ends_with("five hour"));
        assert_eq!(plan(&json!({"rate_limit_info": {"status": "allowed"}})), None);
    }
}
