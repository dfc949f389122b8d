//! The machine itself: system, processors, memory, disk, names. Must not start programs.

use ostler_core::requirements::{Offers, Value};
use std::path::Path;

/// Where Linux keeps a random name of the installation; the first that is there.
const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
const CONTEXT: &str = "ostler 2026-11 machine name v1";
/// Characters of a machine's name: enough to tell the machines of any fleet apart.
const ID_CHARS: usize = 16;
/// Sizes are advertised in these steps: a byte of free memory more is no news.
const STEP_BYTES: u64 = 1 << 30;

/// The machine's name.
pub(super) fn id() -> String {
    let known =
        MACHINE_IDS.iter().find_map(|path| std::fs::read_to_string(path).ok()).filter(|id| !id.trim().is_empty());
    let material = known.unwrap_or_else(|| format!("host {}", host()));
    let digest = blake3::Hasher::new_derive_key(CONTEXT).update(material.trim().as_bytes()).finalize();
    digest.to_hex().chars().take(ID_CHARS).collect()
}

/// What the machine is.
pub(super) fn offers() -> Offers {
    let text = |text: &str| Value::Text(text.to_owned());
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let mut offers = Offers::from([
        ("os".to_owned(), text(std::env::consts::OS)),
        ("arch".to_owned(), text(std::env::consts::ARCH)),
        ("cpus".to_owned(), Value::Number(u64::try_from(cpus).unwrap_or(u64::MAX))),
        ("host".to_owned(), Value::Text(host())),
        ("machine".to_owned(), Value::Text(id())),
    ]);
    offers.extend(memory_bytes().map(|bytes| ("mem".to_owned(), Value::Number(bytes))));
    offers.extend(disk_bytes().map(|bytes| ("disk".to_owned(), Value::Number(bytes / STEP_BYTES * STEP_BYTES))));
    offers
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Memory the machine has, not what is free of it: what is free changes while a run waits.
#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    let info = rustix::system::sysinfo();
    #[expect(clippy::useless_conversion, reason = "the field is 32 bits wide on some systems")]
    let total = u64::from(info.totalram);
    Some(total.saturating_mul(u64::from(info.mem_unit)))
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    None
}

/// Room for this user where the runner works.
fn disk_bytes() -> Option<u64> {
    let home = ostler_boot::home().ok();
    let place = home.iter().flat_map(|home| home.ancestors()).find(|place| place.exists()).unwrap_or(Path::new("/"));
    let room = rustix::fs::statvfs(place).ok()?;
    Some(room.f_bavail.saturating_mul(room.f_frsize))
}
