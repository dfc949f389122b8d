//! Runs: a listing, a page, a line when one moves.

mod page;

pub(crate) use page::{Opened, detail_json, page};

use super::table::{Cell, Table};
use super::text::plain;
use super::time;
use crate::exit::Exit;
use crate::out::Paint;
use ostler_core::ids::DeviceId;
use ostler_core::run::{AttemptEnd, Hold, Life, Outcome, State};
use ostler_core::time::Timestamp;
use ostler_proto::RunView;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What devices are called.
pub(crate) type Names = BTreeMap<DeviceId, String>;

/// A device's name, or its short id.
pub(crate) fn name(names: &Names, id: DeviceId) -> String {
    names.get(&id).map_or_else(|| id.short(), |name| plain(name))
}

/// The colour of a state's word.
pub(crate) fn tint(life: &Life) -> fn(Paint, &str) -> String {
    match life.state() {
        State::Held { .. } | State::Ready => Paint::dim,
        State::Leased(_) => Paint::cyan,
        State::Parked { .. } => Paint::yellow,
        State::Dead { .. } => Paint::red,
        State::Settled(settlement) => match settlement.outcome {
            Outcome::Succeeded => Paint::green,
            Outcome::Failed(_) | Outcome::Expired => Paint::red,
            Outcome::Cancelled => Paint::yellow,
        },
    }
}

/// The state's word, with what a person must know beside it.
pub(crate) fn word(view: &RunView) -> String {
    let word = view.life.state().word();
    if view.asking.is_empty() { word.to_owned() } else { format!("{word} (asks)") }
}

/// Why it is where it is, in a few words; empty when the state says it all.
pub(crate) fn why(life: &Life, now: Timestamp) -> String {
    match life.state() {
        State::Held { until, why } => {
            let wait = time::length(until.since(now));
            match why {
                Hold::Asked => format!("starts in {wait}"),
                Hold::Backoff => format!("tries again in {wait}: {}", last_failure(life).unwrap_or_default()),
                Hold::Limit => format!("a provider's limit, tries again in {wait}"),
            }
        }
        State::Settled(settlement) => match &settlement.outcome {
            Outcome::Failed(failure) => plain(&failure.to_string()),
            Outcome::Succeeded | Outcome::Cancelled | Outcome::Expired => String::new(),
        },
        State::Dead { cause, .. } => match last_failure(life) {
            Some(failure) => format!("{cause}; last: {failure}"),
            None => cause.to_string(),
        },
        State::Ready | State::Leased(_) | State::Parked { .. } => String::new(),
    }
}

fn last_failure(life: &Life) -> Option<String> {
    life.history.iter().rev().find_map(|attempt| match &attempt.end {
        AttemptEnd::Failed(failure) => Some(plain(&failure.to_string())),
        AttemptEnd::Succeeded | AttemptEnd::Declined(_) | AttemptEnd::Stopped => None,
    })
}

/// Who executes it, or did last.
pub(crate) fn runner(life: &Life) -> Option<DeviceId> {
    life.lease().map(|lease| lease.worker).or_else(|| life.history.last().map(|attempt| attempt.worker))
}

/// When it was over, if it is.
pub(crate) fn ended_at(life: &Life) -> Option<Timestamp> {
    match life.state() {
        State::Settled(settlement) => Some(settlement.at),
        State::Dead { at, .. } => Some(*at),
        State::Held { .. } | State::Ready | State::Leased(_) | State::Parked { .. } => None,
    }
}

/// Attempts begun; an offer that was not (or not yet) taken is none.
pub(crate) fn attempts(life: &Life) -> usize {
    let ended = life.history.iter().filter(|attempt| !matches!(attempt.end, AttemptEnd::Declined(_))).count();
    ended + usize::from(life.lease().is_some_and(|lease| lease.phase.since().is_some()))
}

/// The exit code of a run that is over; none while it is not.
pub(crate) fn exit(life: &Life) -> Option<Exit> {
    match life.state() {
        State::Settled(settlement) => Some(match settlement.outcome {
            Outcome::Succeeded => Exit::Success,
            Outcome::Failed(_) => Exit::RunFailed,
            Outcome::Cancelled => Exit::Cancelled,
            Outcome::Expired => Exit::Expired,
        }),
        State::Dead { .. } => Some(Exit::Dead),
        State::Held { .. } | State::Ready | State::Leased(_) | State::Parked { .. } => None,
    }
}

/// Runs under each other.
pub(crate) fn listing(runs: &[RunView], names: &Names, now: Timestamp) -> Table {
    let mut table = Table::new(&["RUN", "NAME", "STATE", "AGENT", "RUNNER", "TRIES", "AGE", "WHY"], 7);
    for view in runs {
        let (life, header) = (&view.life, &view.spec.header);
        table.row(vec![
            Cell::painted(view.spec.id.short(), Paint::bold),
            plain(&header.name).into(),
            Cell::painted(word(view), tint(life)),
            plain(&header.agent).into(),
            runner(life).map_or_else(|| "-".to_owned(), |id| name(names, id)).into(),
            format!("{}/{}", attempts(life), header.attempts.max).into(),
            time::length(ended_at(life).unwrap_or(now).since(view.spec.created_at)).into(),
            why(life, now).into(),
        ]);
    }
    table
}

