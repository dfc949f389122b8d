//! The ledger: every decision of the relay, made in one place, one command at a time.
//!
//! ```text
//! apply(now, dice, command) ─▶ Turn ─▶ one transition file ─▶ Decision
//!                                └─▶ touched runs are written once, at the end of the turn
//! load(rows) ─▶ Ledger          resume() / owed(run) ─▶ every effect that state still owes
//! ```
//!
//! Owns the maps of live things and presence. Order, free slots and deadlines are derived (`core/index.rs`), never stored. It must
//! not know who asks or how rows are kept.

mod accept;
mod answer;
mod ask;
mod attach;
mod bury;
mod cancel;
mod enrol;
mod grant;
mod lapse;
mod renew;
mod report;
mod submit;

use crate::approval::Approval;
use crate::command::{Command, Whom};
use crate::decision::{Answer, Change, Decision, Effect, Refusal};
use crate::device::{Device, Invite, KeyEpoch};
use crate::ids::{ApprovalId, DeviceId, Incarnation, InviteId, RunId};
use crate::index::Index;
use crate::mutant::Mutant;
use crate::policy::{Dice, Policy};
use crate::run::{Life, Run, Spec, State};
use crate::time::Timestamp;
use crate::worker::{Advert, Worker};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All rows a ledger is loaded from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Live runs and dead letters.
    pub live: Vec<(Arc<Spec>, Life)>,
    /// Runs settled lately.
    pub settled: Vec<(Arc<Spec>, Life)>,
    /// Approvals of those runs.
    pub approvals: Vec<Approval>,
    /// Idempotency keys.
    pub keys: Vec<(DeviceId, String, RunId)>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Invitations.
    pub invites: Vec<Invite>,
    /// Key epochs, oldest first.
    pub epochs: Vec<KeyEpoch>,
    /// What runners last offered.
    pub adverts: Vec<(DeviceId, Advert)>,
}

/// What happened since the ledger was loaded, counted for operators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Leases granted.
    pub granted: u64,
    /// Leases that lapsed.
    pub lapsed: u64,
    /// Orphaned leases whose runner came back in time.
    pub returned: u64,
    /// Attempts lost for good.
    pub lost: u64,
    /// Failed attempts that are tried again.
    pub retried: u64,
    /// Runs that became dead letters.
    pub buried: u64,
    /// Reports that came too late.
    pub fenced: u64,
}

/// The live state of a fleet.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) incarnation: Incarnation,
    pub(crate) policy: Policy,
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) approvals: BTreeMap<ApprovalId, Approval>,
    pub(crate) keys: BTreeMap<(DeviceId, String), RunId>,
    pub(crate) devices: BTreeMap<DeviceId, Device>,
    pub(crate) invites: BTreeMap<InviteId, Invite>,
    pub(crate) epochs: Vec<KeyEpoch>,
    pub(crate) workers: BTreeMap<DeviceId, Worker>,
    pub(crate) index: Index,
    pub(crate) tally: Tally,
    last_turn_at: Timestamp,
    mutant: Option<Mutant>,
}

/// One command being applied.
pub(crate) struct Turn<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) now: Timestamp,
    pub(crate) dice: &'a mut Dice,
    pub(crate) changes: Vec<Change>,
    pub(crate) effects: Vec<Effect>,
    touched: BTreeSet<RunId>,
}

impl Ledger {
    /// A ledger of what was kept, at the moment the process starts. Every live lease gets a fresh, full deadline.
    #[must_use]
    pub fn load(incarnation: Incarnation, policy: Policy, rows: Rows, now: Timestamp) -> Self {
        Self::build(incarnation, policy, rows, now, None)
    }

    /// [`Self::load`] with a planted defect: the simulator proves that it would be found.
    #[cfg(feature = "mutants")]
    #[must_use]
    pub fn load_infected(
        incarnation: Incarnation,
        policy: Policy,
        rows: Rows,
        now: Timestamp,
        mutant: Option<Mutant>,
    ) -> Self {
        Self::build(incarnation, policy, rows, now, mutant)
    }

