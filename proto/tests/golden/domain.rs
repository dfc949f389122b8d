//! Values of the domain inside frames: their bytes travel and are kept as well.

use crate::closed;
use crate::sample::{Table, approval, at, bytes, device, digest, invite, lease, run, text};
use ostler_core::approval::{Approval, ApprovalState, Choice, Decided, LapsePolicy, Risk, SlotPolicy};
use ostler_core::command::{Asking, Report, ReportedEnd};
use ostler_core::decision::{Refusal, Why};
use ostler_core::device::{Device, Invite, KeyEpoch, Role};
use ostler_core::failure::{Attempts, Cause, Counts, Failure, FailureClass};
use ostler_core::lease::{Lease, Phase};
use ostler_core::requirements::{Compare, Offers, Requirements, RequirementsError, Term, Value};
use ostler_core::run::{Attempt, AttemptEnd, Header, HeaderError, Hold, Life, Outcome, Settlement, Spec, State};
use ostler_core::worker::Advert;

pub(crate) fn add(table: &mut Table) {
    runs(table);
    failures(table);
    refusals(table);
    matching(table);
    approvals(table);
    people(table);
}

pub(crate) fn requirements() -> Requirements {
    let terms = "os=linux, agent.claude>=2.1, mem>=8GiB, xcode~16, zone in (eu-1, eu-2), gpu, !spot, repo!=acme/legacy";
    terms.parse().expect("as the documents write them")
}

pub(crate) fn offers() -> Offers {
    let set = Value::Set([text("git"), text("node")].into());
    [("gpu", Value::Flag), ("os", Value::Text(text("linux"))), ("tool", set)]
        .into_iter()
        .map(|(name, value)| (text(name), value))
        .collect()
}

pub(crate) fn advert() -> Advert {
    Advert { offers: offers(), slots: 4 }
}

pub(crate) fn header() -> Header {
    Header {
        name: text("fix the build"),
        queue: text("default"),
        pool: text("default"),
        priority: 3,
        requirements: requirements(),
        agent: text("shell"),
        attempts: Attempts { max: 3, of_task: true },
        hold_ms: Some(1_000),
        start_within_ms: None,
        slot: SlotPolicy::Park,
        key: Some(text("nightly-7")),
    }
}

pub(crate) fn spec() -> Spec {
    Spec { id: run(1), header: header(), digest: digest(), submitter: device(1), created_at: at() }
}

pub(crate) fn failure() -> Failure {
    Failure { class: FailureClass::Limit, code: text("429"), retry_after_ms: Some(60_000) }
}

pub(crate) fn report() -> Report {
    Report { lease: lease(), end: ReportedEnd::Failed(failure()), digest: digest(), result: bytes() }
}

pub(crate) fn asking() -> Asking {
    let lapse = LapsePolicy::Deny { after_ms: 60_000 };
    Asking { id: approval(), lease: lease(), digest: digest(), risk: Risk::High, lapse, sealed: bytes() }
}

fn attempt(end: AttemptEnd) -> Attempt {
    Attempt { epoch: 299, worker: device(2), started_at: Some(at()), ended_at: at(), end, report: Some(digest()) }
}

pub(crate) fn life(state: State) -> Life {
    let mut life = Life::new(at(), state);
    life.epoch = 300;
    life.generation = 1;
    life.counts = Counts { attempts: 1, infra: 2, limit_ms: 3, losses: 2, ..Counts::default() };
    life.counts.lost_on = [device(2), device(3)].into();
    life.counts.quickly_lost_on = [device(3)].into();
    life.avoid = Some(device(2));
    life.history = vec![attempt(AttemptEnd::Stopped)];
    life
}

fn held_lease() -> Lease {
    Lease { id: lease(), worker: device(2), granted_at: at(), phase: Phase::Held { since: at() } }
}

fn decided() -> Decided {
    Decided { choice: Choice::Approve, by: device(1), verdict: bytes(), at: at() }
}

pub(crate) fn approval_row() -> Approval {
    Approval {
        id: approval(),
        lease: lease(),
        worker: device(2),
        digest: digest(),
        risk: Risk::Medium,
        sealed: bytes(),
        lapse: LapsePolicy::Escalate { after_ms: 60_000 },
        asked_at: at(),
        escalated: true,
        state: ApprovalState::Decided(decided()),
    }
}

pub(crate) fn device_row() -> Device {
    Device {
        id: device(2),
        role: Role::Runner,
        pools: vec![text("default")],
        name: text("laptop"),
        sealing_key: [0x5e; 32],
        chain: bytes(),
        enrolled_at: at(),
        revoked: Some(bytes()),
    }
}

pub(crate) fn invite_row() -> Invite {
    Invite {
        id: invite(),
        sealing_key: [0x5f; 32],
        role: Role::Runner,
        inviter: device(1),
        expires_at: at(),
        spent_by: Some(device(2)),
    }
}

pub(crate) fn key_epoch() -> KeyEpoch {
    KeyEpoch { number: 2, bytes: bytes() }
}

