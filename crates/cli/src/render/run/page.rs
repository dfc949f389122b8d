//! One run with everything about it: what the relay knows, and what only the fleet's devices can read.

use super::{Names, attempts, name, tint, unmet, why, word};
use crate::out::Paint;
use crate::render::text::{command, cut, plain};
use crate::render::{approval, rule, time, usage};
use ostler_client::ClientError;
use ostler_core::ids::{DeviceId, LeaseId};
use ostler_core::run::{Attempt, AttemptEnd};
use ostler_core::task::{Task, Work};
use ostler_core::time::Timestamp;
use ostler_core::usage::{Conclusion, Usage};
use ostler_proto::RunDetail;
use serde_json::{Value, json};

/// Characters of a prompt on a page: what it was about, not all of it.
const PROMPT_CHARS_MAX: usize = 300;

/// What was sealed, opened on this device.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What it was asked to do; none when the relay no longer keeps it, or it cannot be read here.
    pub(crate) task: Option<Task>,
    /// How its attempts ended, by epoch.
    pub(crate) ends: Vec<(u64, Result<Conclusion, ClientError>)>,
}

impl Opened {
    /// What all attempts consumed together; none when none of them says.
    fn usage(&self) -> Option<Usage> {
        let known = self.ends.iter().filter_map(|(_, end)| end.as_ref().ok()?.usage);
        known.reduce(Usage::plus)
    }
}

/// Everything about one run.
pub(crate) fn page(detail: &RunDetail, opened: &Opened, names: &Names, now: Timestamp, paint: Paint) -> String {
    let view = &detail.view;
    let mut fields = header(detail, names, now, paint);
    if let Some(task) = &opened.task {
        fields.extend(tasked(task));
    }
    fields.push(("events", detail.last_seq.to_string()));
    if let Some(usage) = opened.usage() {
        fields.push(("used", usage::words(&usage)));
    }
    let mut out: Vec<String> =
        fields.into_iter().map(|(field, value)| format!("{} {value}", paint.dim(&format!("{field:>10}")))).collect();
    for attempt in &view.life.history {
        out.push(attempted(attempt, names));
        out.extend(ended(attempt.epoch, opened).into_iter().map(|line| format!("    {line}")));
    }
    out.extend(detail.approvals.iter().map(|approval| format!("  approval {}", approval::brief(approval, names))));
    out.extend(detail.late.iter().map(|late| late_report(late, names)));
    out.extend(unmet(&detail.unmet));
    out.join("\n")
}

/// What the relay knows of it.
fn header(detail: &RunDetail, names: &Names, now: Timestamp, paint: Paint) -> Vec<(&'static str, String)> {
    let (view, header) = (&detail.view, &detail.view.spec.header);
    let why = why(&view.life, now);
    let state = tint(&view.life)(paint, &word(view)) + &if why.is_empty() { why } else { format!(": {why}") };
    let requirements = header.requirements.to_string();
    let mut fields = vec![
        ("run", view.spec.id.to_string()),
        ("name", plain(&header.name)),
        ("state", state),
        ("agent", plain(&header.agent)),
        ("queue", format!("{}, pool {}, priority {}", plain(&header.queue), plain(&header.pool), header.priority)),
        ("requires", if requirements.is_empty() { "nothing".to_owned() } else { plain(&requirements) }),
        ("submitted", format!("{} by {}", time::local(view.spec.created_at), name(names, view.spec.submitter))),
        ("attempts", format!("{} of {}", attempts(&view.life), header.attempts.max)),
    ];
    fields.extend(header.key.as_ref().map(|key| ("key", plain(key))));
    fields
}

