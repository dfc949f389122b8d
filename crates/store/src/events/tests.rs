//! What the event log promises: no gap, no repeat, no silent change, and an honest answer where history was cut.

use super::*;
use crate::error::StoreError;
use crate::file::disk::Disk;
use crate::ledger::sample::{lease, run};
use crate::tables::events::EventV1;
use crate::tables::{Table, raw, record};
use redb::{ReadableTable, StorageBackend};

const ALL: usize = usize::MAX;

fn log() -> EventLog {
    EventLog::in_memory().expect("memory")
}

fn entry(number: u64, epoch: u64, n: u64) -> Entry {
    Entry { lease: lease(number, epoch), n, at: Timestamp(100 * number + n), sealed: vec![n as u8; 10] }
}

fn entries(number: u64, epoch: u64, ns: std::ops::RangeInclusive<u64>) -> Vec<Entry> {
    ns.map(|n| entry(number, epoch, n)).collect()
}

fn read(log: &EventLog, number: u64, from: u64) -> Vec<(u64, u64, u64)> {
    match log.read(run(number), from, ALL, ALL).expect("a sound log") {
        Slice::Events(events) => events.into_iter().map(|event| (event.seq, event.lease.epoch, event.n)).collect(),
        Slice::Truncated { from } => panic!("truncated before {from}"),
    }
}

#[test]
fn numbers_are_gapless_per_run_and_each_event_is_kept_once() {
    let log = log();
    let batch = [entry(1, 1, 1), entry(2, 1, 1), entry(1, 1, 2), entry(1, 1, 2), entry(1, 1, 4), entry(1, 2, 1)];
    let kept = |seq| Placed::Kept { seq };
    let gap = Placed::Gap { expected: 3 };
    assert_eq!(log.append(&batch), Ok(vec![kept(1), kept(1), kept(2), Placed::Known, gap, kept(3)]));
    assert_eq!(log.append(&batch[..2]), Ok(vec![Placed::Known, Placed::Known]));
    // A fenced epoch may still deliver what it said.
    assert_eq!(log.append(&[entry(1, 1, 3), entry(1, 2, 2)]), Ok(vec![kept(4), kept(5)]));
    assert_eq!(read(&log, 1, 0), [(1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 1, 3), (5, 2, 2)]);
    assert_eq!(read(&log, 1, 4), [(4, 1, 3), (5, 2, 2)]);
    assert_eq!((read(&log, 1, 6), read(&log, 7, 1)), (vec![], vec![]));
    let tail = log.tail(run(1)).expect("a tail");
    assert_eq!((tail.seq, tail.from, tail.epochs, tail.bytes), (5, 1, vec![(1, 3), (2, 2)], 50));
}

