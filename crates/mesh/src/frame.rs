//! Frames on a stream: a big-endian u32 length and that many bytes of postcard.
//!
//! ```text
//! FrameSender    idle ─send▶ writing ─all written▶ idle            dropped while writing: the next send writes the rest first
//! FrameReceiver  between ─a byte▶ begun ─whole▶ between ─end▶ None
//!                                  ├─ end ▶ Cut
//!                                  └─ time ▶ Slow
//! ```
//!
//! Owns the buffers and their bounds, and time for one frame. Must not know what a frame means. Memory grows with bytes that
//! came, never with a length that was announced.

use crate::close::{Close, Closed};
use ostler_proto::{FRAME_BYTES_MAX, FrameError};
use quinn::{ReadError, RecvStream, SendStream, WriteError};
use serde::{Serialize, de::DeserializeOwned};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Sleep;

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;
/// Bytes taken from a stream at once: many small frames, and no more than a stream window.
const READ_BYTES: usize = 16 * 1024;
/// A buffer that grew past this for one large frame is given back when it is empty.
const KEPT_BYTES: usize = 64 * 1024;
/// A frame that began must be whole within this (SECURITY.md, slowloris)…
const FRAME_WITHIN: Duration = Duration::from_secs(10);
/// …and a long one gets a second more for so many bytes, so that a large body comes up a slow line.
const SLOW_LINE_BYTES_PER_S: usize = 16 * 1024;
/// The last words of a connection get this long to arrive.
const DELIVERY_WITHIN: Duration = Duration::from_secs(2);

/// Why a frame was not sent or received.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// What came is not one whole frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The stream ended inside a frame, after so many of its bytes.
    #[error("the stream ended inside a frame, after {0} bytes of it")]
    Cut(usize),
    /// A frame began and did not become whole in time.
    #[error("a frame began and was not finished in time: the peer or the line is too slow")]
    Slow,
    /// A frame of ours is too large to be sent; nothing of it was.
    #[error("a frame of {0} bytes is over the limit of {FRAME_BYTES_MAX}: nothing was sent")]
    Oversize(usize),
    /// The peer gave this stream up, with its code.
    #[error("the peer gave up this stream (code {0})")]
    Abandoned(u64),
    /// This side finished the stream already.
    #[error("the stream was finished here")]
    Finished,
    /// The connection is over.
    #[error(transparent)]
    Lost(#[from] Closed),
}

impl StreamError {
    /// What the connection should be closed with, when the peer is to blame.
    #[must_use]
    pub const fn blame(&self) -> Option<Close> {
        match self {
            Self::Frame(_) | Self::Cut(_) | Self::Slow => Some(Close::Protocol),
            Self::Oversize(_) | Self::Abandoned(_) | Self::Finished | Self::Lost(_) => None,
        }
    }
}

impl From<ReadError> for StreamError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::Abandoned(code.into_inner()),
            ReadError::ConnectionLost(error) => Self::Lost(error.into()),
            ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => Self::Finished,
        }
    }
}

impl From<WriteError> for StreamError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::Abandoned(code.into_inner()),
            WriteError::ConnectionLost(error) => Self::Lost(error.into()),
            WriteError::ClosedStream | WriteError::ZeroRttRejected => Self::Finished,
        }
    }
}

/// Which stream goes first when the line is full; equals share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Priority {
    /// Sealed events and bulk answers: they wait for everything else.
    Events = 0,
    /// A person's question.
    Request = 10,
    /// Offers, reports and the rest of a control stream.
    Control = 20,
    /// A signed verdict.
    Verdict = 30,
    /// Heartbeats: a lease must not lapse behind a flood.
    Beats = 40,
    /// A denial, a stop or a cancel.
    Deny = 50,
}

/// The sending half of a stream. Dropped unfinished, it tells the peer that the stream is over.
#[derive(Debug)]
pub struct FrameSender {
    stream: SendStream,
    pending: Vec<u8>,
    written: usize,
}

impl FrameSender {
    pub(crate) fn new(stream: SendStream) -> Self {
        Self { stream, pending: Vec::new(), written: 0 }
    }

