//! What the benches and the load generator stand on: a pure ledger under load, a relay in a process of its own, runners
//! that are done at once, and figures with their spread.
//!
//! ```text
//! transitions  yard ─▶ core::Ledger                       no disk, no wire: what one core decides
//! store        yard ─▶ core::Ledger ─▶ store::Writer       one disk: what is kept per second
//! the rest     crowd, hands ─QUIC on 127.0.0.1─▶ site: an `ostler-relay` process
//! long talks   soak: actors ─▶ a runner process ─▶ a relay process ─▶ ears
//! ```
//!
//! Owns how things are measured. Must not hold numbers: docs/performance.md does, each with the command that made it.

mod clock;
mod crowd;
mod daemon;
mod disk;
mod figure;
mod hands;
mod options;
pub mod scenario;
mod site;
mod soak;
mod yard;

pub use options::{Options, USAGE};

/// Why a measurement could not be made.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
