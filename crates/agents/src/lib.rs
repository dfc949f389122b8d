//! How an agent is spoken to: catalog, detection and pure adapters.
//!
//! Owns what is particular to each agent: how it is launched, what its bytes mean, how its end is judged. Must not do
//! anything: no process, no file, no clock. The runner feeds bytes in and takes events out; garbage becomes an event,
//! never a panic. Recorded transcripts of the real programs are the tests.
//!
//! ```text
//!  Task ──▶ Catalog::adapter(agent) ──▶ launch() ──▶ Launch::Process{argv, env, terminal, input} | Launch::Nothing
//!  bytes ─▶ Redactor ──▶ feed() ──▶ [Event] ; end(End) ──▶ [Event], Outcome
//! ```

mod adapter;
mod agent;
mod catalog;
mod codec;
mod command;
mod environment;
mod lines;
mod noop;
mod redact;
mod shape;

pub use adapter::{
    Adapter, Ask, End, Input, Launch, LaunchContext, LaunchError, Outcome, Process, Reply, Resume, Step,
};
pub use agent::acp::custom::{Custom, CustomError};
pub use catalog::entry::{Enforcement, Entry, Grip, Protocol, Shared, Sharing, SignIn, Standing};
pub use catalog::{Catalog, parse_version};
pub use codec::verdict::{SESSION_GONE, SIGNED_OUT};
pub use environment::{ENV_RUN, ENV_SOCKET, environment};
pub use redact::Redactor;
pub use shape::Shaper;
