//! What runner and shim say over the control socket.
//!
//! Owns the frames. Must not know what they cause. One connection carries one request and its answer; a watching
//! connection then carries progress until the shim ends. Both ends are the same build of the same program, unless the
//! runner was upgraded in place: variants are only appended.
//!
//! ```text
//! request, answer   u32 LE length │ postcard
//! progress          u64 LE spool bytes │ u64 LE dropped bytes
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Bytes of one frame: the largest input and its envelope.
pub(crate) const FRAME_BYTES_MAX: usize = 128 * 1024;
/// Bytes of one input: a pasted page, not a file.
pub(crate) const INPUT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one progress note.
pub(crate) const PROGRESS_BYTES: usize = 16;

/// What the runner asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Tell me of progress.
    Watch,
    /// Move the deadline to this reading of the clock.
    Extend { deadline_boot_ms: u64 },
    /// End the agent: SIGTERM, this grace, SIGKILL.
    Stop { grace_ms: u64 },
    /// Give the agent these bytes.
    Input(Vec<u8>),
    /// Give its terminal another size.
    Resize { cols: u16, rows: u16 },
    /// There is no more input: the end of file, after what was given before.
    CloseInput,
    /// What was printed before this offset is not read again.
    Release { through: u64 },
}

/// What the shim answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Done.
    Done,
    /// Not done, and why.
    Refused(String),
}

/// What a starting shim says once on its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The agent runs, and the socket listens.
    Started,
    /// It could not be started, and why.
    Refused(String),
}

/// A value as a frame.
pub(crate) fn frame<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let body = postcard::to_allocvec(value).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= FRAME_BYTES_MAX).ok_or_else(too_long)?;
    Ok([&length.to_le_bytes()[..], &body].concat())
}

/// Bytes of the body that a frame's first four bytes announce.
pub(crate) fn body_bytes(head: [u8; 4]) -> io::Result<usize> {
    usize::try_from(u32::from_le_bytes(head)).ok().filter(|length| *length <= FRAME_BYTES_MAX).ok_or_else(too_long)
}

/// The value in a frame's body; bytes left over are an error.
pub(crate) fn open<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let (value, rest) = postcard::take_from_bytes(body).map_err(|error| invalid(error.to_string()))?;
    if rest.is_empty() { Ok(value) } else { Err(invalid("bytes after the frame's value".to_owned())) }
}

/// Reads one frame, blocking.
pub(crate) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    let mut body = vec![0; body_bytes(head)?];
    from.read_exact(&mut body)?;
    open(&body)
}

/// Writes one frame, blocking.
pub(crate) fn send<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    to.write_all(&frame(value)?)?;
    to.flush()
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a frame longer than either side sends")
}
