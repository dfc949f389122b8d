//! What may be said: the frames of Ostler's wire.
//!
//! ```text
//! connection (ALPN ostler/1, TLS 1.3 both ways)
//! ├─ control  bidi   ToRelay / FromRelay: hello first, then a runner's commands; a client's stays quiet
//! ├─ beats    bidi   Beat / Beaten: heartbeats, on a stream of their own with the highest priority
//! ├─ events   uni    EventBatch: sealed events from a runner, acknowledged on control
//! └─ request  bidi   one Request, then one Response; or, for Follow and Watch, Items until it ends
//! ```
//!
//! Owns the closed lists, their bounds and their bytes. Every frame is a big-endian u32 length and that many bytes of
//! postcard. Variants are appended, never reordered; `tests/golden.rs` holds the bytes of each. Must not know sockets.

mod client;
mod codec;
mod events;
mod hello;
mod runner;

pub use client::{Item, Listing, Notice, Request, Response, RunDetail, RunView, Seen, Status, WorkerView};
pub use codec::{FrameError, decode, encode};
pub use events::{Event, EventBatch, Kept};
pub use hello::{Farewell, Hello, Intent, Open, Refused, VERSIONS, Welcome, negotiate};
pub use runner::{Beat, Beaten, FromRelay, ToRelay};

/// Bytes of a frame before its sender is known: a hello with its grant chain fits, little else does.
pub const GREETING_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a frame a relay takes after authentication: the largest body, with room for its header.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a frame a relay sends: an inbox full of long questions, a thousand devices, every tombstone there ever was.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