    fn build(incarnation: Incarnation, policy: Policy, rows: Rows, now: Timestamp, mutant: Option<Mutant>) -> Self {
        let run = |(spec, life): (Arc<Spec>, Life)| (spec.id, Run { spec, life });
        let mut ledger = Self {
            incarnation,
            policy,
            runs: rows.live.into_iter().chain(rows.settled).map(run).collect(),
            approvals: rows.approvals.into_iter().map(|a| (a.id, a)).collect(),
            keys: rows.keys.into_iter().map(|(device, key, run)| ((device, key), run)).collect(),
            devices: rows.devices.into_iter().map(|d| (d.id, d)).collect(),
            invites: rows.invites.into_iter().map(|i| (i.id, i)).collect(),
            epochs: rows.epochs,
            workers: BTreeMap::new(),
            index: Index::default(),
            tally: Tally::default(),
            last_turn_at: now,
            mutant,
        };
        assert!(ledger.epochs.windows(2).all(|pair| pair[0].number < pair[1].number), "key epochs are loaded in order");
        for (id, advert) in rows.adverts {
            ledger.admit_worker(id, advert, now);
        }
        ledger.index_all(now);
        ledger
    }

    /// Decides one command. The ledger has already changed when this returns: if the changes cannot be written, it must be
    /// thrown away and loaded again.
    pub fn apply(&mut self, now: Timestamp, dice: &mut Dice, command: Command) -> Decision {
        // Readings of one clock never go back; a source that does must not shorten anything.
        let now = now.max(self.last_turn_at);
        self.last_turn_at = now;
        let mut turn = Turn { ledger: self, now, dice, changes: vec![], effects: vec![], touched: BTreeSet::new() };
        let answer = turn.dispatch(command);
        turn.finish(answer)
    }

    /// Everything that is still owed, after a start.
    #[must_use]
    pub fn resume(&self) -> Vec<Effect> {
        self.runs.keys().flat_map(|run| self.owed(*run)).collect()
    }

    /// Everything that is still owed to one run: a function of state alone.
    #[must_use]
    pub fn owed(&self, id: RunId) -> Vec<Effect> {
        let Some(run) = self.runs.get(&id) else { return vec![] };
        let mut owed = Vec::new();
        if let Some(at) = self.run_wake(run) {
            owed.push(Effect::Wake(Whom::Run(id), at));
        }
        if let Some(lease) = run.life.lease() {
            if lease.phase == crate::lease::Phase::Offered {
                owed.push(Effect::Offer(lease.worker, lease.id));
            }
            if let Some(at) = self.index.deadline(lease.id) {
                owed.push(Effect::Wake(Whom::Lease(lease.id), at));
            }
        }
        for approval in self.asked_by(id) {
            owed.extend(self.owed_to_approval(approval));
        }
        owed
    }

    /// The database's life.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What happened since the ledger was loaded.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// A run that is live or settled lately.
    #[must_use]
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id)
    }

    /// Live runs and those settled lately, oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs.values()
    }

    /// One approval.
    #[must_use]
    pub fn approval(&self, id: ApprovalId) -> Option<&Approval> {
        self.approvals.get(&id)
    }

    /// Approvals of live and lately settled runs, oldest first.
    pub fn approvals(&self) -> impl Iterator<Item = &Approval> {
        self.approvals.values()
    }

    /// Approvals of one run, oldest first.
    pub fn asked_by(&self, run: RunId) -> impl Iterator<Item = &Approval> {
        self.index.asked(run).filter_map(|id| self.approvals.get(&id))
    }

    /// Workers known, connected or not.
    pub fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.workers.values()
    }

    /// One paired device.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(&id)
    }

    /// Devices ever paired, revoked ones included.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// Invitations that may still be used.
    pub fn invites(&self) -> impl Iterator<Item = &Invite> {
        self.invites.values()
    }

    /// Key epochs, oldest first.
    #[must_use]
    pub fn epochs(&self) -> &[KeyEpoch] {
        &self.epochs
    }

    /// True when the planted defect is `mutant`; never outside builds made to plant defects.
    pub(crate) fn sick(&self, mutant: Mutant) -> bool {
        cfg!(feature = "mutants") && self.mutant == Some(mutant)
    }
}

