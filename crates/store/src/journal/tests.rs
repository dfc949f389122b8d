//! What a runner finds again after it was killed.

use super::*;
use crate::ledger::sample::lease;

fn journal() -> Journal {
    Journal::in_memory().expect("memory")
}

fn held(number: u64) -> JournalledLease {
    JournalledLease {
        lease: lease(number, 1),
        stage: Stage::Running,
        shim_dir: PathBuf::from(format!("/state/attempts/{number}")),
        task: vec![7; 40],
        created_at: Timestamp(number),
    }
}

fn ask(number: u64) -> ApprovalId {
    ApprovalId::from_parts(number, [1; 10])
}

/// A journal with two leases, three events each, a report and a question each.
fn filled() -> Journal {
    let journal = journal();
    for number in 1..=2 {
        let lease = lease(number, 1);
        let mut batch = vec![JournalChange::Held(held(number))];
        batch.extend((1..=3).map(|n| JournalChange::Event(lease, n, vec![n as u8; 10])));
        batch.push(JournalChange::Spooled(lease, SpoolCursor { spool_offset: 900, next_n: 4 }));
        batch.push(JournalChange::Report(lease, vec![9]));
        batch.push(JournalChange::Ask(ask(number), lease, vec![8]));
        journal.commit(&batch).expect("a batch");
    }
    journal
}

#[test]
fn everything_written_is_loaded_again() {
    let rows = filled().load().expect("rows");
    assert_eq!(rows.leases, [held(1), held(2)]);
    assert_eq!(rows.cursors[0], (lease(1, 1), SpoolCursor { spool_offset: 900, next_n: 4 }));
    assert_eq!(rows.pending, [(lease(1, 1), 1, 3), (lease(2, 1), 1, 3)]);
    assert_eq!(rows.reports, [(lease(1, 1), vec![9]), (lease(2, 1), vec![9])]);
    assert_eq!(rows.asks, [(ask(1), lease(1, 1), vec![8]), (ask(2), lease(2, 1), vec![8])]);
}

#[test]
fn what_the_relay_has_goes_and_the_rest_is_sent_from_there() {
    let journal = filled();
    journal.commit(&[JournalChange::EventsKept(lease(1, 1), 2), JournalChange::Answered(ask(1))]).expect("a batch");
    journal.commit(&[JournalChange::ReportKept(lease(2, 1))]).expect("a batch");
    let rows = journal.load().expect("rows");
    assert_eq!(rows.pending, [(lease(1, 1), 3, 3), (lease(2, 1), 1, 3)]);
    assert_eq!((rows.reports.len(), rows.asks.len()), (1, 1));
    let numbers = |from, bytes| journal.events(lease(2, 1), from, bytes).expect("events").len();
    assert_eq!((numbers(1, usize::MAX), numbers(1, 20), numbers(3, 1), numbers(4, 1)), (3, 2, 1, 0));
}

#[test]
fn forgetting_a_lease_leaves_the_others() {
    let journal = filled();
    journal.commit(&[JournalChange::Forget(lease(1, 1))]).expect("a batch");
    let rows = journal.load().expect("rows");
    assert_eq!(rows.leases, [held(2)]);
    assert_eq!((rows.cursors.len(), rows.pending.len(), rows.reports.len(), rows.asks.len()), (1, 1, 1, 1));
}
