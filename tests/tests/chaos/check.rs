//! The checker: what people were told, what the relay says after everything restarted, and what the runs did, side by side.
//!
//! Owns the laws. Knows nothing of relay or runner but their answers.

use crate::load::{History, asks, name, verdict};
use ostler_client::{Client, Recording};
use ostler_core::approval::{ApprovalState, Choice};
use ostler_core::event::{Event, Stream};
use ostler_core::ids::{LeaseId, RunId};
use ostler_core::run::{AttemptEnd, Outcome, State};
use ostler_proto::{RunDetail, RunView};
use std::collections::{BTreeMap, BTreeSet};

/// Runs of one listing.
const PAGE: u32 = 500;
/// What a run prints.
const PRINTED: &str = "one\ntwo\n";

/// What the runs did, by attempt (`run-epoch`).
#[derive(Debug, Default)]
struct Effects {
    begun: BTreeMap<String, u64>,
    ended: BTreeMap<String, u64>,
    deployed: BTreeMap<String, u64>,
}

impl Effects {
    fn read(path: &std::path::Path) -> Self {
        let mut effects = Self::default();
        for line in std::fs::read_to_string(path).expect("there were effects").lines() {
            let mut words = line.split(' ');
            let lines = match words.next() {
                Some("begin") => &mut effects.begun,
                Some("end") => &mut effects.ended,
                Some("deploy") => &mut effects.deployed,
                Some(_) | None => panic!("a torn line: {line}"),
            };
            *lines.entry(words.next().expect("an attempt").to_owned()).or_default() += 1;
        }
        effects
    }
}

/// Checks everything.
pub(crate) async fn all(client: &Client, history: &History) {
    let effects = Effects::read(&history.effects);
    for (what, lines) in [("begin", &effects.begun), ("end", &effects.ended), ("deploy", &effects.deployed)] {
        let twice = lines.iter().find(|(_, count)| **count != 1);
        assert!(twice.is_none(), "an attempt does nothing twice: {what} {twice:?}");
    }
    listed(client, history).await;
    let mut tried = BTreeSet::new();
    let mut decided = BTreeMap::new();
    for (index, run) in &history.acknowledged {
        let detail = client.run(*run).await.expect("an acknowledged run is there");
        let winner = completed(*run, &detail);
        let attempt = format!("{run}-{winner}");
        assert!(effects.begun.contains_key(&attempt) && effects.ended.contains_key(&attempt), "{attempt} was done");
        gated(*index, &attempt, &detail, &effects);
        let recording = client.events(*run, 1).await.expect("its events are there");
        numbered(*run, &detail, &recording);
        told(*run, winner, &recording);
        tried.extend((1..=detail.view.life.epoch).map(|epoch| format!("{run}-{epoch}")));
        decided.extend(detail.approvals.into_iter().map(|approval| (approval.id, approval.state)));
    }
    let done = effects.begun.keys().chain(effects.ended.keys()).chain(effects.deployed.keys());
    let strange: Vec<&String> = done.filter(|attempt| !tried.contains(*attempt)).collect();
    assert!(strange.is_empty(), "only granted attempts did anything: {strange:?}");
    for (approval, (_, choice)) in &history.verdicts {
        let kept = matches!(&decided[approval], ApprovalState::Decided(decided) if decided.choice == *choice);
        assert!(kept, "{approval} was decided: {choice:?}, and is {:?}", decided[approval]);
    }
}

/// Every key was submitted until it was acknowledged, and is one run.
async fn listed(client: &Client, history: &History) {
    let mut found: BTreeMap<String, Vec<RunId>> = BTreeMap::new();
    let mut before = None;
    loop {
        let page: Vec<RunView> = client.runs(&[], before, PAGE).await.expect("runs are listed");
        let Some(last) = page.last() else { break };
        before = Some(last.spec.id);
        page.into_iter().for_each(|run| found.entry(run.spec.header.name).or_default().push(run.spec.id));
    }
    let acknowledged = history.acknowledged.iter().map(|(index, run)| (name(*index), vec![*run])).collect();
    assert_eq!(found, acknowledged, "one run for every acknowledged submission, and no other");
}

/// The run succeeded, by one attempt, whose epoch is returned.
fn completed(run: RunId, detail: &RunDetail) -> u64 {
    let life = &detail.view.life;
    let State::Settled(settlement) = life.state() else { panic!("{run}: {life:?}") };
    assert_eq!(settlement.outcome, Outcome::Succeeded, "{run}: {:?}", life.history);
    let winner = settlement.epoch.expect("an attempt settled it");
    let succeeded = life.history.iter().filter(|attempt| attempt.end == AttemptEnd::Succeeded);
    assert_eq!(succeeded.map(|attempt| attempt.epoch).collect::<Vec<_>>(), [winner], "{run} is completed once");
    let epochs: Vec<u64> = life.history.iter().map(|attempt| attempt.epoch).collect();
    assert!(epochs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{run}: epochs grow by one: {epochs:?}");
    assert_eq!(epochs.last(), Some(&winner), "{run}: nothing after its end");
    assert!(detail.results.iter().any(|(epoch, _)| *epoch == winner), "{run}: its result is kept");
    winner
}

/// What was approved was done, once, under its own lease; what was not was not.
fn gated(index: u64, winner: &str, detail: &RunDetail, effects: &Effects) {
    let run = detail.view.spec.id;
    let approved = detail.approvals.iter().filter(
        |approval| matches!(&approval.state, ApprovalState::Decided(decided) if decided.choice == Choice::Approve),
    );
    let approved: BTreeSet<String> = approved
        .map(|a| {
            let LeaseId { run, epoch } = a.lease;
            format!("{run}-{epoch}")
        })
        .collect();
    let deployed = effects.deployed.keys().filter(|attempt| attempt.starts_with(&format!("{run}-")));
    let ungated: Vec<&String> = deployed.filter(|attempt| !approved.contains(*attempt)).collect();
    assert!(ungated.is_empty(), "done without a verdict: {ungated:?}");
    let due = asks(index) && verdict(index) == Choice::Approve;
    assert_eq!(effects.deployed.contains_key(winner), due, "{winner}: done exactly if approved");
}

/// Numbers have neither gap nor repeat, of the run and of each of its attempts; all of them are there.
fn numbered(run: RunId, detail: &RunDetail, recording: &Recording) {
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    for (heard, seq) in recording.events.iter().zip(1..) {
        assert_eq!(heard.seq, seq, "{run}: event numbers are gapless");
        let n = next.entry(heard.epoch).or_insert(1);
        assert_eq!(heard.n, *n, "{run}: event numbers of epoch {} are gapless", heard.epoch);
        *n += 1;
        assert!(heard.event.is_ok(), "{run}: event {seq} opens: {:?}", heard.event);
    }
    assert_eq!(recording.events.len() as u64, detail.last_seq, "{run}: all its events are there");
    assert_eq!(recording.truncated_before, None, "{run}");
}

/// What each attempt printed is there once and in order: all of it for the one that completed the run.
fn told(run: RunId, winner: u64, recording: &Recording) {
    let mut printed: BTreeMap<u64, String> = BTreeMap::from([(winner, String::new())]);
    for heard in &recording.events {
        if let Ok(Event::Output { stream: Stream::Out, bytes }) = &heard.event {
            let text: String = String::from_utf8_lossy(bytes).into_owned();
            printed.entry(heard.epoch).or_default().push_str(&text);
        }
    }
    for (epoch, text) in printed {
        let good = if epoch == winner { text == PRINTED } else { PRINTED.starts_with(&text) };
        assert!(good, "{run}: epoch {epoch} printed {text:?}");
    }
}