impl Turn<'_> {
    fn dispatch(&mut self, command: Command) -> Result<Answer, Refusal> {
        match command {
            Command::Submit(submission) => self.submit(submission),
            Command::Cancel(run) => self.cancel(run),
            Command::Revive(run) => self.revive(run),
            Command::Discard(run) => self.discard(run),
            Command::Answer(answering) => self.answer(answering),
            Command::Attach(attach) => self.attach(attach),
            Command::Detach(worker, session) => self.detach(worker, session),
            Command::Advertise(worker, advert) => self.advertise(worker, advert),
            Command::Drain(worker, draining) => self.drain(worker, draining),
            Command::Accept(worker, lease) => self.accept(worker, lease),
            Command::Decline(worker, lease, code) => self.decline(worker, lease, &code),
            Command::Beat(worker, leases) => self.beat(worker, &leases),
            Command::Report(worker, report) => self.report(worker, report),
            Command::Stopped(worker, lease) => self.stopped(worker, lease),
            Command::Ask(worker, asking) => self.ask(worker, asking),
            Command::Withdraw(worker, approval) => self.withdraw(worker, approval),
            Command::Elapsed(whom) => self.elapsed(whom),
            Command::Poisoned(run) => self.poisoned(run),
            Command::Invite(invite) => self.invite(invite),
            Command::Enrol(device, invite) => self.enrol(device, invite),
            Command::Revoke(device, tombstone) => self.revoke(device, tombstone),
            Command::Rotate(epoch) => self.rotate(epoch),
            Command::Gap(gap_ms) => self.gap(gap_ms),
            Command::Sweep => self.sweep(),
        }
    }

    /// Moves a run, keeps the derived order in step, and notes that its row is to be written.
    pub(crate) fn enter(&mut self, id: RunId, state: State) {
        let ledger = &mut *self.ledger;
        let run = ledger.runs.get_mut(&id).expect("a transition only moves a run it found");
        ledger.index.leave(run);
        run.life.enter(state);
        if matches!(run.life.state(), State::Ready) {
            // Its lane may have been swept away while nothing waited in it.
            ledger.index.open_lane(run, ledger.workers.values());
        }
        ledger.index.join(run);
        self.touched.insert(id);
    }

    /// Changes a run's life without moving it.
    pub(crate) fn amend(&mut self, id: RunId) -> &mut Life {
        self.touched.insert(id);
        &mut self.ledger.runs.get_mut(&id).expect("a transition only amends a run it found").life
    }

    pub(crate) fn life(&self, id: RunId) -> &Life {
        &self.ledger.runs.get(&id).expect("a transition only reads a run it found").life
    }

    fn answer_moves_nothing(&self, answer: &Result<Answer, Refusal>) -> bool {
        answer.is_ok() || (self.touched.is_empty() && self.changes.is_empty())
    }

    fn finish(mut self, answer: Result<Answer, Refusal>) -> Decision {
        assert!(self.answer_moves_nothing(&answer), "a refused command changes nothing");
        for id in std::mem::take(&mut self.touched) {
            let Some(run) = self.ledger.runs.get(&id) else { continue };
            let life = run.life.clone();
            let settled = life.is_settled();
            self.changes.push(if settled { Change::Settle(id, life) } else { Change::Life(id, life) });
            match self.ledger.run_wake(run) {
                Some(at) => self.effects.push(Effect::Wake(Whom::Run(id), at)),
                None if run.life.lease().is_none() => self.effects.push(Effect::Rest(Whom::Run(id))),
                None => {}
            }
            self.effects.push(Effect::Changed(id));
        }
        Decision { changes: self.changes, effects: self.effects, answer }
    }
}

/// Refuses what is larger than its bound.
fn within(what: &str, bytes: usize, max: usize) -> Result<(), Refusal> {
    if bytes <= max {
        return Ok(());
    }
    Err(Refusal::TooLarge { what: what.to_owned(), bytes: bytes as u64, max: max as u64 })
}

/// The stage of the transition tests: one operator, two runners with one slot each, and one `check`.
#[cfg(test)]
pub(crate) mod stage {
    use super::*;
    use crate::approval::{Choice, LapsePolicy, Risk, SlotPolicy};
    use crate::command::{Answering, Asking, Attach, Report, ReportedEnd, Submission};
    use crate::device::Role;
    use crate::failure::{Attempts, Failure, FailureClass};
    use crate::ids::{Digest, LeaseId, SessionId};
    use crate::run::Header;

    pub(crate) const BOSS: DeviceId = DeviceId([1; 32]);
    pub(crate) const ANNA: DeviceId = DeviceId([2; 32]);
    pub(crate) const BELA: DeviceId = DeviceId([3; 32]);
    /// The run whose state `check` looks at.
    pub(crate) const RUN: RunId = RunId([7; 16]);
    pub(crate) const APPROVAL: ApprovalId = ApprovalId([8; 16]);

    /// One row: milliseconds to wait, what is asked, how the answer's text begins, the run's state afterwards.
    pub(crate) type Row = (u64, Command, &'static str, &'static str);

    pub(crate) fn device(id: DeviceId, role: Role) -> Device {
        let (pools, name) = (vec!["default".to_owned()], id.short());
        let chain = id.0.to_vec();
        Device { id, role, pools, name, sealing_key: [0; 32], chain, enrolled_at: Timestamp(0), revoked: None }
    }

