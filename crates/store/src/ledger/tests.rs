//! What a ledger's file keeps, through batches, crashes, full disks and flipped bits.

use super::sample::{RUNNER, approval, body, lease, live, over, run, spec, submit};
use super::*;
use crate::file::disk::Disk;
use crate::shelf::Page;
use crate::tables::run::lately::LATELY_MS;
use ostler_core::ids::Digest;
use ostler_core::run::Run;
use std::panic::{AssertUnwindSafe, catch_unwind};

const INCARNATION: Incarnation = Incarnation(42);
const EVER: Timestamp = Timestamp(0);

fn memory() -> LedgerFile {
    LedgerFile::in_memory(INCARNATION).expect("memory")
}

/// A new, empty ledger on a disk of its own.
fn on_disk() -> (Disk, LedgerFile) {
    let disk = Disk::default();
    let db = file::on_backend(disk.clone(), file::new_meta(Kind::Ledger, INCARNATION)).expect("an empty disk");
    (disk, LedgerFile::on(db, INCARNATION, Ballast::none()))
}

/// A ledger on what a crash left.
fn reopen(bytes: Vec<u8>) -> Result<LedgerFile, StoreError> {
    let opened = redb::Builder::new().set_cache_size(1 << 20).create_with_backend(Disk::of(bytes));
    opened.map(|db| LedgerFile::on(db, INCARNATION, Ballast::none())).map_err(|error| redb::Error::from(error).into())
}

#[test]
fn a_start_loads_what_is_live_and_what_settled_lately() {
    let mut ledger = memory();
    let batch: Vec<_> = (1..=4).flat_map(submit).collect();
    ledger.commit(&batch).expect("a batch");
    let settled = [(2, 1_000), (3, 5_000)].map(|(number, at)| Change::Settle(run(number), over(at)));
    ledger.commit(&settled).expect("a batch");
    ledger.commit(&[Change::Approval(approval(3, 9)), Change::Approval(approval(2, 8))]).expect("a batch");
    let rows = ledger.load(Timestamp(2_000)).expect("rows");
    let ids = |rows: &[(Arc<_>, _)]| {
        rows.iter().map(|(spec, _): &(Arc<ostler_core::run::Spec>, _)| spec.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&rows.live), [run(1), run(4)]);
    assert_eq!(ids(&rows.settled), [run(3)]);
    assert_eq!(rows.approvals, [approval(3, 9)]);
    assert_eq!(rows.keys.iter().map(|(_, _, run)| *run).collect::<Vec<_>>(), [run(1), run(3), run(4)]);
    let reads = ledger.reads();
    let old = reads.run(run(2)).expect("a read").expect("a run that settled long ago");
    assert_eq!(old, Run { spec: Arc::new(spec(2)), life: over(1_000) });
    assert_eq!((reads.is_live(run(1)), reads.is_live(run(2))), (Ok(true), Ok(false)));
}

#[test]
fn the_last_word_in_a_batch_counts_and_forgetting_takes_everything() {
    let mut ledger = memory();
    ledger.commit(&submit(1)).expect("a batch");
    ledger.commit(&[Change::Approval(approval(1, 1)), Change::Result(lease(1, 1), vec![1])]).expect("a batch");
    let late = Change::Late(lease(1, 1), RUNNER, Digest([1; 32]), vec![9]);
    let mut batch = vec![late, Change::Life(run(1), live(77)), Change::Forget(run(1))];
    batch.extend(submit(2));
    batch.push(Change::Life(run(2), live(8)));
    batch.push(Change::Settle(run(2), over(9)));
    ledger.commit(&batch).expect("a batch");
    let reads = ledger.reads();
    assert_eq!(reads.run(run(1)), Ok(None));
    assert_eq!(reads.body(run(1)), Ok(None));
    assert_eq!(reads.result(lease(1, 1)), Ok(None));
    assert_eq!((reads.late(run(1)), reads.approvals(run(1))), (Ok(vec![]), Ok(vec![])));
    assert_eq!(reads.is_live(run(2)), Ok(false));
    assert_eq!(reads.run(run(2)).expect("a read").expect("a run").life, over(9));
    // The same id may be submitted again after it was forgotten, even within one batch.
    let mut again = vec![Change::Forget(run(2))];
    again.extend(submit(2));
    ledger.commit(&again).expect("a batch");
    assert_eq!(reads.run(run(2)).expect("a read").expect("a run").life, live(2));
    assert_eq!(reads.body(run(2)), Ok(Some(body(2))));
}

#[test]
fn settlements_too_old_to_be_asked_for_leave_the_index() {
    let mut ledger = memory();
    for number in 0..6 {
        ledger.commit(&submit(number)).expect("a batch");
        ledger.commit(&[Change::Settle(run(number), over(LATELY_MS * number))]).expect("a batch");
    }
    let rows = ledger.load(EVER).expect("rows");
    assert_eq!(rows.settled.iter().map(|(spec, _)| spec.id).collect::<Vec<_>>(), [run(4), run(5)]);
}