    /// Sends one frame, waiting while the peer's windows are full.
    ///
    /// Cancel-safe: dropped before it is done, the frame is either not begun, or its rest is written by the next `send`
    /// before anything else; the stream never holds half a frame with another behind it.
    ///
    /// # Errors
    /// A frame over [`FRAME_BYTES_MAX`] (nothing is sent), a stream the peer gave up, a lost connection.
    pub async fn send<T: Serialize>(&mut self, frame: &T) -> Result<(), StreamError> {
        let bytes = ostler_proto::encode(frame);
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= FRAME_BYTES_MAX);
        let length = length.ok_or(StreamError::Oversize(bytes.len()))?;
        self.flush().await?;
        self.pending.extend_from_slice(&length.to_be_bytes());
        self.pending.extend_from_slice(&bytes);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), StreamError> {
        while self.written < self.pending.len() {
            self.written += self.stream.write(&self.pending[self.written..]).await?;
        }
        self.pending.clear();
        self.pending.shrink_to(KEPT_BYTES);
        self.written = 0;
        Ok(())
    }

    /// Which streams of this connection this one goes before, from now on.
    pub fn priority(&mut self, priority: Priority) {
        // A finished or abandoned stream has nothing left to order.
        let _over = self.stream.set_priority(priority as i32);
    }

    /// No more frames: the peer reads the end after the last one. A frame whose sending was dropped makes it a reset.
    pub fn finish(&mut self) {
        let _over = if self.pending.is_empty() { self.stream.finish() } else { self.stream.reset(0u32.into()) };
    }

    /// Finishes, and waits until the peer has everything, for at most two seconds: before a close, which drops what was
    /// not delivered. False when it was not confirmed.
    pub async fn delivered(mut self) -> bool {
        self.finish();
        matches!(tokio::time::timeout(DELIVERY_WITHIN, self.stream.stopped()).await, Ok(Ok(None)))
    }
}

/// The receiving half of a stream. Dropped, it tells the peer to stop sending.
#[derive(Debug)]
pub struct FrameReceiver {
    stream: RecvStream,
    /// Bytes that came and were not returned yet, from `start` on.
    held: Vec<u8>,
    start: usize,
    deadline: Option<Deadline>,
    patience: Duration,
}

/// When the frame that began must be whole.
#[derive(Debug)]
struct Deadline {
    sleep: Pin<Box<Sleep>>,
    /// True once the frame's length is known and has earned its extra time.
    extended: bool,
}

impl FrameReceiver {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self { stream, held: Vec::new(), start: 0, deadline: None, patience: FRAME_WITHIN }
    }

    /// The next frame; none at a clean end between frames.
    ///
    /// Cancel-safe: dropped in a `select!`, no byte is lost, and the time of a frame that began goes on counting. An error
    /// stays: the stream cannot be read further.
    ///
    /// # Errors
    /// A frame over `max` bytes (noticed by its length, before it is read), bytes that are no frame of this version or
    /// have something behind them, an end inside a frame, a frame that takes too long, a lost connection. Where the
    /// peer is to blame, [`StreamError::blame`] names the code to close with.
    pub async fn recv<T: DeserializeOwned>(&mut self, max: usize) -> Result<Option<T>, StreamError> {
        loop {
            if let Some(frame) = self.take(max)? {
                return Ok(Some(frame));
            }
            if !self.fill().await? {
                let begun = self.unread().len();
                return if begun == 0 { Ok(None) } else { Err(StreamError::Cut(begun)) };
            }
        }
    }

    fn unread(&self) -> &[u8] {
        &self.held[self.start..]
    }

    /// A whole frame, if it is there.
    fn take<T: DeserializeOwned>(&mut self, max: usize) -> Result<Option<T>, StreamError> {
        let Some((length, rest)) = self.unread().split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let bytes = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if bytes > max {
            return Err(FrameError::TooLong { bytes, max }.into());
        }
        let Some(body) = rest.get(..bytes) else { return Ok(None) };
        let frame = ostler_proto::decode(body)?;
        self.start += LENGTH_BYTES + bytes;
        self.deadline = None;
        Ok(Some(frame))
    }

    /// More bytes; false at the end of the stream.
    async fn fill(&mut self) -> Result<bool, StreamError> {
        self.compact();
        self.watch();
        let chunk = match &mut self.deadline {
            None => self.stream.read_chunk(READ_BYTES, true).await?,
            // What already came counts before the time does: the reader may have been busy elsewhere.
            Some(deadline) => tokio::select! {
                biased;
                chunk = self.stream.read_chunk(READ_BYTES, true) => chunk?,
                () = deadline.sleep.as_mut() => return Err(StreamError::Slow),
            },
        };
        if let Some(chunk) = &chunk {
            self.held.extend_from_slice(&chunk.bytes);
        }
        Ok(chunk.is_some())
    }

    fn compact(&mut self) {
        self.held.drain(..self.start);
        self.start = 0;
        if self.held.is_empty() {
            self.held.shrink_to(KEPT_BYTES);
        }
    }

    /// Starts the clock of a frame that began, and extends it once its length is known.
    fn watch(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let patience = self.patience;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Deadline { sleep: Box::pin(tokio::time::sleep(patience)), extended: false });
        if let (false, Some(length)) = (deadline.extended, self.held.first_chunk::<LENGTH_BYTES>()) {
            let bytes = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let extra = Duration::from_secs((bytes / SLOW_LINE_BYTES_PER_S).try_into().unwrap_or(u64::MAX));
            let until = deadline.sleep.deadline() + extra;
            deadline.sleep.as_mut().reset(until);
            deadline.extended = true;
        }
    }
}
