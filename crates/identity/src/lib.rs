//! Who is speaking: device keys, grants, tickets, sealing and signed verdicts.
//!
//! ```text
//! FleetKey ─signs▶ operator ─signs▶ invite ─signs▶ device          a Chain, verified offline against the FleetId
//!                     │                │
//!                     │                └─ Ticket: relay pin, invite key, chain; spent once
//!                     ├─ KeyEpoch:  the fleet's sealing keys, wrapped to each device
//!                     ├─ Verdict:   one choice about one exact action
//!                     └─ Tombstone: one device turned away
//! Keyring (epoch keys) ─▶ seal, open: bodies, events, questions, results
//! ```
//!
//! Owns every key, signature and ciphertext. Must not know sockets, tables or actors; time is an argument
//! (`now_unix_ms`, wall clock, because deadlines here are promises between machines). Chance comes from the system.
//!
//! What is signed and never shown: bytes are decoded bounded, whole and canonical, so that each signed thing has
//! exactly one encoding. Secrets are zeroized when dropped and redacted in `Debug`.

mod address;
mod base32;
mod canon;
mod cipher;
mod epoch;
mod grant;
mod key;
mod key_file;
mod seal;
mod statement;
mod ticket;
mod tombstone;
mod verdict;

pub use address::{AddressError, RelayAddress};
pub use epoch::EpochError;
pub use grant::{CHAIN_BYTES_MAX, CHAIN_LINKS_MAX, Chain, ChainError, Grant, GrantKind, Member, Trust};
pub use key::{DeviceKey, Domain, FleetKey, RelayKey, Signature, verify};
pub use key_file::KeyFileError;
pub use seal::{Keyring, OpenError, Purpose, SEAL_OVERHEAD_BYTES};
pub use statement::{Signer, StatementError};
pub use ticket::{TICKET_CHARS_MAX, Terms, Ticket, TicketError};
pub use tombstone::{TOMBSTONE_BYTES_MAX, Tombstone};
pub use verdict::{Expected, MESSAGE_BYTES_MAX, VERDICT_BYTES_MAX, Verdict, VerdictError, action_digest};
