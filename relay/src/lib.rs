//! The hub: schedules runs onto runners, keeps what they say, routes what people decide, and survives anything.
//!
//! ```text
//! Root                     rest-for-one
//! ├─ Ledger                decides (core), keeps (store), then lets effects and answers leave
//! ├─ EventLog              keeps sealed events, in a file and with a writer of its own
//! ├─ Runs                  one alarm per run, lease and approval that is owed a prompt
//! ├─ Workers               one actor per connected runner
//! ├─ Watch                 tells clients what changed
//! ├─ Sessions              one actor per connection
//! ├─ Gate                  the QUIC listener
//! ├─ Gateway               health, readiness, metrics
//! └─ Pulse                 housekeeping; last, so that it asks for everything owed whenever anything above fell
//! ```
//!
//! Owns the actors. Must not decide: every decision is core's. Must not read: bodies and events are ciphertext here.

mod config;
mod entry;
mod event_log;
mod gate;
mod gateway;
mod hub;
mod ledger;
mod relay;
mod session;
mod tree;

pub use config::{DEFAULTS, RelayConfig};
pub use entry::main;
pub use relay::backup::restore;
pub use relay::check::{CHECK_ARGUMENT, check, check_main};
pub use relay::{Relay, RelayError, RelayOptions};
