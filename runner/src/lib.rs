//! The hands: executes runs under leases, and survives whatever happens to itself, its network and its agents.
//!
//! ```text
//! Root              rest-for-one
//! ├─ Journal        what is held and owed, on disk before anything is done or said
//! ├─ Uplink         one connection to the relay, for ever made again; heartbeats, frames, events
//! ├─ Work           one-for-all
//! │  ├─ Attempts    one-for-one: an attempt per lease: working tree, agent (a shim of its own), events, questions, result
//! │  └─ Slots       offers become attempts; frames find their attempt; reports are said until they are heard
//! ├─ Control        how the owner asks how it is
//! └─ Pulse          probes and gauges
//! ```
//!
//! Owns execution. Must not decide: retries, budgets and who runs what are the relay's. What it cannot prove it denies: a
//! body nobody may submit is not executed, a verdict that does not verify opens nothing, a lease not renewed in time ends.

pub mod ask;
mod attempt;
mod config;
mod journal;
mod member;
pub mod probe;
mod runner;
mod session;
pub mod shim;
mod slots;
mod uplink;

pub use config::{DEFAULTS, RunnerConfig, WorkspaceConfig};
pub use member::join::{JoinError, Joined, join};
pub use member::{Member, MemberError};
pub use ostler_agents::{Catalog, Enforcement, Entry, Grip, Protocol, SignIn, Standing};
pub use runner::control::{AskError, drain, status};
pub use runner::entry::main;
pub use runner::{Runner, RunnerError, RunnerOptions, RunnerStatus};
pub use uplink::greet::GreetError;
