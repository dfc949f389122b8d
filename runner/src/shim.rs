//! The shim: the small process that owns one attempt's agent and outlives the runner that started it.
//!
//! Owns both ends: [`main`] is the process (threads and blocking calls, no runtime), [`Shim`] is the runner's hold on
//! it (async). Must not know runs, leases or relays: it is given a program, a deadline and a directory.
//!
//! ```text
//!  runner ── DIR/launch ──▶ shim (own session, subreaper) ──▶ agent (own process group, pipes or terminal)
//!    │                        │  ▲                               │ and whatever it starts
//!    │◀── DIR/control.sock ──▶│  └────────── output ─────────────┘
//!    │    extend stop input   ├─▶ DIR/spool   every byte, in order, until the cap
//!    │    close resize watch  ├─▶ DIR/agent   who is who, for a runner that finds the shim killed
//!    └─ reads ────────────────┴─▶ DIR/exit    once, when nobody is left
//!
//!  Running ── agent ended | told to stop | deadline | bound and alone ──▶ Leaving (SIGTERM) ── grace ──▶ Killing (SIGKILL)
//!     no child left and outputs closed ──▶ exit is written, the process ends
//! ```
//!
//! The deadline is on a clock that counts sleep, and only moves when the runner moves it: whatever happens to the
//! runner, the agent is gone when its lease is. A bound shim does not outlive its runner: an agent in the middle of a
//! conversation has nobody to talk to.

mod adopt;
mod clock;
mod directory;
mod door;
mod hold;
mod keeper;

mod signals;
mod spool;
mod start;
mod streams;
mod wire;

pub use adopt::Gone;
pub use hold::{ControlError, Progress, Shim};
pub use spool::{Chunk, SpoolError};
pub use start::StartError;

use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Output kept per attempt unless the runner says otherwise: hours of a talkative build, and eight fit on any disk.
pub const SPOOL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a shim is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The agent's whole environment. The value of `OSTLER_SOCKET` must be unique to the attempt: by it, what is left
    /// of an agent whose shim was killed is found again.
    pub env: Vec<(String, String)>,
    /// Where the agent starts.
    pub directory: PathBuf,
    /// Columns and rows of its terminal; pipes when none.
    pub terminal: Option<(u16, u16)>,
    /// What it reads.
    pub input: Input,
    /// Milliseconds from now until the agent is fenced, unless extended.
    pub deadline_ms: u64,
    /// Bytes of output kept, framing included; the rest is read, counted and dropped.
    pub spool_bytes_max: u64,
    /// Milliseconds between SIGTERM and SIGKILL when the deadline passes or the shim is told to stop.
    pub stop_grace_ms: u64,
    /// True when the agent and all it started end as soon as no runner watches.
    pub bound: bool,
}

/// What the agent's standard input is. A terminal is always open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// `/dev/null`.
    Nothing,
    /// These bytes, then the end of file.
    Given(Vec<u8>),
    /// What [`Shim::input`] sends, until [`Shim::close_input`] or the agent's end.
    Open,
}

/// How an attempt's process ended. Written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The agent's exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Why it ended when it did.
    pub cause: Cause,
    /// Bytes of output that were read and not kept.
    pub dropped_bytes: u64,
}

/// Why an attempt's process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// By itself.
    Ended,
    /// The runner, or a SIGTERM to the shim, asked for it.
    Stopped,
    /// The deadline passed.
    Fenced,
    /// It never started; says why.
    Refused(String),
    /// It was bound, and its runner was gone.
    Orphaned,
}

impl Exit {
    /// True when the deadline ended it.
    #[must_use]
    pub fn fenced(&self) -> bool {
        self.cause == Cause::Fenced
    }
}

/// The shim process, from `<exe> __shim DIR`. Returns when the agent and all its descendants are gone. Failure means
/// that the agent was never started, or that its end could not be written down.
#[must_use]
pub fn main(dir: &Path) -> ExitCode {
    match keeper::run(dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is DIR/log; where even that fails there is nobody left to tell.
            writeln!(std::io::stderr(), "shim: {error}").unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}
