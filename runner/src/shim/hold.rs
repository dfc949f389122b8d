//! The runner's hold on a running shim.
//!
//! Owns the conversation from the runner's side. Must not know why it asks. Every method takes `&self`: the heart may
//! extend while the reader waits. Dropping the hold leaves the shim alone.

use super::directory::{self, Record, SOCKET, SPOOL};
use super::spool::{self, Chunk, SpoolError};
use super::wire::{self, Answer, INPUT_BYTES_MAX, PROGRESS_BYTES, Request};
use super::{Exit, clock};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A shim answers in microseconds; one that does not for this long is stopped, or the machine is.
const ANSWER_MS_MAX: u64 = 10_000;
/// Bytes a socket's path may have (`sun_path` in unix(7) is 108, on other systems 104).
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// Why the shim did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens any more: look at [`Shim::exit`].
    #[error("the attempt's process has ended")]
    Gone,
    /// It listened and refused.
    #[error("{0}")]
    Refused(String),
    /// It took too long, or the socket broke.
    #[error("cannot reach the attempt's process: {0}")]
    Io(#[from] io::Error),
}

/// How far a shim has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Length of the spool: there is something to read while the reader's offset is below it.
    pub spool_bytes: u64,
    /// Output bytes dropped so far.
    pub dropped_bytes: u64,
    /// True when the shim has ended; nothing changes any more.
    pub ended: bool,
}

/// A hold on one attempt's shim.
#[derive(Debug)]
pub struct Shim {
    dir: PathBuf,
    watch: Mutex<Watch>,
    /// Held while a piece of input is on its way: pieces of two inputs do not mix.
    typing: Mutex<()>,
}

#[derive(Debug)]
struct Watch {
    /// None once it has ended.
    notes: Option<UnixStream>,
    unread: Vec<u8>,
    progress: Progress,
    /// Of the dropped bytes, those that somebody was told of.
    dropped_told: u64,
}

impl Shim {
    /// Takes hold of the shim that listens in `dir`.
    pub(crate) async fn connect(dir: &Path) -> Result<Self, ControlError> {
        let notes = ask(dir, &Request::Watch).await?;
        Ok(Self::holding(dir, Some(notes)))
    }

    /// A hold on a shim that has ended already.
    pub(crate) fn ended(dir: &Path) -> Self {
        Self::holding(dir, None)
    }

    fn holding(dir: &Path, notes: Option<UnixStream>) -> Self {
        let watch = Watch { notes, unread: Vec::new(), progress: Progress::default(), dropped_told: 0 };
        Self { dir: dir.to_owned(), watch: Mutex::new(watch), typing: Mutex::new(()) }
    }

    /// Moves the deadline to `deadline_ms` from now.
    ///
    /// # Errors
    /// [`ControlError`]; refused once the agent is being ended.
    pub async fn extend(&self, deadline_ms: u64) -> Result<(), ControlError> {
        self.ask(Request::Extend { deadline_boot_ms: clock::boot_ms_in(deadline_ms) }).await
    }

