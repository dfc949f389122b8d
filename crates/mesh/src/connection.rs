//! One authenticated connection: the peer's key is proven, and nothing else is known about it.
//!
//! Owns streams and the end. Must not know whether the key is paired: its holder asks the ledger, then calls
//! [`Connection::trusted`].

use crate::close::{Close, Closed};
use crate::frame::{FrameReceiver, FrameSender, StreamError};
use crate::transport;
use ostler_core::ids::{DeviceId, RelayId};
use std::net::SocketAddr;

/// A live connection. Clones are the same connection; when the last is dropped it closes with [`Close::Done`].
///
/// It ends by itself when nothing was heard for 30 s; the dialling side sends a keep-alive every 5 s.
#[derive(Debug, Clone)]
pub struct Connection {
    quic: quinn::Connection,
    peer: [u8; 32],
}

impl Connection {
    pub(crate) fn new(quic: quinn::Connection, peer: [u8; 32]) -> Self {
        Self { quic, peer }
    }

    /// The device at the other end, by the key it proved. Meaningful on the relay's side.
    #[must_use]
    pub fn peer(&self) -> DeviceId {
        DeviceId(self.peer)
    }

    /// The relay at the other end: the one that was pinned. Meaningful on the dialling side.
    #[must_use]
    pub fn relay(&self) -> RelayId {
        RelayId(self.peer)
    }

    /// Where the peer is now; it may move.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.quic.remote_address()
    }

    /// Smoothed round-trip time in milliseconds, rounded down.
    #[must_use]
    pub fn rtt_ms(&self) -> u64 {
        self.quic.rtt().as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// Lifts the bounds for strangers to those for members: 64 bidirectional streams instead of 16, 1 MiB of unread
    /// bytes and as many unacknowledged ones instead of 256 KiB. To be called once the peer's grant was checked.
    pub fn trusted(&self) {
        self.trusted_to_work();
        transport::widen_streams(&self.quic);
    }

    /// The same for a runner, which needs a few streams only: its bound of 16 stays, and with it the memory of an idle one.
    pub fn trusted_to_work(&self) {
        transport::trust(&self.quic);
    }

    /// Opens a stream for frames both ways. Waits while the peer allows no more; the peer sees it with its first frame.
    ///
    /// # Errors
    /// [`StreamError::Lost`] when the connection is over.
    pub async fn open_bi(&self) -> Result<(FrameSender, FrameReceiver), StreamError> {
        let (send, recv) = self.quic.open_bi().await.map_err(Closed::from)?;
        Ok((FrameSender::new(send), FrameReceiver::new(recv)))
    }

    /// The next stream the peer opened for frames both ways. Cancel-safe.
    ///
    /// # Errors
    /// [`StreamError::Lost`] when the connection is over.
    pub async fn accept_bi(&self) -> Result<(FrameSender, FrameReceiver), StreamError> {
        let (send, recv) = self.quic.accept_bi().await.map_err(Closed::from)?;
        Ok((FrameSender::new(send), FrameReceiver::new(recv)))
    }

    /// Opens a stream for frames to the peer. Waits while the peer allows no more.
    ///
    /// # Errors
    /// [`StreamError::Lost`] when the connection is over.
    pub async fn open_uni(&self) -> Result<FrameSender, StreamError> {
        Ok(FrameSender::new(self.quic.open_uni().await.map_err(Closed::from)?))
    }

    /// The next stream the peer opened for frames from it. Cancel-safe.
    ///
    /// # Errors
    /// [`StreamError::Lost`] when the connection is over.
    pub async fn accept_uni(&self) -> Result<FrameReceiver, StreamError> {
        Ok(FrameReceiver::new(self.quic.accept_uni().await.map_err(Closed::from)?))
    }

    /// Ends the connection at once: what the peer has not read is lost (see [`FrameSender::delivered`]). The first call counts.
    pub fn close(&self, code: Close) {
        self.quic.close(code.code(), code.to_string().as_bytes());
    }

    /// Waits for the end and tells how it came. Cancel-safe, and may be asked again.
    pub async fn closed(&self) -> Closed {
        self.quic.closed().await.into()
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn over(&self) -> Option<Closed> {
        self.quic.close_reason().map(Closed::from)
    }

    /// Raw streams, for tests that break the rules.
    #[cfg(test)]
    pub(crate) fn quic(&self) -> &quinn::Connection {
        &self.quic
    }
}
