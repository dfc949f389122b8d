//! A typed client of a relay: what the command line uses, and whatever is put beside it later.
//!
//! ```text
//! Home (keys, chain, keyring, addresses) ──▶ Client ──▶ Link (one connection) ──▶ relay
//!                                              │  seals what goes out, opens and checks what comes in
//!                                              ├─ runs (results), submit    ├─ inbox (verdicts)
//!                                              ├─ events, follow            └─ fleet (devices, tickets, key epochs)
//! ```
//!
//! Owns a person's files and every plaintext a person's device reads. Must not touch the terminal, and must not believe
//! the relay: what it brings is ciphertext or signed, and is opened, recomputed or verified here.

mod chance;
mod client;
mod error;
mod events;
mod fleet;
mod follow;
mod home;
mod inbox;
mod link;
mod runs;
mod submit;

pub use client::{Client, Restored};
pub use error::ClientError;
pub use events::{Heard, Recording};
pub use fleet::Offer;
pub use follow::{Follow, Step, Watch};
pub use home::{Home, HomeError};
pub use inbox::Question;
pub use submit::{Draft, Submitted};
