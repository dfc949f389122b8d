//! `advert_v1`: what each runner last said it can do. Key: device.

use crate::tables::{Table, pack, unpack};
use ostler_core::ids::DeviceId;
use ostler_core::worker::Advert;

pub(crate) struct AdvertV1;

impl Table for AdvertV1 {
    const NAME: &'static str = "advert_v1";
    type Key = DeviceId;
    type Row = Advert;

    fn key(device: &DeviceId) -> Vec<u8> {
        device.0.to_vec()
    }

    fn unkey(bytes: &[u8]) -> Option<Self::Key> {
        bytes.try_into().ok().map(DeviceId)
    }

    fn encode(row: &Self::Row) -> Vec<u8> {
        pack(row)
    }

    fn decode(bytes: &[u8]) -> Option<Self::Row> {
        unpack(bytes)
    }
}
