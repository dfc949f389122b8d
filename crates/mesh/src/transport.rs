//! The bounds of a connection. quinn's defaults are for friends: eight hostile clients took 744 MB with them.
//!
//! Owns every number that limits what a peer can make us hold. Must not know TLS or frames.

use quinn::udp::{UdpSockRef, UdpSocketState};
use quinn::{IdleTimeout, ServerConfig, TransportConfig, VarInt};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

/// Bidirectional streams a stranger may have open: control, beats, and requests of one client.
pub(crate) const STRANGER_BIDI: u32 = 16;
/// Bidirectional streams of a member: many followed runs; memory of an idle connection grows past a hundred.
pub(crate) const MEMBER_BIDI: u32 = 64;
/// Unidirectional streams: one for events, and some being replaced.
pub(crate) const UNI: u32 = 4;
/// Unread bytes one stream may hold at the relay.
pub(crate) const STREAM_WINDOW: u32 = 64 * 1024;
/// Unread bytes a stranger's connection may hold, and unacknowledged ones we hold for it.
pub(crate) const STRANGER_WINDOW: u32 = 256 * 1024;
/// The same for a member: a frame of the largest size in each direction.
pub(crate) const MEMBER_WINDOW: u32 = 1024 * 1024;
/// Unread bytes of one stream at the dialling side, which chose its relay: full speed over a slow path.
const DIALER_STREAM_WINDOW: u32 = 1024 * 1024;
/// Unread bytes of the whole connection at the dialling side.
const DIALER_WINDOW: u32 = 4 * 1024 * 1024;
/// Handshake bytes out of order; a certificate is under 400.
const CRYPTO_BUFFER: usize = 16 * 1024;
/// A silent peer is gone after this.
const IDLE_MS: u32 = 30_000;
/// The dialling side speaks at least this often: a restarted relay is noticed by then, and NAT mappings stay open.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Handshakes that wait to be looked at; more are refused at once.
const INCOMING: usize = 1_024;
/// Bytes kept of one handshake that waits, and of all.
const INCOMING_BUFFER: u64 = 64 * 1024;
const INCOMING_BUFFER_TOTAL: u64 = 16 * 1024 * 1024;
/// Bytes of kernel buffer: measured, 4 MiB cut loss from 13,600 packets to 190 at full speed.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

fn transport(stream_window: u32, receive_window: u32, send_window: u32) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(STRANGER_BIDI.into())
        .max_concurrent_uni_streams(UNI.into())
        .stream_receive_window(stream_window.into())
        .receive_window(receive_window.into())
        .send_window(send_window.into())
        .crypto_buffer_size(CRYPTO_BUFFER)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))))
        .datagram_receive_buffer_size(None);
    config
}

/// What a listening side allows whoever comes. It sends packet by packet: to send ten at once, quinn keeps a buffer for ten with
/// every connection. Measured: 10 KiB less for each idle runner, submits as fast, bulk answers at 48 instead of 66 MB/s.
pub(crate) fn harden(config: &mut ServerConfig) {
    let mut bounds = transport(STREAM_WINDOW, STRANGER_WINDOW, STRANGER_WINDOW);
    bounds.enable_segmentation_offload(false);
    config
        .transport_config(Arc::new(bounds))
        .max_incoming(INCOMING)
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
}

/// What a dialling side allows the relay it pinned.
pub(crate) fn dialing() -> Arc<TransportConfig> {
    let mut config = transport(DIALER_STREAM_WINDOW, DIALER_WINDOW, MEMBER_WINDOW);
    config.keep_alive_interval(Some(KEEP_ALIVE));
    Arc::new(config)
}

/// Lifts a connection's bounds on bytes to a member's. quinn can only raise them.
pub(crate) fn trust(connection: &quinn::Connection) {
    connection.set_receive_window(MEMBER_WINDOW.into());
    connection.set_send_window(MEMBER_WINDOW.into());
}

/// Lifts the bound on streams too: quinn keeps a place for each that may be opened (measured: 7 KiB for all).
pub(crate) fn widen_streams(connection: &quinn::Connection) {
    connection.set_max_concurrent_bi_streams(MEMBER_BIDI.into());
}

/// Asks the kernel for large buffers; what it gives (net.core.rmem_max) has to do.
pub(crate) fn widen(socket: &UdpSocket) {
    if let Ok(state) = UdpSocketState::new(UdpSockRef::from(socket)) {
        let _granted = state.set_recv_buffer_size(UdpSockRef::from(socket), SOCKET_BUFFER);
        let _granted = state.set_send_buffer_size(UdpSockRef::from(socket), SOCKET_BUFFER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_four_hostile_strangers_fit_in_32_mib() {
        let each = STRANGER_WINDOW + STRANGER_WINDOW;
        assert!(u64::from(each) * 64 <= 32 * 1024 * 1024);
        const { assert!(STREAM_WINDOW * 4 <= STRANGER_WINDOW, "one stalled stream leaves room for the others") };
        assert!(Duration::from_millis(IDLE_MS.into()) > 4 * KEEP_ALIVE, "lost keep-alives are no idle peer");
    }

    #[test]
    fn the_settings_reach_quinn() {
        let shown = format!("{:?}", transport(STREAM_WINDOW, STRANGER_WINDOW, STRANGER_WINDOW));
        for setting in [
            "max_concurrent_bidi_streams: 16",
            "max_concurrent_uni_streams: 4",
            "max_idle_timeout: Some(30000)",
            "stream_receive_window: 65536",
            "receive_window: 262144",
            "send_window: 262144",
            "crypto_buffer_size: 16384",
            "datagram_receive_buffer_size: None",
        ] {
            assert!(shown.contains(setting), "{setting} in {shown}");
        }
        assert!(format!("{:?}", dialing()).contains("keep_alive_interval: Some(5s)"));
    }
}
