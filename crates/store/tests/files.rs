//! Files as an operator meets them: made, opened, refused, checked, copied while in use, restored.

use ostler_core::decision::Change;
use ostler_core::failure::Attempts;
use ostler_core::ids::{DeviceId, Digest, Incarnation, LeaseId, RunId};
use ostler_core::requirements::Requirements;
use ostler_core::run::{Header, Life, Spec, State};
use ostler_core::time::Timestamp;
use ostler_store::{Entry, EventLog, Journal, LedgerFile, OpenError, Reads, Shelf, StoreError, Writer, check, restore};
use redb::{ReadableDatabase, TableDefinition};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const INCARNATION: Incarnation = Incarnation(42);

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A closed ledger with this many runs.
    fn ledger(&self, runs: u64) -> PathBuf {
        let path = self.file("ledger.redb");
        let mut ledger = LedgerFile::create(&path, INCARNATION).expect("a new ledger");
        (0..runs).for_each(|number| ledger.commit(&submit(number)).expect("a commit"));
        path
    }
}

fn run(number: u64) -> RunId {
    RunId::from_parts(1_000 + number, [number as u8; 10])
}

fn body(number: u64) -> Vec<u8> {
    vec![number as u8; 3_000]
}

fn submit(number: u64) -> Vec<Change> {
    let header = Header {
        name: "a run".to_owned(),
        queue: "default".to_owned(),
        pool: "default".to_owned(),
        priority: 3,
        requirements: Requirements::default(),
        agent: "shell".to_owned(),
        attempts: Attempts::default(),
        hold_ms: None,
        start_within_ms: None,
        slot: ostler_core::approval::SlotPolicy::Stay,
        key: None,
    };
    let (digest, submitter) = (Digest([3; 32]), DeviceId([4; 32]));
    let spec = Spec { id: run(number), header, digest, submitter, created_at: Timestamp(number) };
    let life = Life::new(Timestamp(number), State::Ready);
    vec![Change::Spec(Arc::new(spec)), Change::Body(run(number), body(number)), Change::Life(run(number), life)]
}

fn live(path: &Path) -> usize {
    LedgerFile::open(path).expect("a ledger").load(Timestamp(0)).expect("rows").live.len()
}

#[test]
fn a_ledger_is_made_once_and_opened_again() {
    let place = Place::new();
    let path = place.ledger(3);
    assert!(matches!(LedgerFile::create(&path, INCARNATION), Err(OpenError::Exists(_))));
    let ledger = LedgerFile::open(&path).expect("a ledger");
    assert_eq!(ledger.incarnation(), INCARNATION);
    assert!(matches!(LedgerFile::open(&path), Err(OpenError::InUse(_))));
    assert!(matches!(check(&path), Err(OpenError::InUse(_))));
    drop(ledger);
    assert_eq!(live(&path), 3);
}

#[cfg(unix)]
#[test]
fn a_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mode = place.ledger(0).metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_a_crash_during_creation_leaves_is_replaced() {
    let place = Place::new();
    std::fs::write(place.file("ledger.redb.tmp"), b"half a database").expect("a file");
    let path = place.ledger(1);
    assert!(!place.file("ledger.redb.tmp").exists());
    assert_eq!(live(&path), 1);
}

#[test]
fn foreign_and_damaged_files_are_refused_and_left_alone() {
    let place = Place::new();
    let sound = std::fs::read(place.ledger(20)).expect("a ledger");
    let cases: [(&str, Vec<u8>, u8); 5] = [
        ("empty", vec![], 2),
        ("text", b"# my notes, not a database".to_vec(), 2),
        ("only the magic", sound[..9].to_vec(), 1),
        ("cut off in the header", sound[..200].to_vec(), 1),
        ("cut off in the data", sound[..sound.len() / 2].to_vec(), 1),
    ];
    for (name, bytes, code) in cases {
        let path = place.file(name);
        std::fs::write(&path, &bytes).expect("a file");
        let error = LedgerFile::open(&path).err().unwrap_or_else(|| panic!("{name} was opened"));
        assert_eq!(error.exit_code(), code, "{name}: {error}");
        assert!(error.to_string().contains("restore"), "{name}: {error}");
        assert_eq!(check(&path).expect_err(name).exit_code(), code, "{name}");
        assert_eq!(std::fs::read(&path).expect("a file"), bytes, "{name} was written to");
    }
}

#[test]
fn a_missing_file_another_program_s_and_another_kind_are_told_apart() {
    let place = Place::new();
    assert!(matches!(LedgerFile::open(&place.file("none")), Err(OpenError::Missing(_))));
    let other = place.file("other");
    drop(redb::Database::create(&other).expect("another program's database"));
    assert!(matches!(LedgerFile::open(&other), Err(OpenError::Foreign { .. })));
    let log = place.file("events.redb");
    drop(EventLog::create(&log, INCARNATION).expect("a log"));
    let error = LedgerFile::open(&log).expect_err("a log is no ledger");
    assert!(matches!(error, OpenError::Kind { found: "event log", wanted: "ledger", .. }), "{error}");
    drop(Journal::create(&place.file("journal.redb")).expect("a journal"));
    assert!(Journal::open(&place.file("journal.redb")).is_ok());
    assert!(Journal::open(&log).is_err());
}