#[test]
fn runs_are_listed_newest_first_and_found_by_either_end() {
    let mut ledger = memory();
    let batch: Vec<_> = (1..=20).flat_map(submit).collect();
    ledger.commit(&batch).expect("a batch");
    let reads = ledger.reads();
    let ids = |page| reads.runs(page).expect("a page").into_iter().map(|run| run.spec.id).collect::<Vec<_>>();
    assert_eq!(ids(Page::newest(2)), [run(20), run(19)]);
    assert_eq!(ids(Page { before: Some(run(19)), ..Page::newest(2) }), [run(18), run(17)]);
    assert_eq!(ids(Page { since_unix_ms: 1_019, ..Page::newest(9) }), [run(20), run(19)]);
    let full = run(7).to_string();
    assert_eq!(reads.find(&full, 5), Ok(vec![run(7)]));
    assert_eq!(reads.find(&full[..full.len() - 3], 5), Ok(vec![run(7)]));
    assert_eq!(reads.find(&full[4..].to_uppercase(), 5), Ok(vec![run(7)]));
    assert_eq!(reads.find("run_", 3), Ok(vec![run(20), run(19), run(18)]));
    assert_eq!(reads.find(&full[full.len() - 10..], 5), Ok(vec![run(7)]));
    assert_eq!(reads.find("nonsense!", 5), Ok(vec![]));
    assert_eq!(reads.find(&"z".repeat(40), 5), Ok(vec![]));
}

/// Commits run after run until the disk fails; returns how many were acknowledged.
fn work(ledger: &mut LedgerFile, commits: u64) -> u64 {
    for number in 0..commits {
        let mut batch = submit(number);
        if let Some(earlier) = number.checked_sub(2) {
            batch.push(Change::Settle(run(earlier), over(earlier)));
        }
        if ledger.commit(&batch).is_err() {
            assert!(ledger.commit(&submit(99)).is_err(), "a failed handle must not come back to life");
            return number;
        }
    }
    commits
}

/// Everything acknowledged is there; what was not is there whole or not at all.
fn assert_kept(ledger: &LedgerFile, acknowledged: u64, context: &str) {
    let rows = ledger.load(EVER).expect(context);
    let kept = (rows.live.len() + rows.settled.len()) as u64;
    assert!((acknowledged..=acknowledged + 1).contains(&kept), "{context}: {kept} of {acknowledged}");
    assert_eq!(rows.live.len() as u64, kept.min(2), "{context}: half a batch");
    let reads = ledger.reads();
    for number in 0..kept {
        assert_eq!(reads.body(run(number)), Ok(Some(body(number))), "{context}");
        assert_eq!(*reads.run(run(number)).expect(context).expect(context).spec, spec(number), "{context}");
    }
}

#[test]
fn a_crash_at_any_operation_loses_nothing_acknowledged() {
    const COMMITS: u64 = 6;
    for durability in [Durability::OnePhase, Durability::TwoPhase, Durability::Quick] {
        let (disk, mut ledger) = on_disk();
        ledger.set_durability(durability);
        let first = disk.operations() + 1;
        work(&mut ledger, COMMITS);
        let last = disk.operations();
        drop(ledger);
        assert!(last - first > COMMITS, "the workload must reach the disk");
        for at in first..=last {
            let (disk, mut ledger) = on_disk();
            ledger.set_durability(durability);
            disk.crash_at(at);
            let acknowledged = work(&mut ledger, COMMITS);
            let seed = (at as usize).wrapping_mul(0x9e37_79b9);
            let survivors: [&dyn Fn(usize) -> bool; 4] =
                [&|_| false, &|_| true, &|sector| sector % 2 == 0, &|sector| {
                    (sector ^ seed).count_ones().is_multiple_of(2)
                }];
            for (variant, survives) in survivors.into_iter().enumerate() {
                let context = format!("{durability:?}, crash at operation {at}, survivors {variant}");
                let ledger = reopen(disk.after_crash(survives)).expect(&context);
                assert_kept(&ledger, acknowledged, &context);
            }
        }
    }
}

#[test]
fn a_full_disk_is_named_and_loses_nothing_acknowledged() {
    let (disk, mut ledger) = on_disk();
    disk.full_at(disk.bytes().len() as u64);
    let mut acknowledged = 0;
    let error = loop {
        let mut batch = submit(acknowledged);
        batch.push(Change::Body(run(acknowledged), vec![1; 100_000]));
        match ledger.commit(&batch) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, StoreError::DiskFull);
    assert!(acknowledged > 0);
    drop(ledger);
    let ledger = reopen(disk.bytes()).expect("a full disk can be read");
    assert_eq!(ledger.load(EVER).expect("rows").live.len() as u64, acknowledged);
}

#[test]
fn a_flipped_bit_is_never_served_as_data() {
    let (disk, mut ledger) = on_disk();
    let batch: Vec<_> = (0..40).flat_map(submit).collect();
    ledger.commit(&batch).expect("a batch");
    let whole = ledger.load(EVER).expect("rows");
    drop(ledger);
    let sound = disk.bytes();
    let written: Vec<usize> = (0..sound.len()).filter(|at| sound[*at] != 0).collect();
    let mut noticed = 0;
    for at in written.iter().step_by(written.len() / 400 + 1) {
        let mut bytes = sound.clone();
        bytes[*at] ^= 1 << (at % 8);
        // redb may panic on a damaged page: in life, a checking process dies of it.
        let read = catch_unwind(AssertUnwindSafe(|| {
            let ledger = reopen(bytes)?;
            let bodies: Result<Vec<_>, _> = (0..40).map(|number| ledger.reads().body(run(number))).collect();
            Ok::<_, StoreError>((ledger.load(EVER)?, bodies?))
        }));
        match read {
            Ok(Ok((rows, bodies))) => {
                assert_eq!(rows, whole, "byte {at}");
                assert!(
                    bodies.into_iter().enumerate().all(|(number, kept)| kept == Some(body(number as u64))),
                    "byte {at}"
                );
            }
            Ok(Err(_)) | Err(_) => noticed += 1,
        }
    }
    assert!(noticed > 100, "most of the file is data, and damage to it must be noticed: {noticed}");
}
