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
use ostler_proto::{ANSWER_BYTES_MAX, FrameError};
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
const KEPT_BYTES: usize = 4 * 1024;
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
    #[error("a frame of {0} bytes is over the limit of {ANSWER_BYTES_MAX}: nothing was sent")]
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
    /// A frame over [`ANSWER_BYTES_MAX`] (nothing is sent), a stream the peer gave up, a lost connection.
    pub async fn send<T: Serialize>(&mut self, frame: &T) -> Result<(), StreamError> {
        let bytes = ostler_proto::encode(frame);
        let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= ANSWER_BYTES_MAX);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Ends, soon};
    use ostler_proto::GREETING_BYTES_MAX;

    /// A stream whose bytes the test writes itself, and its reader.
    async fn raw(ends: &Ends) -> (SendStream, FrameReceiver) {
        let (relay, dialer) = ends.connect().await;
        let mut send = dialer.quic().open_uni().await.expect("a stream");
        // The peer sees a stream with its first byte; an empty text is one.
        send.write_all(&framed(&String::new())).await.expect("written");
        let mut recv = relay.accept_uni().await.expect("a stream");
        assert_eq!(recv.recv(64).await, Ok(Some(String::new())));
        (send, recv)
    }

    fn framed(text: &String) -> Vec<u8> {
        let body = ostler_proto::encode(text);
        [&u32::try_from(body.len()).expect("short").to_be_bytes()[..], &body].concat()
    }

    /// What a reader makes of `bytes` followed by the end of the stream.
    async fn read(bytes: &[u8], max: usize) -> Result<Option<String>, StreamError> {
        let ends = Ends::new();
        let (mut send, mut recv) = raw(&ends).await;
        send.write_all(bytes).await.expect("written");
        send.finish().expect("open");
        let first = soon("an end", recv.recv(max)).await;
        if first.is_err() {
            assert_eq!(soon("the same again", recv.recv(max)).await, first, "an error stays");
        }
        first
    }

    #[tokio::test]
    async fn whole_frames_come_in_order_until_a_clean_end() {
        let ends = Ends::new();
        let (relay, dialer) = ends.connect().await;
        let (mut send, _back) = dialer.open_bi().await.expect("a stream");
        send.priority(Priority::Control);
        let words: Vec<String> = (0..2_000).map(|n| "x".repeat(n % 97)).collect();
        let write = async {
            for word in &words {
                send.send(word).await.expect("sent");
            }
            send.finish();
        };
        let read = async {
            let (_back, mut recv) = relay.accept_bi().await.expect("a stream");
            let mut got = Vec::new();
            while let Some(word) = recv.recv::<String>(128).await.expect("whole") {
                got.push(word);
            }
            got
        };
        let ((), got) = soon("the words", async { tokio::join!(write, read) }).await;
        assert_eq!(got, words);
    }

    #[tokio::test]
    async fn the_largest_frame_passes_and_a_larger_one_is_never_begun() {
        let ends = Ends::new();
        let (relay, dialer) = ends.connect().await;
        let mut send = dialer.open_uni().await.expect("a stream");
        let largest = vec![7u8; ANSWER_BYTES_MAX - 4];
        assert_eq!(ostler_proto::encode(&largest).len(), ANSWER_BYTES_MAX);
        let over = vec![7u8; ANSWER_BYTES_MAX - 3];
        assert_eq!(send.send(&over).await, Err(StreamError::Oversize(ANSWER_BYTES_MAX + 1)));
        let read = async {
            let mut recv = relay.accept_uni().await.expect("a stream");
            let frame = recv.recv::<Vec<u8>>(ANSWER_BYTES_MAX).await.expect("whole");
            assert!(recv.held.capacity() <= 4 * ANSWER_BYTES_MAX);
            (frame, recv.recv::<Vec<u8>>(8).await, recv.held.capacity())
        };
        let write = async {
            send.send(&largest).await.expect("sent");
            send.finish();
        };
        let ((), (frame, end, kept)) = soon("the frame", async { tokio::join!(write, read) }).await;
        assert_eq!((frame, end), (Some(largest), Ok(None)));
        assert!(kept <= KEPT_BYTES, "{kept} bytes are kept for nothing");
    }

    #[tokio::test]
    async fn a_length_over_the_limit_is_refused_before_a_byte_of_it() {
        for bytes in [GREETING_BYTES_MAX + 1, 0x00ff_ffff, u32::MAX as usize] {
            let length = u32::try_from(bytes).expect("a length").to_be_bytes();
            let got = read(&length, GREETING_BYTES_MAX).await;
            assert_eq!(got, Err(FrameError::TooLong { bytes, max: GREETING_BYTES_MAX }.into()));
            assert_eq!(got.expect_err("refused").blame(), Some(Close::Protocol));
        }
    }

    #[tokio::test]
    async fn an_end_inside_a_frame_is_told_from_a_clean_one() {
        let whole = framed(&"hello".to_owned());
        for cut in 1..whole.len() {
            let got = read(&whole[..cut], 64).await;
            assert_eq!(got, Err(StreamError::Cut(cut)), "{cut} of {}", whole.len());
            assert_eq!(got.expect_err("cut").blame(), Some(Close::Protocol));
        }
        assert_eq!(read(&[], 64).await, Ok(None));
        assert_eq!(read(&whole, 64).await, Ok(Some("hello".to_owned())));
    }

    #[tokio::test]
    async fn bytes_that_are_no_frame_are_refused_each_in_its_way() {
        let mut trailing = framed(&"hello".to_owned());
        trailing.push(0);
        trailing[3] += 1;
        assert_eq!(read(&trailing, 64).await, Err(FrameError::Trailing(1).into()));
        for garbage in [&[0, 0, 0, 0][..], &[0, 0, 0, 1, 255], &[0, 0, 0, 3, 2, 0xff, 0xfe], b"GET / HTTP/1.1\r\n\r\n"]
        {
            let got = read(garbage, 64).await.expect_err("no frame");
            assert!(matches!(got, StreamError::Frame(_)), "{got:?}");
            assert_eq!(got.blame(), Some(Close::Protocol));
        }
    }

    #[tokio::test]
    async fn a_frame_that_drips_is_given_up_and_silence_between_frames_is_not() {
        let ends = Ends::new();
        let (mut send, mut recv) = raw(&ends).await;
        recv.patience = Duration::from_millis(300);
        let whole = framed(&"x".repeat(100));
        let idle = tokio::time::timeout(Duration::from_millis(600), recv.recv::<String>(64)).await;
        assert!(idle.is_err(), "no frame began: there is nothing to be late");
        let drip = async {
            for byte in whole.iter().cycle() {
                if send.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        };
        tokio::select! {
            () = drip => panic!("the reader hung up without a word"),
            got = soon("a verdict", recv.recv::<String>(1_000)) => {
                assert_eq!(got, Err(StreamError::Slow));
                assert_eq!(got.expect_err("slow").blame(), Some(Close::Protocol));
            }
        }
    }

    #[tokio::test]
    async fn a_long_frame_gets_time_for_a_slow_line_and_a_short_one_does_not() {
        let ends = Ends::new();
        let (mut send, mut recv) = raw(&ends).await;
        for (announced, extra_s) in [(8 * 1024u32, 0), (1024 * 1024, 64)] {
            recv.held = announced.to_be_bytes().to_vec();
            recv.deadline = None;
            let before = tokio::time::sleep(recv.patience).deadline();
            recv.watch();
            let deadline = recv.deadline.as_ref().expect("a frame began").sleep.deadline();
            let allowed = deadline.duration_since(before);
            assert!(allowed.abs_diff(Duration::from_secs(extra_s)) < Duration::from_millis(500), "{allowed:?}");
        }
        send.finish().expect("open");
    }

    #[tokio::test]
    async fn a_dropped_recv_loses_no_byte() {
        let ends = Ends::new();
        let (mut send, mut recv) = raw(&ends).await;
        let words: Vec<String> = (0..40).map(|n| format!("word {n} {}", "y".repeat(n * 50))).collect();
        let bytes: Vec<u8> = words.iter().flat_map(framed).collect();
        let write = async {
            for part in bytes.chunks(7) {
                send.write_all(part).await.expect("written");
                tokio::task::yield_now().await;
            }
            send.finish().expect("open");
        };
        let mut dropped = 0;
        let read = async {
            let mut got = Vec::new();
            loop {
                tokio::select! {
                    biased;
                    frame = recv.recv::<String>(4_096) => match frame.expect("whole") {
                        Some(word) => got.push(word),
                        None => return got,
                    },
                    () = tokio::task::yield_now() => dropped += 1,
                }
            }
        };
        let ((), got) = soon("the words", async { tokio::join!(write, read) }).await;
        assert_eq!(got, words);
        assert!(dropped > 100, "only {dropped} receives were dropped half-way");
    }

    #[tokio::test]
    async fn a_dropped_send_leaves_the_stream_whole() {
        let ends = Ends::new();
        let (relay, dialer) = ends.connect().await;
        let mut send = dialer.open_uni().await.expect("a stream");
        // Larger than the reader's window: nobody reads yet, so that it must stop half-way.
        let large = "z".repeat(300_000);
        let stuck = tokio::time::timeout(Duration::from_millis(300), send.send(&large)).await;
        assert!(stuck.is_err() && !send.pending.is_empty(), "it was to be dropped half-way");
        let write = async {
            send.send(&"after".to_owned()).await.expect("sent");
            send.finish();
        };
        let read = async {
            let mut recv = relay.accept_uni().await.expect("a stream");
            let mut next = async || recv.recv::<String>(ANSWER_BYTES_MAX).await.expect("whole");
            (next().await, next().await, next().await)
        };
        let ((), got) = soon("both frames", async { tokio::join!(write, read) }).await;
        assert_eq!(got, (Some(large), Some("after".to_owned()), None));
    }

    #[tokio::test]
    async fn last_words_arrive_before_the_close() {
        let ends = Ends::new();
        let (relay, dialer) = ends.connect().await;
        let (mut send, mut recv) = dialer.open_bi().await.expect("a stream");
        send.send(&"who are you".to_owned()).await.expect("sent");
        let say = async {
            let (mut send, _recv) = relay.accept_bi().await.expect("a stream");
            send.send(&"go away".to_owned()).await.expect("sent");
            let heard = send.delivered().await;
            relay.close(Close::Revoked);
            heard
        };
        let hear = async { (recv.recv::<String>(64).await, dialer.closed().await) };
        let (heard, (words, closed)) = soon("last words", async { tokio::join!(say, hear) }).await;
        assert!(heard);
        assert_eq!(words, Ok(Some("go away".to_owned())));
        assert_eq!(closed, Closed::Peer(Close::Revoked));
        assert_eq!(send.send(&1u8).await, Err(StreamError::Lost(Closed::Peer(Close::Revoked))));
    }

    #[tokio::test]
    async fn a_stream_the_peer_gave_up_says_so() {
        let ends = Ends::new();
        let (relay, dialer) = ends.connect().await;
        let (mut send, recv) = dialer.open_bi().await.expect("a stream");
        send.send(&0u8).await.expect("sent");
        let (mut theirs, their_recv) = relay.accept_bi().await.expect("a stream");
        drop((recv, their_recv));
        let told = soon("a stop", async {
            loop {
                if let Err(error) = theirs.send(&[0u8; 32]).await {
                    return error;
                }
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(told.await, StreamError::Abandoned(0));
        assert_eq!(StreamError::Abandoned(0).blame(), None);
    }

    #[test]
    fn urgent_streams_go_first() {
        use Priority::{Beats, Control, Deny, Events, Request, Verdict};
        assert!(Deny > Beats && Beats > Verdict && Verdict > Control && Control > Request && Request > Events);
    }
}
