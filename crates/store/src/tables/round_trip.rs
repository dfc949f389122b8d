//! Every table: rows come back as they went in, keys sort as they should, and no flipped bit of a record passes.

use super::events::{End, EventV1, Link, TailV1};
use super::fleet::{advert::AdvertV1, device::DeviceV1, epoch::EpochV1, invite::InviteV1, key::KeyV1};
use super::journal::{AskV1, CursorV1, HeldV1, OutboxV1, ReportV1};
use super::meta::{Kind, Meta, MetaV1};
use super::run::{approval::ApprovalV1, body::BodyV1, late::LateV1, lately::LatelyV1, life::LifeV1};
use super::run::{result::ResultV1, settled::SettledV1, spec::SpecV1};
use super::{Table, open, record};
use crate::error::StoreError;
use crate::journal::{JournalledLease, SpoolCursor, Stage};
use crate::ledger::sample;
use ostler_core::approval::{Approval, ApprovalState, Choice, Decided};
use ostler_core::device::{Device, Invite, KeyEpoch, Role};
use ostler_core::failure::{Cause, Failure, FailureClass};
use ostler_core::ids::{ApprovalId, DeviceId, Digest, Incarnation, InviteId, LeaseId, RunId};
use ostler_core::lease::{Lease, Phase};
use ostler_core::requirements::Offers;
use ostler_core::run::{Attempt, AttemptEnd, Header, Hold, Life, Spec, State};
use ostler_core::time::Timestamp;
use ostler_core::worker::Advert;
use proptest::prelude::*;
use std::fmt::Debug;

/// Bytes of a record whose every bit is flipped; more of the same shows nothing new.
const FLIPPED_BYTES: usize = 64;

fn check<T: Table>(key: &T::Key, row: &T::Row)
where
    T::Key: PartialEq + Debug,
    T::Row: PartialEq + Debug,
{
    let bytes = T::key(key);
    let whole = record::<T>(&bytes, row);
    let (read_key, read_row) = open::<T>(&bytes, &whole).expect("a record that was just made");
    assert_eq!((&read_key, &read_row), (key, row), "{}", T::NAME);
    for bit in 0..whole.len().min(FLIPPED_BYTES) * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(open::<T>(&bytes, &flipped), Err(StoreError::Damaged { .. })), "{} bit {bit}", T::NAME);
    }
    let mut elsewhere = bytes.clone();
    elsewhere[0] ^= 1;
    assert!(open::<T>(&elsewhere, &whole).is_err(), "{}: a record belongs to its key", T::NAME);
}

fn sealed() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

prop_compose! {
    fn a_lease()(run in any::<[u8; 16]>(), epoch in any::<u64>()) -> LeaseId {
        LeaseId { run: RunId(run), epoch }
    }
}

fn a_state() -> impl Strategy<Value = State> {
    (0..5u8, a_lease(), any::<u64>().prop_map(Timestamp)).prop_map(|(which, id, at)| {
        let phase = Phase::Orphaned { since: at, lapsed_at: at };
        let lease = Lease { id, worker: sample::RUNNER, granted_at: at, phase };
        match which {
            0 => State::Held { until: at, why: Hold::Backoff },
            1 => State::Ready,
            2 => State::Leased(lease),
            3 => State::Parked { lease, due: true },
            _ => State::Dead { cause: Cause::Crashed, at },
        }
    })
}

prop_compose! {
    fn a_life()(state in a_state(), epoch in any::<u64>(), generation in any::<u32>(), queued in any::<u64>(),
        avoid in any::<Option<[u8; 32]>>(), ended in prop::collection::vec(any::<u64>(), 0..4)) -> Life {
        let mut life = Life::new(Timestamp(queued), state);
        (life.epoch, life.generation, life.avoid) = (epoch, generation, avoid.map(DeviceId));
        life.history = ended.into_iter().map(|at| Attempt {
            epoch: at,
            worker: sample::RUNNER,
            started_at: Some(Timestamp(at)),
            ended_at: Timestamp(at),
            end: AttemptEnd::Failed(Failure::new(FailureClass::Task, "the check failed")),
            report: Some(Digest([1; 32])),
        }).collect();
        life
    }
}

