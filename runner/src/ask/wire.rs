//! What a process inside a run and its runner say to each other on the run's socket.
//!
//! ```text
//! frame      u32 LE length │ postcard          asker ─ Ask ─▶ runner ─ Approved | Rejected | Refused ─▶ asker
//!                                                    ─ Act ─▶        ─ Go | Refused ─▶
//! ```
//!
//! Owns the frames. Both ends may be different builds while a runner is upgraded: variants are only appended.

use ostler_core::approval::{Action, LapsePolicy, Remark};
use ostler_core::ids::{ApprovalId, Digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;

/// Bytes of one frame: the largest action with room for its envelope.
pub(crate) const FRAME_BYTES_MAX: usize = 96 * 1024;

/// What an asker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// May this be done? Asked again with the same id after every lost connection.
    Ask { id: ApprovalId, action: Action, lapse: Option<LapsePolicy> },
    /// It is about to be done, exactly so: the digest is of the action as it is now.
    Act { id: ApprovalId, digest: Digest },
}

/// What the runner answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A person wants it done; say [`Request::Act`] before doing it.
    Approved { remark: Box<Remark> },
    /// A person does not, or nobody answered.
    Rejected { message: String },
    /// Do it now, once.
    Go,
    /// Do not; says why.
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

/// Reads one frame.
pub(crate) async fn receive<T: DeserializeOwned>(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<T> {
    use tokio::io::AsyncReadExt;
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    let mut body = vec![0; body_bytes(head)?];
    from.read_exact(&mut body).await?;
    open(&body)
}

/// Writes one frame.
pub(crate) async fn send<T: Serialize>(to: &mut (impl tokio::io::AsyncWrite + Unpin), value: &T) -> io::Result<()> {
    use tokio::io::AsyncWriteExt;
    to.write_all(&frame(value)?).await?;
    to.flush().await
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a frame longer than either side sends")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back_and_nothing_else_does() {
        let act = Request::Act { id: ApprovalId([7; 16]), digest: Digest([9; 32]) };
        let bytes = frame(&act).expect("fits");
        assert_eq!(open::<Request>(&bytes[4..]).expect("reads"), act);
        assert!(open::<Request>(&bytes[4..bytes.len() - 1]).is_err());
        assert!(open::<Request>(&[&bytes[4..], &[0]].concat()).is_err());
        assert!(body_bytes(u32::MAX.to_le_bytes()).is_err());
        assert!(frame(&vec![0u8; FRAME_BYTES_MAX + 1]).is_err());
    }
}