/// One line for a run that moved.
pub(crate) fn moved(view: &RunView, names: &Names, now: Timestamp, paint: Paint) -> String {
    format!("{} {}", paint.dim(&view.spec.id.short()), stands(view, names, now, paint))
}

/// Where a run stands, on whom, and why.
pub(crate) fn stands(view: &RunView, names: &Names, now: Timestamp, paint: Paint) -> String {
    let state = tint(&view.life)(paint, &word(view));
    let on = view.life.lease().map(|lease| format!(" on {}, epoch {}", name(names, lease.worker), lease.id.epoch));
    let why = why(&view.life, now);
    let why = if why.is_empty() { why } else { format!(": {why}") };
    format!("{state}{}{why}", on.unwrap_or_default())
}

/// Who could not take a run, and why; empty when somebody could.
pub(crate) fn unmet(unmet: &[(String, Vec<String>)]) -> Vec<String> {
    let line = |(runner, misses): &(String, Vec<String>)| {
        let misses: Vec<String> = misses.iter().map(|miss| plain(miss)).collect();
        format!("  {} {}", plain(runner), misses.join("; "))
    };
    unmet.iter().map(line).collect()
}

/// A run for programs.
pub(crate) fn json(view: &RunView, names: &Names) -> Value {
    let (life, header) = (&view.life, &view.spec.header);
    json!({
        "id": view.spec.id.to_string(),
        "name": header.name,
        "state": life.state().word(),
        "agent": header.agent,
        "queue": header.queue,
        "pool": header.pool,
        "priority": header.priority,
        "requirements": header.requirements.to_string(),
        "key": header.key,
        "submitter": view.spec.submitter.to_string(),
        "created_at": time::rfc3339(view.spec.created_at),
        "ended_at": ended_at(life).map(time::rfc3339),
        "attempts": attempts(life),
        "attempts_max": header.attempts.max,
        "epoch": life.epoch,
        "runner": runner(life).map(|id| json!({ "id": id.to_string(), "name": names.get(&id) })),
        "why": why(life, view.spec.created_at),
        "asking": view.asking.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ostler_core::failure::{Attempts, Cause, Failure, FailureClass};
    use ostler_core::ids::{Digest, LeaseId, RunId};
    use ostler_core::lease::{Lease, Phase};
    use ostler_core::run::{Header, Spec};

    pub(crate) const NOW: Timestamp = Timestamp(1_800_000_100_000);
    pub(crate) const RUN: RunId = RunId([1, 0x8c, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
    pub(crate) const WORKER: DeviceId = DeviceId([7; 32]);

    pub(crate) fn names() -> Names {
        Names::from([(WORKER, "barn".to_owned())])
    }

    pub(crate) fn view(name: &str, state: State) -> RunView {
        let header = Header {
            name: name.to_owned(),
            queue: "default".to_owned(),
            pool: "default".to_owned(),
            priority: 3,
            requirements: "os=linux".parse().expect("requirements"),
            agent: "shell".to_owned(),
            attempts: Attempts { max: 2, of_task: true },
            hold_ms: None,
            start_within_ms: None,
            slot: ostler_core::approval::SlotPolicy::Stay,
            key: None,
        };
        let created_at = Timestamp(NOW.0 - 90_000);
        let spec = Spec { id: RUN, header, digest: Digest([0; 32]), submitter: WORKER, created_at };
        RunView { spec, life: Life::new(created_at, state), asking: Vec::new() }
    }

    fn leased() -> State {
        let id = LeaseId { run: RUN, epoch: 2 };
        State::Leased(Lease { id, worker: WORKER, granted_at: NOW, phase: Phase::Held { since: NOW } })
    }

    #[test]
    fn a_listing_says_who_where_and_why() {
        let failed = Failure::new(FailureClass::Task, "exit 1");
        let settled = ostler_core::run::Settlement {
            outcome: Outcome::Failed(failed),
            at: Timestamp(NOW.0 - 30_000),
            epoch: Some(1),
            report: None,
        };
        let runs = [view("fix\u{202e}me", leased()), view("two", State::Ready), view("three", State::Settled(settled))];
        let expected = "\
RUN             NAME         STATE    AGENT  RUNNER  TRIES  AGE     WHY
run_1414284a19  fix\\u{202e}me  running  shell  barn    1/2    1m 30s  
run_1414284a19  two          ready    shell  -       0/2    1m 30s  
run_1414284a19  three        failed   shell  -       0/2    1m      task: exit 1";
        let shown = listing(&runs, &names(), NOW).print(200, Paint::off());
        let squeeze = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut expected = squeeze(expected);
        expected.iter_mut().filter(|word| word.starts_with("run_")).for_each(|word| *word = RUN.short());
        assert_eq!(squeeze(&shown), expected);
    }

    #[test]
    fn a_move_says_where_and_under_which_epoch() {
        let line = moved(&view("x", leased()), &names(), NOW, Paint::off());
        assert_eq!(line, format!("{} running on barn, epoch 2", RUN.short()));
        let held = State::Held { until: NOW.plus(5_000), why: Hold::Asked };
        assert!(moved(&view("x", held), &names(), NOW, Paint::off()).ends_with("held: starts in 5.0s"));
    }

    #[test]
    fn every_end_has_its_code() {
        let dead = State::Dead { cause: Cause::Exhausted, at: NOW };
        assert_eq!(exit(&view("x", dead).life), Some(Exit::Dead));
        assert_eq!(exit(&view("x", State::Ready).life), None);
    }
}
