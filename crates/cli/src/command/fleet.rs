//! The fleet: founding and joining it, its tickets, devices and runners.

pub(crate) mod devices;
pub(crate) mod init;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod runners;
pub(crate) mod ticket;

/// What this machine calls itself, in the characters a device's name may have.
pub(crate) fn machine_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String =
        host.split('.').next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(40).collect();
    if name.trim().is_empty() { "machine".to_owned() } else { name.trim().to_owned() }
}
