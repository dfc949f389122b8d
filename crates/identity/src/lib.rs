//! Who is speaking: device keys, grants, tickets, sealing and signed verdicts.
//!
//! ```text
//! FleetKey ─signs▶ operator ─signs▶ invite ─signs▶ device          a Chain, verified offline against the FleetId
//!                     │                │
//!                     │                └─ Ticket: relay pin, invite key, chain; spent once
//!                     ├─ KeyEpoch:  the fleet's sealing keys, wrapped to each device
//!                     ├─ body:      one task for one run, then sealed
//!                     ├─ Verdict:   one choice about one exact action
//!                     └─ Tombstone: one device turned away
//! Keyring (epoch keys) ─▶ seal, open: bodies, events, questions, results
//! ```
//!
//! Owns every key, signature and ciphertext. Must not know sockets, tables or actors; time is an argument
//! (`now_unix_ms`, wall clock, because deadlines here are promises between machines). Chance comes from the system.
//!
//! Bytes are decoded bounded, whole and canonical, so that each signed thing has exactly one encoding. Secrets are
//! zeroized when dropped and redacted in `Debug`.

mod body;
mod canon;
mod epoch;
#[cfg(test)]
mod fixture;
mod grant;
mod key;
mod seal;
mod statement;
mod ticket;
mod tombstone;
mod verdict;

pub use body::{sign_body, verify_body};
pub use epoch::EpochError;
pub use grant::{Chain, ChainError, Member, Trust};
pub use key::file::KeyFileError;
pub use key::{DeviceKey, Domain, FleetKey, RelayKey, Signature, verify};
pub use seal::{Keyring, OpenError, Purpose};
pub use statement::{Signer, StatementError};
pub use ticket::address::{AddressError, RelayAddress};
pub use ticket::{TICKET_CHARS_MAX, Terms, Ticket, TicketError};
pub use tombstone::Tombstone;
pub use verdict::{Expected, Verdict, VerdictError, action_digest};