prop_compose! {
    fn a_spec()(run in any::<[u8; 16]>(), name in ".{0,40}", priority in 1..=5u8, key in any::<Option<String>>(),
        hold in any::<Option<u64>>(), at in any::<u64>()) -> Spec {
        let whole = sample::spec(1);
        let header = Header { name, priority, key, hold_ms: hold, ..whole.header };
        Spec { id: RunId(run), header, created_at: Timestamp(at), ..whole }
    }
}

prop_compose! {
    fn an_approval()(lease in a_lease(), id in any::<[u8; 16]>(), sealed in sealed(), verdict in sealed(), at in any::<u64>())
        -> Approval {
        let by = sample::RUNNER;
        let state = ApprovalState::Decided(Decided { choice: Choice::Reject, by, verdict, at: Timestamp(at) });
        Approval { id: ApprovalId(id), lease, sealed, state, ..sample::approval(1, 1) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_of_runs(lease in a_lease(), spec in a_spec(), life in a_life(), approval in an_approval(), bytes in sealed()) {
        check::<SpecV1>(&spec.id.clone(), &spec);
        check::<LifeV1>(&lease.run, &life);
        check::<SettledV1>(&lease.run, &life);
        check::<BodyV1>(&lease.run, &bytes);
        check::<ResultV1>(&lease, &bytes);
        check::<LateV1>(&(lease, Digest([6; 32])), &(sample::RUNNER, bytes));
        check::<LatelyV1>(&(Timestamp(lease.epoch), lease.run), &());
        check::<ApprovalV1>(&(approval.lease.run, approval.id), &approval);
    }

    #[test]
    fn tables_of_the_fleet(id in any::<[u8; 32]>(), text in ".{0,60}", bytes in sealed(), number in any::<u32>()) {
        let device = DeviceId(id);
        let (name, pools, at) = (text.clone(), vec![text.clone()], Timestamp(u64::from(number)));
        let (role, sealing_key) = (Role::Runner, id);
        let row = Device { id: device, role, pools, name, sealing_key, chain: bytes.clone(), enrolled_at: at,
            revoked: Some(bytes.clone()) };
        check::<DeviceV1>(&device, &row);
        let invite = InviteId(*id.first_chunk().expect("32 bytes"));
        let row = Invite { id: invite, sealing_key, role, inviter: device, expires_at: at, spent_by: Some(device) };
        check::<InviteV1>(&invite, &row);
        check::<EpochV1>(&number, &KeyEpoch { number, bytes });
        check::<AdvertV1>(&device, &Advert { offers: Offers::default(), slots: number });
        check::<KeyV1>(&(device, text), &RunId(invite.0));
    }

    #[test]
    fn tables_of_events_and_the_journal(lease in a_lease(), n in any::<u64>(), hash in any::<[u8; 32]>(), bytes in sealed()) {
        let (hash, at) = (Digest(hash), Timestamp(n));
        check::<EventV1>(&(lease.run, n), &Link { hash, epoch: lease.epoch, n, at, sealed: bytes.clone() });
        let end = End { seq: n, hash, from: n, anchor: hash, epochs: vec![(lease.epoch, n)], bytes: n, last_at: at };
        check::<TailV1>(&lease.run, &end);
        let (shim_dir, task, stage) = ("/state/a".into(), bytes.clone(), Stage::Finishing);
        check::<HeldV1>(&lease, &JournalledLease { lease, stage, shim_dir, task, created_at: at });
        check::<CursorV1>(&lease, &SpoolCursor { spool_offset: n, next_n: n });
        check::<OutboxV1>(&(lease, n), &bytes);
        check::<ReportV1>(&lease, &bytes);
        check::<MetaV1>(&(), &Meta { kind: Kind::Journal, schema: 7, incarnation: Incarnation(n) });
        check::<AskV1>(&ApprovalId(lease.run.0), &(lease, bytes));
    }

    #[test]
    fn keys_sort_as_what_they_stand_for(a in a_lease(), b in a_lease(), n in any::<u64>(), m in any::<u64>()) {
        prop_assert_eq!(OutboxV1::key(&(a, n)).cmp(&OutboxV1::key(&(b, m))), (a, n).cmp(&(b, m)));
        prop_assert_eq!(EventV1::key(&(a.run, n)).cmp(&EventV1::key(&(a.run, m))), n.cmp(&m));
        prop_assert_eq!(LatelyV1::key(&(Timestamp(n), a.run)).cmp(&LatelyV1::key(&(Timestamp(m), a.run))), n.cmp(&m));
    }
}
