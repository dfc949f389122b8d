//! What end-to-end tests stand on: a whole relay in this process, a person's client, and runners that do as they are told.
//!
//! Owns no assertion. Nothing here is mocked: connections are QUIC on loopback, files are redb in a directory of their own.

mod fleet;
mod impostor;
mod model;
mod operator;
mod processes;
mod puppet;
mod real;
mod strays;
mod wait;
mod wiretap;

pub use fleet::{Fleet, Timings, command, draft};
pub use impostor::{Guest, Impostor, Sealed};
pub use model::{CACHED_TOKENS, Fault, Heard, INPUT_TOKENS, Model, OUTPUT_TOKENS, Op, Part, Scripts, Step, Trouble};
pub use operator::{Operator, chance, unix_ms};
pub use processes::{Hurt, Processes, RELAY};
pub use puppet::{Offered, Puppet};
pub use real::{AGENTS, File, Installed, Missing, Setup, missing_loudly, setup};
pub use strays::kill_all;
pub use wait::{WAIT, until, until_within};
pub use wiretap::Wiretap;
