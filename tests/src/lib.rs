//! What end-to-end tests stand on: a whole relay in this process, a person's client, and runners that do as they are told.
//!
//! Owns no assertion. Nothing here is mocked: connections are QUIC on loopback, files are redb in a directory of their own.

mod fleet;
mod impostor;
mod operator;
mod processes;
mod puppet;
mod strays;
mod wait;
mod wiretap;

pub use fleet::{Fleet, Timings, command, draft};
pub use impostor::{Guest, Impostor, Sealed};
pub use operator::{Operator, chance, unix_ms};
pub use processes::{Hurt, Processes, RELAY};
pub use puppet::{Offered, Puppet};
pub use wait::{WAIT, until};
pub use wiretap::Wiretap;
