//! A running tree: starting children in it, counting them, killing them on purpose, and counting what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ostler_supervise::{Branch, Child, Door, Notice, Observer, Plan, Restart, Root, Strategy};

use crate::probe::{Diary, Probe, eventually, incarnation};

/// Restarts by kind, as a daemon's metrics count them.
#[derive(Clone, Default)]
struct Counters(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Counters {
    fn observer(&self) -> Observer {
        let counts = Arc::clone(&self.0);
        Arc::new(move |notice| {
            if let Notice::Restarted { kind } = notice {
                *counts.lock().expect("one writer").entry(kind).or_default() += 1;
            }
        })
    }

    fn of(&self, kind: &str) -> usize {
        self.0.lock().expect("one writer").get(kind).copied().unwrap_or(0)
    }
}

/// A relay in small: a ledger, and a branch of runs that are started at run time.
struct Tree {
    root: Root,
    diary: Diary,
    ledger: Door<crate::probe::Tell>,
    runs: Branch,
    counters: Counters,
}

async fn tree() -> Tree {
    let (diary, ledger, runs, counters) = (Diary::default(), Door::new(), Branch::new(), Counters::default());
    let plan = Plan::new(Strategy::RestForOne)
        .observer(counters.observer())
        .child(Probe::new("ledger", &diary).child(&ledger))
        .child(Child::branch("runs", &runs, || Plan::new(Strategy::OneForOne)));
    Tree { root: Root::start(plan).await.expect("it starts"), diary, ledger, runs, counters }
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn children_are_started_at_run_time_and_counted() {
    let tree = tree().await;
    let doors: Vec<Door<_>> = (0..3).map(|_| Door::new()).collect();
    for door in &doors {
        tree.runs.start(Probe::new("run", &tree.diary).child(door), SOON).await.expect("it starts");
    }
    let expected = BTreeMap::from([("ledger", 1), ("runs", 1), ("run", 3)]);
    assert_eq!(tree.root.branch().census().await, expected);
    assert_eq!(tree.runs.census().await, BTreeMap::from([("run", 3)]));
    tree.root.stop().await;
    assert!(doors.iter().all(|door| door.get().is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_cannot_start_is_told_to_whoever_asked() {
    let tree = tree().await;
    let notes = tree.diary.clone();
    let child = Probe::new("run", &tree.diary).failing(1..2).child(&Door::new());
    let child = child.on_end(move |end| notes.write(format!("run ended, {}", end.cause)));
    let refused = tree.runs.start(child, SOON).await.expect_err("it refuses");
    assert!(refused.to_string().contains("told to refuse"), "{refused}");
    assert!(tree.diary.take().iter().any(|line| line.starts_with("run ended, could not be started")));
    assert!(tree.runs.census().await.is_empty());
    tree.root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_kills_a_kind_anywhere_in_the_tree_and_it_comes_back() {
    let tree = tree().await;
    let run = Door::new();
    let child = Probe::new("run", &tree.diary).child(&run).restart(Restart::Transient);
    tree.runs.start(child, SOON).await.expect("it starts");
    assert_eq!(tree.root.branch().kill("run", 1).await, 1);
    tree.diary.until("run dropped").await;
    assert_eq!(incarnation(&run).await, 2, "a kill is a crash, not an orderly end");
    assert_eq!(tree.counters.of("run"), 1, "the branch inherits its parent's observer");
    assert_eq!(tree.root.branch().kill("nobody", 1).await, 0);
    tree.root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_kills_no_more_than_it_was_asked_to() {
    let tree = tree().await;
    let doors: Vec<Door<_>> = (0..4).map(|_| Door::new()).collect();
    for door in &doors {
        let child = Probe::new("session", &tree.diary).child(door).restart(Restart::Temporary);
        tree.runs.cast(child).expect("the branch is up");
    }
    assert_eq!(tree.runs.census().await, BTreeMap::from([("session", 4)]));
    assert_eq!(tree.root.branch().kill("session", 3).await, 3);
    assert!(eventually(|| doors.iter().filter(|door| door.get().is_some()).count() == 1).await, "three doors shut");
    assert_eq!(tree.runs.census().await, BTreeMap::from([("session", 1)]));
    tree.root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_branch_comes_back_empty_and_a_killed_ledger_takes_it_along() {
    let tree = tree().await;
    tree.runs.start(Probe::new("run", &tree.diary).child(&Door::new()), SOON).await.expect("it starts");
    assert_eq!(tree.root.branch().kill("runs", 1).await, 1);
    tree.diary.until("run dropped").await;
    assert!(eventually(|| tree.counters.of("runs") == 1).await, "the branch comes back");
    assert!(tree.runs.census().await.is_empty(), "whoever owes a run an actor starts it again");
    assert_eq!(tree.root.branch().kill("ledger", 1).await, 1);
    assert_eq!(incarnation(&tree.ledger).await, 2);
    assert!(eventually(|| tree.counters.of("runs") == 2).await, "the branch comes back");
    assert!(tree.runs.is_open());
    tree.root.stop().await;
}
