//! A ledger with connected workers, and runs that go through it: no disk, no wire, and a clock that is an argument.
//!
//! ```text
//! submit ─▶ offered (at once, while a slot is free) ─▶ accept ─▶ beat ─▶ report ─▶ settled ─▶ swept
//! ```
//!
//! Owns the commands a fleet would send. Must not measure.

pub(crate) mod history;

use ostler_core::command::{Attach, Command, Report, ReportedEnd, Submission};
use ostler_core::decision::{Decision, Effect};
use ostler_core::device::{Device, Role};
use ostler_core::failure::Attempts;
use ostler_core::ids::{DeviceId, Digest, Incarnation, LeaseId, RunId, SessionId};
use ostler_core::ledger::{Ledger, Rows};
use ostler_core::policy::{Dice, Policy};
use ostler_core::requirements::{Requirements, Value};
use ostler_core::run::Header;
use ostler_core::time::Timestamp;
use ostler_core::worker::Advert;
use std::collections::BTreeMap;

/// Unix ms at which the yard's clock starts.
const START_MS: u64 = 1_700_000_000_000;
/// Runs submitted per millisecond of the yard's clock.
const RUNS_PER_MS: u64 = 20;
/// Settled runs are forgotten after this, so that a long measurement holds as many as a short one.
const RETAINED_MS: u64 = 1_000;
/// Bytes of a sealed body: a prompt of a page.
const BODY_BYTES: usize = 1_024;
/// Bytes of a sealed result: a few lines.
const RESULT_BYTES: usize = 256;
/// Leases in one heartbeat.
const BEAT_LEASES: usize = 16;
/// The device that submits everything.
const PERSON: DeviceId = DeviceId([1; 32]);

/// The ledger, and what its runners hold.
#[derive(Debug)]
pub(crate) struct Yard {
    /// The ledger, to be applied to directly.
    pub(crate) ledger: Ledger,
    dice: Dice,
    next: u64,
}

impl Yard {
    /// A fleet of connected `workers` with `slots` each.
    ///
    /// # Panics
    /// When the ledger refuses a worker: then there is nothing to measure.
    #[must_use]
    pub(crate) fn new(workers: u64, slots: u32) -> Self {
        let policy = Policy { settled_retained_ms: RETAINED_MS, ..Policy::default() };
        let devices = (0..workers).map(runner).chain([device(PERSON, Role::Operator)]).collect();
        let rows = Rows { devices, ..Rows::default() };
        let ledger = Ledger::load(Incarnation(1), policy, rows, Timestamp(START_MS));
        let mut yard = Self { ledger, dice: Dice::new(7), next: 0 };
        for number in 0..workers {
            let decision = yard.apply(attach(number, slots));
            assert!(decision.answer.is_ok(), "a paired runner may attach: {:?}", decision.answer);
        }
        yard
    }

    /// The yard's time: it moves with the runs submitted.
    #[must_use]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(START_MS + self.next / RUNS_PER_MS)
    }

    /// Decides one command.
    pub(crate) fn apply(&mut self, command: Command) -> Decision {
        let now = self.now();
        self.ledger.apply(now, &mut self.dice, command)
    }

    /// The next run's submission.
    pub(crate) fn submission(&mut self) -> Command {
        self.next += 1;
        let (id, digest) = (run_at(self.next, self.now().0), Digest([7; 32]));
        Command::Submit(Submission { id, submitter: PERSON, header: header(), digest, body: vec![7; BODY_BYTES] })
    }

    /// Many submissions, to be decided later.
    pub(crate) fn submissions(&mut self, count: u64) -> Vec<Command> {
        (0..count).map(|_| self.submission()).collect()
    }
}

/// The offers among what was decided.
pub(crate) fn offers(decision: &Decision) -> impl Iterator<Item = (DeviceId, LeaseId)> {
    decision
        .effects
        .iter()
        .filter_map(|effect| if let Effect::Offer(worker, lease) = effect { Some((*worker, *lease)) } else { None })
}