/// What it was asked to do.
fn tasked(task: &Task) -> Vec<(&'static str, String)> {
    let asked = match &task.work {
        Work::Prompt(text) => cut(&plain(text.trim()), PROMPT_CHARS_MAX),
        Work::Command(argv) => command(argv),
    };
    let mut fields = vec![("asked", asked)];
    if let Some(run) = task.continues {
        fields.push(("goes on", format!("with {run}")));
    }
    fields.extend(task.model.as_ref().map(|model| ("model", plain(model))));
    if let Some(check) = &task.check {
        let back = match check.rounds {
            0 => "not sent back",
            1 => "sent back once at most",
            _ => &format!("sent back {} times at most", check.rounds),
        };
        fields.push(("check", format!("$ {} ({back})", plain(&check.command))));
    }
    if !task.rules.is_empty() {
        let rules: Vec<String> = task.rules.iter().map(rule::words).collect();
        fields.push(("policy", cut(&rules.join("; "), PROMPT_CHARS_MAX)));
    }
    if !task.env.is_empty() {
        let names: Vec<String> = task.env.iter().map(|(name, _)| plain(name)).collect();
        fields.push(("variables", names.join(" ")));
    }
    fields
}

fn attempted(attempt: &Attempt, names: &Names) -> String {
    let end = match &attempt.end {
        AttemptEnd::Succeeded => "succeeded".to_owned(),
        AttemptEnd::Failed(failure) => plain(&failure.to_string()),
        AttemptEnd::Declined(why) => format!("declined: {}", plain(why)),
        AttemptEnd::Stopped => "stopped".to_owned(),
    };
    let took = attempt.started_at.map(|started| format!(" after {}", time::length(attempt.ended_at.since(started))));
    format!("  attempt {} on {}: {end}{}", attempt.epoch, name(names, attempt.worker), took.unwrap_or_default())
}

/// How the attempt of `epoch` ended, in its runner's words.
fn ended(epoch: u64, opened: &Opened) -> Vec<String> {
    match opened.ends.iter().find(|(of, _)| *of == epoch) {
        Some((_, Ok(conclusion))) => usage::conclusion(conclusion),
        Some((_, Err(error))) => vec![format!("its result cannot be read: {}", plain(&error.to_string()))],
        None => Vec::new(),
    }
}

fn late_report((lease, worker, _): &(LeaseId, DeviceId, Vec<u8>), names: &Names) -> String {
    format!("  late report of attempt {} by {}: kept, not applied", lease.epoch, name(names, *worker))
}

/// A run with everything about it, for programs.
pub(crate) fn detail_json(detail: &RunDetail, opened: &Opened, names: &Names) -> Value {
    let mut value = super::json(&detail.view, names);
    let history = detail.view.life.history.iter().map(|attempt| attempt_json(attempt, opened));
    value["history"] = history.collect();
    value["approvals"] = detail.approvals.iter().map(approval::json).collect();
    value["late_reports"] =
        detail.late.iter().map(|(lease, worker, _)| json!([lease.epoch, worker.to_string()])).collect();
    value["unmet"] = json!(detail.unmet);
    value["last_event"] = json!(detail.last_seq);
    value["task"] = opened.task.as_ref().map(task_json).unwrap_or_default();
    value["usage"] = opened.usage().as_ref().map(usage::json).unwrap_or_default();
    value
}

fn attempt_json(attempt: &Attempt, opened: &Opened) -> Value {
    let end = match &attempt.end {
        AttemptEnd::Succeeded => "succeeded".to_owned(),
        AttemptEnd::Failed(failure) => failure.to_string(),
        AttemptEnd::Declined(why) => format!("declined: {why}"),
        AttemptEnd::Stopped => "stopped".to_owned(),
    };
    let result = opened.ends.iter().find(|(of, _)| *of == attempt.epoch).map(|(_, end)| match end {
        Ok(conclusion) => usage::conclusion_json(conclusion),
        Err(error) => json!({ "error": error.to_string() }),
    });
    json!({
        "epoch": attempt.epoch,
        "runner": attempt.worker.to_string(),
        "started_at": attempt.started_at.map(time::rfc3339),
        "ended_at": time::rfc3339(attempt.ended_at),
        "end": end,
        "result": result,
    })
}

