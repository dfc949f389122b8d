//! `device_v1`: devices ever paired, revoked ones included. Key: device.

use crate::tables::{Table, pack, unpack};
use ostler_core::device::Device;
use ostler_core::ids::DeviceId;

pub(crate) struct DeviceV1;

impl Table for DeviceV1 {
    const NAME: &'static str = "device_v1";
    type Key = DeviceId;
    type Row = Device;

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