fn runs(table: &mut Table) {
    let settlement = Settlement { outcome: Outcome::Succeeded, at: at(), epoch: Some(300), report: Some(digest()) };
    closed!(table, State:
        Held = State::Held { until: at(), why: Hold::Backoff },
        Ready = State::Ready,
        Leased = State::Leased(held_lease()),
        Parked = State::Parked { lease: held_lease(), due: true },
        Settled = State::Settled(settlement),
        Dead = State::Dead { cause: Cause::Poison, at: at() },
    );
    closed!(table, Hold: Asked = Hold::Asked, Backoff = Hold::Backoff, Limit = Hold::Limit);
    closed!(table, Phase:
        Offered = Phase::Offered,
        Held = Phase::Held { since: at() },
        Orphaned = Phase::Orphaned { since: at(), lapsed_at: at() },
    );
    closed!(table, Outcome:
        Succeeded = Outcome::Succeeded,
        Failed = Outcome::Failed(failure()),
        Cancelled = Outcome::Cancelled,
        Expired = Outcome::Expired,
    );
    closed!(table, AttemptEnd:
        Succeeded = AttemptEnd::Succeeded,
        Failed = AttemptEnd::Failed(failure()),
        Declined = AttemptEnd::Declined(text("disk")),
        Stopped = AttemptEnd::Stopped,
    );
    table.add("Life", 0, &life(State::Leased(held_lease())));
    table.add("Spec", 0, &spec());
}

fn failures(table: &mut Table) {
    closed!(table, FailureClass:
        Infra = FailureClass::Infra,
        Agent = FailureClass::Agent,
        Task = FailureClass::Task,
        Limit = FailureClass::Limit,
        Policy = FailureClass::Policy,
        User = FailureClass::User,
        Absence = FailureClass::Absence,
    );
    closed!(table, Cause:
        Exhausted = Cause::Exhausted,
        Budget = Cause::Budget,
        Poison = Cause::Poison,
        Crashed = Cause::Crashed,
    );
    closed!(table, ReportedEnd: Succeeded = ReportedEnd::Succeeded, Failed = ReportedEnd::Failed(failure()));
    closed!(table, Why: Cancelled = Why::Cancelled, Fenced = Why::Fenced, Unknown = Why::Unknown);
}

fn refusals(table: &mut Table) {
    closed!(table, Refusal:
        Header = Refusal::Header(HeaderError::Key),
        TooLarge = Refusal::TooLarge { what: text("body"), bytes: 600_000, max: 524_288 },
        KeyConflict = Refusal::KeyConflict(run(1)),
        RunExists = Refusal::RunExists(run(1)),
        NoRun = Refusal::NoRun(run(1)),
        Settled = Refusal::Settled(Outcome::Cancelled),
        NotDead = Refusal::NotDead(text("running")),
        NoApproval = Refusal::NoApproval(approval()),
        AlreadyDecided = Refusal::AlreadyDecided(Box::new(decided())),
        NotAsked = Refusal::NotAsked,
        WrongDigest = Refusal::WrongDigest,
        StaleLease = Refusal::StaleLease,
        NotPaired = Refusal::NotPaired,
        SpentInvite = Refusal::SpentInvite,
        EpochTaken = Refusal::EpochTaken(2),
        Busy = Refusal::Busy { retry_after_ms: 1_000 },
        Role = Refusal::Role,
        Verdict = Refusal::Verdict(text("expired")),
    );
    closed!(table, HeaderError:
        Name = HeaderError::Name { field: text("queue"), text: text("a\tb") },
        Priority = HeaderError::Priority(9),
        Attempts = HeaderError::Attempts(0),
        Key = HeaderError::Key,
        Requirements = HeaderError::Requirements(RequirementsError::TooLong),
    );
    closed!(table, RequirementsError:
        TooLong = RequirementsError::TooLong,
        Name = RequirementsError::Name(text("=x")),
        Literal = RequirementsError::Literal(text("os="), text("=")),
        Order = RequirementsError::Order(text("mem>=lots"), text(">=")),
        List = RequirementsError::List(text("zone in eu")),
    );
}

fn matching(table: &mut Table) {
    closed!(table, Value:
        Flag = Value::Flag,
        Text = Value::Text(text("linux")),
        Number = Value::Number(8 << 30),
        Version = Value::Version(vec![2, 1, 300]),
        Set = Value::Set([text("git"), text("node")].into()),
    );
    closed!(table, Term:
        Has = Term::Has(text("gpu")),
        Lacks = Term::Lacks(text("spot")),
        Is = Term::Is(text("mem"), Compare::GreaterOrEqual, text("8GiB")),
        In = Term::In(text("zone"), [text("eu-1"), text("eu-2")].into()),
    );
    closed!(table, Compare:
        Equal = Compare::Equal,
        Unequal = Compare::Unequal,
        Less = Compare::Less,
        LessOrEqual = Compare::LessOrEqual,
        Greater = Compare::Greater,
        GreaterOrEqual = Compare::GreaterOrEqual,
        Compatible = Compare::Compatible,
    );
    table.add("Requirements", 0, &requirements());
}

fn approvals(table: &mut Table) {
    closed!(table, ApprovalState:
        Pending = ApprovalState::Pending,
        Decided = ApprovalState::Decided(decided()),
        Lapsed = ApprovalState::Lapsed { at: at() },
        Withdrawn = ApprovalState::Withdrawn { at: at() },
    );
    closed!(table, Choice: Approve = Choice::Approve, Reject = Choice::Reject);
    closed!(table, Risk: Low = Risk::Low, Medium = Risk::Medium, High = Risk::High);
    closed!(table, LapsePolicy:
        Hold = LapsePolicy::Hold,
        Deny = LapsePolicy::Deny { after_ms: 60_000 },
        Escalate = LapsePolicy::Escalate { after_ms: 60_000 },
    );
    closed!(table, SlotPolicy: Stay = SlotPolicy::Stay, Park = SlotPolicy::Park);
}

fn people(table: &mut Table) {
    closed!(table, Role:
        Operator = Role::Operator,
        Runner = Role::Runner,
        Viewer = Role::Viewer,
        Gateway = Role::Gateway,
    );
    table.add("Device", 0, &device_row());
    table.add("Invite", 0, &invite_row());
    table.add("KeyEpoch", 0, &key_epoch());
}
