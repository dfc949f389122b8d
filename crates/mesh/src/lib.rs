//! How bytes travel: pinned QUIC endpoints, connections and framed streams.
//!
//! ```text
//! relay   Listener ─accept▶ Arriving ─finish (5 s)▶ Connection ◀─dial─ Dialer   runner, client
//!              └ gate: who may shake hands now           │
//!                                    open_bi, accept_bi, open_uni, accept_uni
//!                                                        ▼
//!                                        FrameSender ─ frames ─▶ FrameReceiver
//! ```
//!
//! Owns sockets, TLS 1.3 both ways with self-signed Ed25519 certificates pinned by key, transport bounds, framing, and
//! the codes a connection closes with. A [`Connection`] knows its peer's key and nothing more: whether that key may do
//! anything is for whoever holds the ledger. Must not know what frames mean, and never retries.
//!
//! There are no session tickets, no resumption and no 0-RTT: they would save 0.3 ms of 1.3 and let a revoked key linger.

mod close;
mod connection;
mod dialer;
#[cfg(test)]
mod fixture;
mod frame;
mod gate;
mod listener;
mod redial;
mod secrets;
mod tls;
mod transport;

pub use close::{Close, Closed};
pub use connection::Connection;
pub use dialer::{DialError, Dialer};
pub use frame::{FrameReceiver, FrameSender, Priority, StreamError};
pub use listener::{ArriveError, Arriving, BindError, Listener};
pub use redial::Redial;
pub use secrets::{Secrets, SecretsError};
pub use tls::KeyError;
