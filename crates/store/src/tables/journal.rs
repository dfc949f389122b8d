//! Tables of a runner's journal. Every key of a lease's own starts with run and epoch.
//!
//! `held_v1`: leases. `cursor_v1`: how far a lease's spool was turned into events. `outbox_v1`: events not acknowledged (key:
//! lease, n). `report_v1`: results not acknowledged. `ask_v1`: questions without an answer (key: approval).

use super::run::{lease_key, lease_unkey};
use super::{Table, pack, unpack};
use crate::journal::{JournalledLease, SpoolCursor};
use ostler_core::ids::{ApprovalId, LeaseId};

fn whole((lease, rest): (LeaseId, &[u8])) -> Option<LeaseId> {
    rest.is_empty().then_some(lease)
}

pub(crate) struct HeldV1;

impl Table for HeldV1 {
    const NAME: &'static str = "held_v1";
    type Key = LeaseId;
    type Row = JournalledLease;

    fn key(lease: &LeaseId) -> Vec<u8> {
        lease_key(lease)
    }

    fn unkey(bytes: &[u8]) -> Option<LeaseId> {
        lease_unkey(bytes).and_then(whole)
    }

    fn encode(row: &JournalledLease) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<JournalledLease> {
        unpack(bytes)
    }
}

pub(crate) struct CursorV1;

impl Table for CursorV1 {
    const NAME: &'static str = "cursor_v1";
    type Key = LeaseId;
    type Row = SpoolCursor;

    fn key(lease: &LeaseId) -> Vec<u8> {
        lease_key(lease)
    }

    fn unkey(bytes: &[u8]) -> Option<LeaseId> {
        lease_unkey(bytes).and_then(whole)
    }

    fn encode(row: &SpoolCursor) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<SpoolCursor> {
        unpack(bytes)
    }
}

pub(crate) struct OutboxV1;

impl Table for OutboxV1 {
    const NAME: &'static str = "outbox_v1";
    type Key = (LeaseId, u64);
    type Row = Vec<u8>;

    fn key((lease, n): &(LeaseId, u64)) -> Vec<u8> {
        [lease_key(lease), n.to_be_bytes().to_vec()].concat()
    }

    fn unkey(bytes: &[u8]) -> Option<(LeaseId, u64)> {
        let (lease, n) = lease_unkey(bytes)?;
        Some((lease, u64::from_be_bytes(n.try_into().ok()?)))
    }

    fn encode(sealed: &Vec<u8>) -> Vec<u8> {
        sealed.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

pub(crate) struct ReportV1;

impl Table for ReportV1 {
    const NAME: &'static str = "report_v1";
    type Key = LeaseId;
    type Row = Vec<u8>;

    fn key(lease: &LeaseId) -> Vec<u8> {
        lease_key(lease)
    }

    fn unkey(bytes: &[u8]) -> Option<LeaseId> {
        lease_unkey(bytes).and_then(whole)
    }

    fn encode(sealed: &Vec<u8>) -> Vec<u8> {
        sealed.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

pub(crate) struct AskV1;

impl Table for AskV1 {
    const NAME: &'static str = "ask_v1";
    type Key = ApprovalId;
    /// Who asks, and the question as it is sent.
    type Row = (LeaseId, Vec<u8>);

    fn key(approval: &ApprovalId) -> Vec<u8> {
        approval.0.to_vec()
    }

    fn unkey(bytes: &[u8]) -> Option<ApprovalId> {
        bytes.try_into().ok().map(ApprovalId)
    }

    fn encode((lease, question): &Self::Row) -> Vec<u8> {
        [lease_key(lease), question.clone()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        lease_unkey(bytes).map(|(lease, question)| (lease, question.to_vec()))
    }
}
