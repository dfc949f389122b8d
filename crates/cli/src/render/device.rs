//! Devices and what they may do.

use super::table::{Cell, Table};
use super::text::plain;
use super::time;
use crate::out::Paint;
use ostler_core::device::Device;
use ostler_core::ids::DeviceId;
use ostler_core::time::Timestamp;
use serde_json::{Value, json};

/// Devices under each other; `own` is marked.
pub(crate) fn listing(devices: &[Device], own: DeviceId, now: Timestamp) -> Table {
    let mut table = Table::new(&["DEVICE", "NAME", "ROLE", "POOLS", "PAIRED", ""], 1);
    for device in devices {
        let note: Cell = match (&device.revoked, device.id == own) {
            (Some(_), _) => Cell::painted("revoked", Paint::red),
            (None, true) => Cell::painted("this device", Paint::dim),
            (None, false) => "".into(),
        };
        table.row(vec![
            device.id.short().into(),
            Cell::painted(plain(&device.name), Paint::bold),
            device.role.to_string().into(),
            pools(&device.pools).into(),
            time::ago(device.enrolled_at, now).into(),
            note,
        ]);
    }
    table
}

/// Pools in words.
pub(crate) fn pools(pools: &[String]) -> String {
    if pools.is_empty() { "-".to_owned() } else { plain(&pools.join(" ")) }
}

/// One device.
pub(crate) fn page(device: &Device, path: &[String], paint: Paint) -> String {
    let state = if device.revoked.is_some() { paint.red("revoked") } else { "paired".to_owned() };
    let fields = [
        ("device", device.id.to_string()),
        ("name", plain(&device.name)),
        ("role", device.role.to_string()),
        ("pools", pools(&device.pools)),
        ("state", format!("{state} since {}", time::local(device.enrolled_at))),
        ("granted by", path.join(" ▸ ")),
    ];
    fields.map(|(field, value)| format!("{} {value}", paint.dim(&format!("{field:>10}")))).join("\n")
}

/// A device for programs.
pub(crate) fn json(device: &Device) -> Value {
    json!({
        "id": device.id.to_string(),
        "name": device.name,
        "role": device.role.to_string(),
        "pools": device.pools,
        "enrolled_at": time::rfc3339(device.enrolled_at),
        "revoked": device.revoked.is_some(),
    })
}
