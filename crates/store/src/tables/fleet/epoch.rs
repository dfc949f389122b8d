//! `epoch_v1`: generations of the fleet's sealing key, wrapped. Key: number, big-endian: oldest first.

use crate::tables::{Table, pack, unpack};
use ostler_core::device::KeyEpoch;

pub(crate) struct EpochV1;

impl Table for EpochV1 {
    const NAME: &'static str = "epoch_v1";
    type Key = u32;
    type Row = KeyEpoch;

    fn key(number: &u32) -> Vec<u8> {
        number.to_be_bytes().to_vec()
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        bytes.try_into().ok().map(u32::from_be_bytes)
    }

    fn encode(row: &Self::Row) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        unpack(bytes)
    }
}
