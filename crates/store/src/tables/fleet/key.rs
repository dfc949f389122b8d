//! `key_v1`: idempotency keys in force. Key: device, then the key's text.

use crate::tables::{Table, pack, take, unpack};
use ostler_core::ids::{DeviceId, RunId};

pub(crate) struct KeyV1;

impl Table for KeyV1 {
    const NAME: &'static str = "key_v1";
    type Key = (DeviceId, String);
    type Row = RunId;

    fn key((device, text): &(DeviceId, String)) -> Vec<u8> {
        [device.0.as_slice(), text.as_bytes()].concat()
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        let (device, text) = take(bytes)?;
        Some((DeviceId(device), String::from_utf8(text.to_vec()).ok()?))
    }

    fn encode(row: &Self::Row) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        unpack(bytes)
    }
}
