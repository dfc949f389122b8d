//! `invite_v1`: invitations, spent ones until they would have expired. Key: invite.

use crate::tables::{Table, pack, unpack};
use ostler_core::device::Invite;
use ostler_core::ids::InviteId;

pub(crate) struct InviteV1;

impl Table for InviteV1 {
    const NAME: &'static str = "invite_v1";
    type Key = InviteId;
    type Row = Invite;

    fn key(invite: &InviteId) -> Vec<u8> {
        invite.0.to_vec()
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        bytes.try_into().ok().map(InviteId)
    }

    fn encode(row: &Self::Row) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        unpack(bytes)
    }
}