/// Names of variables only: their values may be secrets.
fn task_json(task: &Task) -> Value {
    let (prompt, argv) = match &task.work {
        Work::Prompt(text) => (Some(text), None),
        Work::Command(argv) => (None, Some(argv)),
    };
    json!({
        "prompt": prompt,
        "argv": argv,
        "repository": task.source.as_ref().map(|source| &source.repository),
        "reference": task.source.as_ref().and_then(|source| source.reference.as_ref()),
        "continues": task.continues.map(|run| run.to_string()),
        "model": task.model,
        "check": task.check.as_ref().map(|check| json!({ "command": check.command, "rounds": check.rounds })),
        "rules": task.rules.iter().map(rule::json).collect::<Vec<_>>(),
        "env_names": task.env.iter().map(|(name, _)| name).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, RUN, WORKER, names, view};
    use super::*;
    use ostler_core::run::State;
    use ostler_core::usage::UsageSource;

    fn detail(epochs: &[u64]) -> RunDetail {
        let mut view = view("x", State::Ready);
        let attempt = |epoch: &u64| Attempt {
            epoch: *epoch,
            worker: WORKER,
            started_at: Some(NOW),
            ended_at: NOW.plus(2_000),
            end: AttemptEnd::Succeeded,
            report: None,
        };
        view.life.history = epochs.iter().map(attempt).collect();
        RunDetail { view, approvals: vec![], results: vec![], late: vec![], unmet: vec![], last_seq: 9 }
    }

    fn end(epoch: u64, micros: u64) -> (u64, Result<Conclusion, ClientError>) {
        let usage = Usage {
            input_tokens: 1_000,
            output_tokens: 10,
            cost_micros: Some(micros),
            source: UsageSource::Reported,
            ..Usage::default()
        };
        (
            epoch,
            Ok(Conclusion { words: format!("said {epoch}"), usage: Some(usage), session: None, checked: Some(true) }),
        )
    }

    #[test]
    fn each_attempt_has_its_result_and_the_run_has_their_sum() {
        let unreadable = (2, Err(ClientError::Content("the result")));
        let task = Task { continues: Some(RUN), ..Task::new("claude", Work::Prompt("do\u{1b}it".to_owned())) };
        let opened = Opened { task: Some(task), ends: vec![end(1, 200_000), unreadable, end(3, 300_000)] };
        let shown = page(&detail(&[1, 2, 3]), &opened, &names(), NOW, Paint::off());
        assert!(shown.contains("used 2k tokens in, 20 out, $0.50"), "{shown}");
        let first = "attempt 1 on barn: succeeded after 2.0s\n    said 1\n    check passed\n    used 1k tokens in";
        assert!(shown.contains(first), "{shown}");
        assert!(shown.contains("its result cannot be read: the result opened"), "{shown}");
        assert!(shown.contains(r"asked do\u{1b}it") && shown.contains(&format!("goes on with {RUN}")), "{shown}");
        let value = detail_json(&detail(&[1, 3]), &opened, &names());
        assert_eq!(value["history"][1]["result"]["usage"]["cost_micros"], 300_000);
        assert_eq!(value["usage"]["cost_micros"], 500_000);
        assert_eq!(value["task"]["prompt"], "do\u{1b}it");
    }

    #[test]
    fn values_of_variables_are_never_shown() {
        let task = Task {
            env: vec![("TOKEN".to_owned(), "hush".to_owned())],
            ..Task::new("shell", Work::Command(vec!["true".to_owned()]))
        };
        let opened = Opened { task: Some(task), ends: vec![] };
        let shown = page(&detail(&[]), &opened, &names(), NOW, Paint::off());
        let value = detail_json(&detail(&[]), &opened, &names()).to_string();
        assert!(shown.contains("variables TOKEN") && value.contains("TOKEN"));
        assert!(!shown.contains("hush") && !value.contains("hush"));
    }
}