    pub(crate) fn advert(slots: u32) -> Advert {
        Advert { offers: [("gpu".to_owned(), crate::requirements::Value::Flag)].into(), slots }
    }

    pub(crate) fn header() -> Header {
        Header {
            name: "a run".to_owned(),
            queue: "default".to_owned(),
            pool: "default".to_owned(),
            priority: 3,
            requirements: Default::default(),
            agent: "noop".to_owned(),
            attempts: Attempts { max: 2, of_task: true },
            hold_ms: None,
            start_within_ms: None,
            slot: SlotPolicy::Stay,
            key: None,
        }
    }

    pub(crate) fn submit_as(id: RunId, header: Header) -> Command {
        Command::Submit(Submission { id, submitter: BOSS, header, digest: Digest([id.0[0]; 32]), body: vec![1] })
    }

    pub(crate) fn submit() -> Command {
        submit_as(RUN, header())
    }

    pub(crate) const fn lease(epoch: u64) -> LeaseId {
        LeaseId { run: RUN, epoch }
    }

    pub(crate) fn attach(worker: DeviceId, session: u8, held: &[LeaseId]) -> Command {
        Command::Attach(Attach {
            worker,
            session: SessionId([session; 16]),
            incarnation: Incarnation(u64::from(session)),
            advert: advert(1),
            draining: false,
            held: held.to_vec(),
            asking: vec![],
        })
    }

    pub(crate) fn report(worker: DeviceId, epoch: u64, end: ReportedEnd) -> Command {
        let digest = Digest([if end == ReportedEnd::Succeeded { 1 } else { 2 }; 32]);
        Command::Report(worker, Report { lease: lease(epoch), end, digest, result: vec![9] })
    }

    pub(crate) fn failed(class: FailureClass) -> ReportedEnd {
        ReportedEnd::Failed(Failure::new(class, "x"))
    }

    pub(crate) fn ask(worker: DeviceId, epoch: u64, lapse: LapsePolicy) -> Command {
        let (id, lease, digest) = (APPROVAL, lease(epoch), Digest([5; 32]));
        Command::Ask(worker, Asking { id, lease, digest, risk: Risk::Low, lapse, sealed: vec![] })
    }

    pub(crate) fn answer(by: DeviceId, digest: u8, choice: Choice, verdict: u8) -> Command {
        let digest = Digest([digest; 32]);
        Command::Answer(Answering { id: APPROVAL, by, digest, choice, verdict: vec![verdict] })
    }

    /// A ledger under test.
    pub(crate) struct Stage {
        pub(crate) ledger: Ledger,
        pub(crate) now: Timestamp,
        pub(crate) changes: Vec<Change>,
        pub(crate) effects: Vec<Effect>,
    }

    impl Stage {
        /// Nobody is connected.
        pub(crate) fn empty() -> Self {
            let devices = vec![device(BOSS, Role::Operator), device(ANNA, Role::Runner), device(BELA, Role::Runner)];
            let rows = Rows { devices, ..Rows::default() };
            let now = Timestamp(1_000_000);
            let ledger = Ledger::load(Incarnation(1), Policy::default(), rows, now);
            Self { ledger, now, changes: vec![], effects: vec![] }
        }

        /// Anna is connected, and Bela after her.
        pub(crate) fn with(workers: &[DeviceId]) -> Self {
            let mut stage = Self::empty();
            for worker in workers {
                assert!(stage.apply(0, attach(*worker, 1, &[])).is_ok(), "a runner attaches");
            }
            stage
        }

        pub(crate) fn apply(&mut self, later_ms: u64, command: Command) -> Result<Answer, Refusal> {
            self.now = self.now.plus(later_ms);
            let decision = self.ledger.apply(self.now, &mut Dice::new(1), command);
            (self.changes, self.effects) = (decision.changes, decision.effects);
            decision.answer
        }

        /// Applies each row, and looks at the answer and at the state of [`RUN`].
        pub(crate) fn check(&mut self, rows: Vec<Row>) {
            for (at, (later_ms, command, expected, state)) in rows.into_iter().enumerate() {
                let told = format!("row {at}: {command:?}");
                let answer = format!("{:?}", self.apply(later_ms, command));
                assert!(answer.starts_with(expected), "{told}\n  answered {answer}, not {expected}");
                let now = self.ledger.run(RUN).map_or("none", |run| run.life.state().word());
                assert_eq!(now, state, "{told}");
            }
        }
    }
}