#[test]
fn a_check_names_each_damaged_record() {
    let place = Place::new();
    let path = place.ledger(20);
    let report = check(&path).expect("a report");
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.kind, report.records, report.exit_code()), ("ledger", 61, 0));
    // A record changed through redb itself: its checksums agree, only our own integrity can tell.
    let db = redb::Database::open(&path).expect("the file");
    let txn = db.begin_write().expect("a transaction");
    let bodies = TableDefinition::<&[u8], &[u8]>::new("body_v1");
    let mut changed = {
        let read = db.begin_read().expect("a read").open_table(bodies).expect("the table");
        read.get(run(7).0.as_slice()).expect("a read").expect("a body").value().to_vec()
    };
    changed[500] ^= 4;
    txn.open_table(bodies).expect("the table").insert(run(7).0.as_slice(), changed.as_slice()).expect("a write");
    txn.commit().expect("a commit");
    drop(db);
    let report = check(&path).expect("a report");
    let key = run(7).0.iter().map(|byte| format!("{byte:02x}")).collect();
    let finding = StoreError::Damaged { table: "body_v1", key };
    assert_eq!((report.exit_code(), report.damaged, &report.findings), (1, 1, &vec![finding.clone()]));
    let ledger = LedgerFile::open(&path).expect("it opens");
    assert_eq!(ledger.reads().body(run(7)), Err(finding));
    assert_eq!(ledger.reads().body(run(8)), Ok(Some(body(8))));
    let error = ledger.reads().backup(&place.file("backup")).expect_err("damage is not copied");
    assert_eq!(error.exit_code(), 1);
    assert!(!place.file("backup").exists() && !place.file("backup.tmp").exists());
}

#[test]
fn a_backup_is_taken_while_the_writer_works_and_restored_as_another_life() {
    let place = Place::new();
    let path = place.ledger(30);
    let mut ledger = LedgerFile::open(&path).expect("a ledger");
    let reads: Arc<dyn Reads> = ledger.reads();
    let writer = Writer::start("ledger", move |batch: Vec<Change>| ledger.commit(&batch)).expect("a thread");
    let (told, answers) = mpsc::channel();
    for number in 30..130 {
        let told = told.clone();
        writer.submit(submit(number), move |done| told.send(done.map(|_| number)).expect("the test listens"));
    }
    let backup = place.file("backup.redb");
    reads.backup(&backup).expect("a backup");
    assert!(matches!(reads.backup(&backup), Err(OpenError::Exists(_))));
    for number in 30..130 {
        assert_eq!(answers.recv_timeout(Duration::from_secs(60)), Ok(Ok(number)));
    }
    drop((writer, reads));
    assert_eq!(live(&path), 130);
    assert!(check(&backup).expect("a report").is_sound());

    let target = place.file("restored.redb");
    restore(&backup, &target, Incarnation(43)).expect("a restore");
    assert!(matches!(restore(&backup, &target, Incarnation(44)), Err(OpenError::Exists(_))));
    let restored = LedgerFile::open(&target).expect("a ledger");
    assert_eq!(restored.incarnation(), Incarnation(43));
    let rows = restored.load(Timestamp(0)).expect("rows");
    assert!((30..=130).contains(&rows.live.len()), "{}", rows.live.len());
    for (number, (spec, _)) in rows.live.iter().enumerate() {
        let number = number as u64;
        assert_eq!(spec.id, run(number), "a snapshot has no holes");
        assert_eq!(restored.reads().body(run(number)), Ok(Some(body(number))));
    }
}

#[test]
fn a_log_survives_restarts_backups_and_shows_tampering() {
    let place = Place::new();
    let path = place.file("events.redb");
    let log = EventLog::create(&path, INCARNATION).expect("a log");
    let entry = |n| Entry { lease: LeaseId { run: run(1), epoch: 1 }, n, at: Timestamp(n), sealed: vec![7; 50] };
    log.append(&[entry(1), entry(2), entry(3)]).expect("a batch");
    log.backup(&place.file("copy")).expect("a backup");
    drop(log);
    assert!(check(&place.file("copy")).expect("a report").is_sound());
    let log = EventLog::open(&path).expect("a log");
    log.append(&[entry(3), entry(4)]).expect("a batch");
    assert_eq!(log.tail(run(1)).expect("a tail").seq, 4);
    drop(log);
    // An event is removed behind the log's back.
    let db = redb::Database::open(&path).expect("the file");
    let txn = db.begin_write().expect("a transaction");
    let key = [run(1).0.as_slice(), &2u64.to_be_bytes()].concat();
    let events = TableDefinition::<&[u8], &[u8]>::new("event_v1");
    txn.open_table(events).expect("the table").remove(key.as_slice()).expect("a removal");
    txn.commit().expect("a commit");
    drop(db);
    let report = check(&path).expect("a report");
    assert_eq!(report.findings, [StoreError::BrokenChain { run: run(1), seq: 2 }]);
}

#[test]
fn a_file_in_a_missing_directory_names_the_directory() {
    let place = Place::new();
    let error = LedgerFile::create(&place.file("none/ledger.redb"), INCARNATION).expect_err("no such directory");
    assert!(matches!(&error, OpenError::Missing(missing) if missing.ends_with("none")), "{error}");
}
