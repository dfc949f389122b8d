//! `approval_v1`: questions and what became of them. Key: run, then approval, which is made of its time: oldest first.

use crate::tables::{Table, pack, take, unpack};
use ostler_core::approval::Approval;
use ostler_core::ids::{ApprovalId, RunId};

pub(crate) struct ApprovalV1;

impl Table for ApprovalV1 {
    const NAME: &'static str = "approval_v1";
    type Key = (RunId, ApprovalId);
    type Row = Approval;

    fn key((run, approval): &(RunId, ApprovalId)) -> Vec<u8> {
        [run.0, approval.0].concat()
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        let (run, rest) = take(bytes)?;
        Some((RunId(run), ApprovalId(rest.try_into().ok()?)))
    }

    fn encode(row: &Self::Row) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        unpack(bytes)
    }
}
