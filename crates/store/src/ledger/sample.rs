//! Rows for tests.

use ostler_core::approval::{Approval, ApprovalState, LapsePolicy, Risk, SlotPolicy};
use ostler_core::decision::Change;
use ostler_core::failure::Attempts;
use ostler_core::ids::{ApprovalId, DeviceId, Digest, LeaseId, RunId};
use ostler_core::requirements::Requirements;
use ostler_core::run::{Header, Life, Outcome, Settlement, Spec, State};
use ostler_core::time::Timestamp;
use std::sync::Arc;

pub(crate) const RUNNER: DeviceId = DeviceId([5; 32]);

pub(crate) fn run(number: u64) -> RunId {
    RunId::from_parts(1_000 + number, [number as u8; 10])
}

pub(crate) fn lease(number: u64, epoch: u64) -> LeaseId {
    LeaseId { run: run(number), epoch }
}

pub(crate) fn spec(number: u64) -> Spec {
    let header = Header {
        name: format!("run {number}"),
        queue: "default".to_owned(),
        pool: "default".to_owned(),
        priority: 3,
        requirements: Requirements::default(),
        agent: "shell".to_owned(),
        attempts: Attempts::default(),
        hold_ms: None,
        start_within_ms: Some(number),
        slot: SlotPolicy::Stay,
        key: Some(format!("key {number}")),
    };
    let (digest, submitter) = (Digest([3; 32]), DeviceId([4; 32]));
    Spec { id: run(number), header, digest, submitter, created_at: Timestamp(number) }
}

pub(crate) fn live(number: u64) -> Life {
    Life::new(Timestamp(number), State::Ready)
}

pub(crate) fn over(at: u64) -> Life {
    let settlement = Settlement { outcome: Outcome::Succeeded, at: Timestamp(at), epoch: Some(1), report: None };
    Life::new(Timestamp(0), State::Settled(settlement))
}

pub(crate) fn approval(number: u64, of: u64) -> Approval {
    Approval {
        id: ApprovalId::from_parts(of, [of as u8; 10]),
        lease: lease(number, 1),
        worker: RUNNER,
        digest: Digest([8; 32]),
        risk: Risk::High,
        sealed: vec![1, 2, 3],
        lapse: LapsePolicy::Hold,
        asked_at: Timestamp(of),
        escalated: false,
        state: ApprovalState::Pending,
    }
}

/// What a submission writes.
pub(crate) fn submit(number: u64) -> Vec<Change> {
    let spec = spec(number);
    vec![
        Change::Key(spec.submitter, format!("key {number}"), spec.id),
        Change::Spec(Arc::new(spec)),
        Change::Body(run(number), body(number)),
        Change::Life(run(number), live(number)),
    ]
}

pub(crate) fn body(number: u64) -> Vec<u8> {
    vec![number as u8; 700]
}