    /// Ends the agent: SIGTERM to it and all it started, SIGKILL `grace_ms` later. Returns when the shim has begun.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn stop(&self, grace_ms: u64) -> Result<(), ControlError> {
        self.ask(Request::Stop { grace_ms }).await
    }

    /// Gives the agent input, after all that was given before. Pieces over 64 KiB are sent as several; an error says nothing
    /// about those before it.
    ///
    /// # Errors
    /// [`ControlError`]; refused when it has no input or does not read it.
    pub async fn input(&self, bytes: &[u8]) -> Result<(), ControlError> {
        let _typing = self.typing.lock().await;
        for piece in bytes.chunks(INPUT_BYTES_MAX) {
            self.ask(Request::Input(piece.to_vec())).await?;
        }
        Ok(())
    }

    /// Gives the agent the end of file, after all that was given before.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn close_input(&self) -> Result<(), ControlError> {
        let _typing = self.typing.lock().await;
        self.ask(Request::CloseInput).await
    }

    /// Says that what was printed before `through` is not read again. A bound shim gives its room on the disk back, so that
    /// a long conversation never reaches the cap; another keeps it for a runner that comes back.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn release(&self, through: u64) -> Result<(), ControlError> {
        self.ask(Request::Release { through }).await
    }

    /// Gives the agent's terminal another size.
    ///
    /// # Errors
    /// [`ControlError`]; refused when it has no terminal.
    pub async fn resize(&self, cols: u16, rows: u16) -> Result<(), ControlError> {
        self.ask(Request::Resize { cols, rows }).await
    }

    /// Waits until the spool is longer than `seen_bytes`, more was dropped, or the shim has ended. Cancel it freely.
    pub async fn wait_progress(&self, seen_bytes: u64) -> Progress {
        let mut watch = self.watch.lock().await;
        while watch.progress.spool_bytes <= seen_bytes && !watch.has_dropped() && !watch.progress.ended {
            watch.advance().await;
        }
        let mut progress = watch.progress;
        watch.dropped_told = progress.dropped_bytes;
        drop(watch);
        if progress.ended {
            // The last notes may have been lost with the shim; the file is the truth.
            progress.spool_bytes = std::fs::metadata(self.dir.join(SPOOL)).map_or(0, |spool| spool.len());
            match self.exit() {
                Some(exit) => progress.dropped_bytes = exit.dropped_bytes,
                None => sweep(directory::read_record(&self.dir)).await,
            }
        }
        progress
    }

    /// Whole chunks of output from `offset` on, about a megabyte at most, and the offset to go on from. Offset 0 is the
    /// beginning; others only as returned here. Nothing and the same offset when there is no more yet.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub async fn read_from(&self, offset: u64) -> Result<(Vec<Chunk>, u64), SpoolError> {
        Self::read_spool(&self.dir, offset).await
    }

    /// As [`Shim::read_from`], for a shim that is gone: its output remains in its directory.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub async fn read_spool(dir: &Path, offset: u64) -> Result<(Vec<Chunk>, u64), SpoolError> {
        let path = dir.join(SPOOL);
        tokio::task::spawn_blocking(move || spool::read_from(&path, offset)).await.map_err(io::Error::other)?
    }

    /// How it ended, once [`Progress::ended`]. None then means that the shim itself was killed; what it left has been
    /// ended by [`Shim::wait_progress`].
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        directory::read_exit(&self.dir)
    }

    /// CPU time that the agent and all it started have used so far, in ticks of `/proc`; 0 where that cannot be seen.
    pub async fn cpu_ticks(&self) -> u64 {
        let shim = directory::read_record(&self.dir).and_then(|record| record.shim);
        let Some(shim) = shim else { return 0 };
        tokio::task::spawn_blocking(move || ostler_pty::cpu_ticks(&shim)).await.unwrap_or(0)
    }

    async fn ask(&self, request: Request) -> Result<(), ControlError> {
        ask(&self.dir, &request).await.map(drop)
    }
}

impl Watch {
    /// True when more was dropped than anybody was told.
    fn has_dropped(&self) -> bool {
        self.progress.dropped_bytes > self.dropped_told
    }

    /// Takes in one note, or the end. What was read of a note survives cancellation.
    async fn advance(&mut self) {
        while self.unread.len() < PROGRESS_BYTES {
            let read = match &mut self.notes {
                Some(notes) => notes.read_buf(&mut self.unread).await.unwrap_or(0),
                None => 0,
            };
            if read == 0 {
                self.progress.ended = true;
                return;
            }
        }
        // Only the newest note counts.
        let whole = self.unread.len() / PROGRESS_BYTES * PROGRESS_BYTES;
        let note = &self.unread[whole - PROGRESS_BYTES..whole];
        let number = |part: &[u8]| part.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        self.progress.spool_bytes = number(&note[..8]);
        self.progress.dropped_bytes = number(&note[8..]);
        self.unread.drain(..whole);
    }
}

/// Ends what the processes in `record` left, if anything.
pub(crate) async fn sweep(record: Option<Record>) {
    let Some(record) = record else { return };
    let swept = tokio::task::spawn_blocking(move || ostler_pty::sweep(record.agent.as_deref(), record.mark.as_deref()));
    if let Ok(ended @ 1..) = swept.await {
        tracing::warn!(ended, "ended what a killed shim left behind");
    }
}

/// One request on a connection of its own; the connection back, once the answer was yes.
async fn ask(dir: &Path, request: &Request) -> Result<UnixStream, ControlError> {
    let asked = async {
        let mut peer = connect(dir).await?;
        peer.write_all(&wire::frame(request)?).await?;
        let mut head = [0; 4];
        peer.read_exact(&mut head).await?;
        let mut body = vec![0; wire::body_bytes(head)?];
        peer.read_exact(&mut body).await?;
        Ok((peer, wire::open::<Answer>(&body)?))
    };
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let answered: io::Result<_> = timeout(Duration::from_millis(ANSWER_MS_MAX), asked).await.map_err(late)?;
    match answered {
        Ok((peer, Answer::Done)) => Ok(peer),
        Ok((_, Answer::Refused(why))) => Err(ControlError::Refused(why)),
        Err(error) if gone(&error) => Err(ControlError::Gone),
        Err(error) => Err(error.into()),
    }
}

/// No socket, nobody behind it, or a hang-up instead of an answer.
fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe | UnexpectedEof)
}

/// A path too long for a socket is reached through an open directory.
async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let path = dir.join(SOCKET);
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return UnixStream::connect(path).await;
    }
    let opened = File::open(dir)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd())).await
}
