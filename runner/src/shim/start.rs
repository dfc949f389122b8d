//! Starting a shim.
//!
//! Owns the order file, the process and its first word. Must not know what the agent is.

use super::directory::{self, LOG, Order};
use super::hold::{ControlError, Shim};
use super::wire::{self, Report};
use super::{Launch, clock};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

/// A shim that has not spoken by then will not. Loaded machines have been seen to take seconds to start a process.
const FIRST_WORD_MS_MAX: u64 = 30_000;

/// Why a shim could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory cannot be made or written, or has served an attempt before.
    #[error("cannot prepare the attempt's directory: {0}")]
    Directory(io::Error),
    /// The shim's own program did not start.
    #[error("cannot start the attempt's process: {0}")]
    Spawn(io::Error),
    /// The agent did not start; says why.
    #[error("{0}")]
    Refused(String),
    /// The shim started and died or fell silent. Its `log` may know; [`Shim::adopt`] cleans up.
    #[error("the attempt's process did not report: {0}")]
    Silent(io::Error),
    /// It reported and could not be reached.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl Shim {
    /// Starts `exe __shim dir`, which executes `launch`, and takes hold of it. `dir` is made 0700 if need be, and serves
    /// one attempt only. `exe` is this program: `std::env::current_exe()`.
    ///
    /// # Errors
    /// [`StartError`]; after `Silent` or `Control` the shim may live: adopt it, or let its deadline pass.
    pub async fn start(exe: &Path, dir: &Path, launch: Launch) -> Result<Self, StartError> {
        let deadline_boot_ms = clock::boot_ms_in(launch.deadline_ms);
        let dir = directory::make(dir).map_err(StartError::Directory)?;
        directory::write_order(&dir, &Order { launch, deadline_boot_ms }).map_err(StartError::Directory)?;
        let log = OpenOptions::new().append(true).create(true).mode(0o600).open(dir.join(LOG));
        let mut child = Command::new(exe)
            .arg("__shim")
            .arg(&dir)
            .env_clear()
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.map_err(StartError::Directory)?)
            .kill_on_drop(false)
            .spawn()
            .map_err(StartError::Spawn)?;
        let stdout = child.stdout.take().expect("its standard output is a pipe");
        // Letting go of the child leaves its reaping to the runtime; its end is seen on the socket.
        drop(child);
        let heard = timeout(Duration::from_millis(FIRST_WORD_MS_MAX), first_word(stdout)).await;
        match heard.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))).map_err(StartError::Silent)? {
            Report::Started => match Self::connect(&dir).await {
                // A short-lived agent is over before anybody could connect.
                Err(ControlError::Gone) => Ok(Self::ended(&dir)),
                held => Ok(held?),
            },
            Report::Refused(why) => Err(StartError::Refused(why)),
        }
    }
}

async fn first_word(mut from: ChildStdout) -> io::Result<Report> {
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    let mut body = vec![0; wire::body_bytes(head)?];
    from.read_exact(&mut body).await?;
    wire::open(&body)
}
