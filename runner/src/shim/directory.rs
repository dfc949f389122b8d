//! The attempt's directory: what each file is called, holds, and how it is written.
//!
//! Owns names and atomicity. Must not know when anything is written.

use super::{Exit, Launch};
use ostler_pty::birth;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What to start. Taken (renamed away, then removed) by the shim, or voided by a runner that adopts first.
pub(crate) const LAUNCH: &str = "launch";
/// Where the shim listens.
pub(crate) const SOCKET: &str = "control.sock";
/// Every byte the agent printed, framed.
pub(crate) const SPOOL: &str = "spool";
/// What the shim itself has to say.
pub(crate) const LOG: &str = "log";
const EXIT: &str = "exit";
const RECORD: &str = "agent";

/// The launch as the shim reads it: its deadline is a reading of the clock, so that a slow start costs the agent's
/// time and never extends it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) launch: Launch,
    pub(crate) deadline_boot_ms: u64,
}

/// Who is who, for a runner that finds the shim gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The shim's [`birth`].
    pub(crate) shim: Option<String>,
    /// The agent's, once started.
    pub(crate) agent: Option<String>,
    /// The environment entry its processes carry.
    pub(crate) mark: Option<String>,
}

impl Record {
    /// The record of this process before it has started anything.
    pub(crate) fn of_this(launch: &Launch) -> Self {
        let mark = launch.env.iter().find(|(name, _)| name == ostler_agents::ENV_SOCKET);
        Self { shim: birth(std::process::id()), agent: None, mark: mark.map(|(name, value)| format!("{name}={value}")) }
    }
}

/// Makes the directory, for its owner's eyes only.
pub(crate) fn make(dir: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    dir.canonicalize()
}

/// Writes the order. One directory serves one attempt: a second order is refused.
pub(crate) fn write_order(dir: &Path, order: &Order) -> io::Result<()> {
    if dir.join(RECORD).exists() || dir.join(EXIT).exists() {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists));
    }
    write_whole(dir, LAUNCH, order)
}

pub(crate) fn read_order(dir: &Path) -> io::Result<Order> {
    read(dir, LAUNCH)
}

/// Takes the order so that nobody else can. Exactly one of the shim and an adopting runner succeeds.
pub(crate) fn take_order(dir: &Path, by: &str) -> io::Result<()> {
    let taken = dir.join(format!("{LAUNCH}.{by}"));
    fs::rename(dir.join(LAUNCH), &taken)?;
    fs::remove_file(taken)
}

pub(crate) fn write_record(dir: &Path, record: &Record) -> io::Result<()> {
    write_whole(dir, RECORD, record)
}

pub(crate) fn read_record(dir: &Path) -> Option<Record> {
    read(dir, RECORD).ok()
}

pub(crate) fn write_exit(dir: &Path, exit: &Exit) -> io::Result<()> {
    write_whole(dir, EXIT, exit)
}

pub(crate) fn read_exit(dir: &Path) -> Option<Exit> {
    read(dir, EXIT).ok()
}

/// Whole or not at all: a reader never sees half a file, even after a power cut.
fn write_whole<T: Serialize>(dir: &Path, name: &str, value: &T) -> io::Result<()> {
    let bytes = postcard::to_allocvec(value).map_err(io::Error::other)?;
    let half = dir.join(format!("{name}.half"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(half, dir.join(name))
}

fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> io::Result<T> {
    let bytes = fs::read(dir.join(name))?;
    postcard::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