/// Accepts of offered leases.
#[must_use]
pub(crate) fn accepts(offered: &[(DeviceId, LeaseId)]) -> Vec<Command> {
    offered.iter().map(|(worker, lease)| Command::Accept(*worker, *lease)).collect()
}

/// Heartbeats that renew these leases, by worker.
#[must_use]
pub(crate) fn beats(held: &[(DeviceId, LeaseId)]) -> Vec<Command> {
    let mut by_worker: BTreeMap<DeviceId, Vec<LeaseId>> = BTreeMap::new();
    held.iter().for_each(|(worker, lease)| by_worker.entry(*worker).or_default().push(*lease));
    let beat = |(worker, leases): (DeviceId, Vec<LeaseId>)| {
        leases.chunks(BEAT_LEASES).map(|part| Command::Beat(worker, part.to_vec())).collect::<Vec<_>>()
    };
    by_worker.into_iter().flat_map(beat).collect()
}

/// Reports of success.
#[must_use]
pub(crate) fn reports(held: &[(DeviceId, LeaseId)]) -> Vec<Command> {
    held.iter().map(|(worker, lease)| report(*worker, *lease)).collect()
}

fn report(worker: DeviceId, lease: LeaseId) -> Command {
    let (end, digest, result) = (ReportedEnd::Succeeded, Digest([3; 32]), vec![3; RESULT_BYTES]);
    Command::Report(worker, Report { lease, end, digest, result })
}

/// Ids as many submitters make them: ordered by the millisecond, by chance within it.
fn run_at(number: u64, unix_ms: u64) -> RunId {
    let mut chance = [0; 10];
    chance[..8].copy_from_slice(&scatter(number));
    RunId::from_parts(unix_ms, chance)
}

/// Another number for each, in no order.
const fn scatter(number: u64) -> [u8; 8] {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

fn runner_id(number: u64) -> DeviceId {
    let mut id = [2; 32];
    id[..8].copy_from_slice(&scatter(number));
    DeviceId(id)
}

fn runner(number: u64) -> Device {
    device(runner_id(number), Role::Runner)
}

fn device(id: DeviceId, role: Role) -> Device {
    let (pools, name) = (vec!["default".to_owned()], id.short());
    let (sealing_key, chain, enrolled_at) = ([0; 32], vec![], Timestamp(START_MS));
    Device { id, role, pools, name, sealing_key, chain, enrolled_at, revoked: None }
}

fn attach(number: u64, slots: u32) -> Command {
    let offers =
        [("os", "linux"), ("arch", "x86_64")].map(|(key, text)| (key.to_owned(), Value::Text(text.to_owned())));
    Command::Attach(Attach {
        worker: runner_id(number),
        session: SessionId([1; 16]),
        incarnation: Incarnation(1),
        advert: Advert { offers: offers.into(), slots },
        draining: false,
        held: vec![],
        asking: vec![],
    })
}

fn header() -> Header {
    Header {
        name: "nightly build".to_owned(),
        queue: "default".to_owned(),
        pool: "default".to_owned(),
        priority: 3,
        requirements: requirements(),
        agent: "shell".to_owned(),
        attempts: Attempts::default(),
        hold_ms: None,
        start_within_ms: None,
        slot: ostler_core::approval::SlotPolicy::default(),
        key: None,
    }
}

fn requirements() -> Requirements {
    "os=linux".parse().expect("one equality is a good requirement")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_through_the_yard_and_is_swept() {
        let mut yard = Yard::new(2, 4);
        let submitted: Vec<Decision> = yard.submissions(8).into_iter().map(|command| yard.apply(command)).collect();
        let offered: Vec<_> = submitted.iter().flat_map(offers).collect();
        assert_eq!(offered.len(), 8, "both workers are full");
        for command in accepts(&offered).into_iter().chain(beats(&offered)).chain(reports(&offered)) {
            let decision = yard.apply(command);
            assert!(decision.answer.is_ok(), "{:?}", decision.answer);
        }
        assert!(yard.ledger.runs().all(|run| run.life.is_settled()));
        yard.next += 2 * RETAINED_MS * RUNS_PER_MS;
        yard.apply(Command::Sweep);
        assert_eq!(yard.ledger.runs().count(), 0);
    }
}