#[test]
fn a_read_is_bounded_by_count_and_bytes() {
    let log = log();
    log.append(&entries(1, 1, 1..=9)).expect("a batch");
    let count = |limit, bytes| match log.read(run(1), 1, limit, bytes) {
        Ok(Slice::Events(events)) => events.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((count(3, ALL), count(ALL, 45), count(ALL, 1)), (3, 4, 1));
}

/// Replaces one record by another whose own integrity is right.
fn forge(log: &EventLog, seq: u64, change: impl FnOnce(&mut crate::tables::events::Link)) {
    let txn = log.db.begin_write().expect("a transaction");
    {
        let mut table = txn.open_table(raw::<EventV1>()).expect("the table");
        let key = EventV1::key(&(run(1), seq));
        let mut link = {
            let kept = table.get(key.as_slice()).expect("a read").expect("an event");
            crate::tables::open::<EventV1>(&key, kept.value()).expect("a sound record").1
        };
        change(&mut link);
        table.insert(key.as_slice(), record::<EventV1>(&key, &link).as_slice()).expect("a write");
    }
    txn.commit().expect("a commit");
}

#[test]
fn a_changed_removed_or_cut_off_event_shows() {
    type Harm = Box<dyn Fn(&EventLog)>;
    let changes: [(&str, u64, Harm); 4] = [
        ("changed bytes", 3, Box::new(|log| forge(log, 3, |link| link.sealed[0] ^= 1))),
        ("changed number", 3, Box::new(|log| forge(log, 3, |link| link.n += 1))),
        ("removed", 3, Box::new(|log| remove(log, 3))),
        ("cut off", 5, Box::new(|log| remove(log, 5))),
    ];
    for (name, seq, change) in changes {
        let log = log();
        log.append(&entries(1, 1, 1..=5)).expect("a batch");
        log.append(&entries(2, 1, 1..=2)).expect("a batch");
        change(&log);
        let broken = StoreError::BrokenChain { run: run(1), seq };
        assert_eq!(log.read(run(1), 1, ALL, ALL), Err(broken.clone()), "{name}");
        assert_eq!(read(&log, 2, 1).len(), 2, "{name}: other runs are not harmed");
        let scrubbed = log.scrub(None, u64::MAX).expect("a scrub");
        assert_eq!((scrubbed.damaged, scrubbed.next), (Some(broken), None), "{name}");
    }
}

fn remove(log: &EventLog, seq: u64) {
    let txn = log.db.begin_write().expect("a transaction");
    let key = EventV1::key(&(run(1), seq));
    txn.open_table(raw::<EventV1>()).expect("the table").remove(key.as_slice()).expect("a removal");
    txn.commit().expect("a commit");
}

#[test]
fn scrubbing_goes_on_where_it_stopped() {
    let log = log();
    for number in 1..=5 {
        log.append(&entries(number, 1, 1..=3)).expect("a batch");
    }
    let (mut cursor, mut records, mut rounds) = (None, 0, 0);
    loop {
        let scrubbed = log.scrub(cursor, 40).expect("a scrub");
        assert_eq!(scrubbed.damaged, None);
        records += scrubbed.records;
        rounds += 1;
        cursor = scrubbed.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((records, rounds), (15, 3));
}

#[test]
fn retention_spares_live_runs_and_tells_readers() {
    let log = log();
    for number in 1..=5 {
        log.append(&entries(number, 1, 1..=3)).expect("a batch");
    }
    let live = run(1);
    let by_age = Retention { older_than: Timestamp(300), bytes_max: u64::MAX };
    let removed = log.retain(by_age, |run| run != live).expect("a retention");
    assert_eq!(removed, Removed { runs: 1, bytes: 30, more: false });
    assert_eq!(log.read(run(2), 1, ALL, ALL), Ok(Slice::Truncated { from: 4 }));
    assert_eq!(read(&log, 2, 4), []);
    let by_size = Retention { older_than: Timestamp(0), bytes_max: 60 };
    assert_eq!(log.retain(by_size, |run| run != live).expect("a retention").runs, 2);
    assert_eq!(read(&log, 1, 1).len(), 3, "a live run keeps its events, however old");
    assert_eq!(read(&log, 5, 1).len(), 3);
    // Numbers go on, and the chain with them.
    assert_eq!(log.append(&entries(2, 1, 3..=4)), Ok(vec![Placed::Known, Placed::Kept { seq: 4 }]));
    assert_eq!(read(&log, 2, 4), [(4, 1, 4)]);
    let scrubbed = log.scrub(None, u64::MAX).expect("a scrub");
    assert_eq!((scrubbed.records, scrubbed.damaged), (7, None));
}

#[test]
fn a_crash_during_an_append_loses_nothing_acknowledged() {
    let on_disk = || {
        let disk = Disk::default();
        let db = file::on_backend(disk.clone(), file::new_meta(Kind::Events, Incarnation(1))).expect("an empty disk");
        (disk, EventLog::on(db, Incarnation(1), Ballast::none()))
    };
    let work = |log: &EventLog| (1..=6).take_while(|n| log.append(&entries(1, 1, 2 * n - 1..=2 * n)).is_ok()).count();
    let (disk, log) = on_disk();
    let first = disk.operations() + 1;
    assert_eq!(work(&log), 6);
    for at in first..=disk.operations() {
        let (disk, log) = on_disk();
        disk.crash_at(at);
        let acknowledged = 2 * work(&log);
        let left = Disk::of(disk.after_crash(|sector| (sector as u64 ^ at).count_ones().is_multiple_of(2)));
        assert!(left.len().expect("a length") > 0);
        let log = EventLog::on(
            redb::Builder::new().create_with_backend(left).expect("a database"),
            Incarnation(1),
            Ballast::none(),
        );
        let kept = read(&log, 1, 1).len();
        assert!(kept == acknowledged || kept == acknowledged + 2, "operation {at}: {kept} of {acknowledged}");
        assert_eq!(log.scrub(None, u64::MAX).expect("a scrub").damaged, None);
    }
}

#[test]
fn a_file_that_is_mostly_free_shrinks_at_the_next_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.redb");
    let log = EventLog::create(&path, Incarnation(1)).expect("a log");
    let large = |number| Entry { sealed: vec![7; 200_000], ..entry(number, 1, 1) };
    log.append(&(1..=40).map(large).collect::<Vec<_>>()).expect("a batch");
    let rule = Retention { older_than: Timestamp(u64::MAX), bytes_max: 0 };
    assert_eq!(log.retain(rule, |id| id != run(40)).expect("a retention").runs, 39);
    drop(log);
    let (mut db, meta) = file::open(&path, Kind::Events).expect("the log");
    let length = || path.metadata().expect("a file").len();
    let before = length();
    give_space_back(&mut db, &path, before).expect("nothing to do");
    assert_eq!(length(), before, "a small file is left alone");
    give_space_back(&mut db, &path, 0).expect("a compaction");
    assert!(length() < before / 2, "{} of {before}", length());
    let log = EventLog::on(db, meta.incarnation, Ballast::none());
    assert_eq!((read(&log, 40, 1).len(), log.incarnation()), (1, Incarnation(1)));
    assert_eq!(log.read(run(3), 1, ALL, ALL), Ok(Slice::Truncated { from: 2 }));
}
