//! What a long talk needs: an agent that says a numbered thing a hundred times a second, ears that miss nothing, scales
//! for every process of ours, and a trickle of submissions that feels whether the ledger is disturbed.
//!
//! ```text
//! actor (its own process) ─stdio─▶ shim ─spool─▶ runner ─QUIC─▶ relay ─QUIC─▶ ear ─▶ tally
//!                                    └────────────┴──── scales ───┘
//!                                                          trickle ─▶ the relay, and a twin of it that has no agents
//! ```
//!
//! Owns the pieces. Must not judge: the scenarios say what is too much.

pub(crate) mod actor;
mod dialogue;
pub(crate) mod diary;
pub(crate) mod ear;
mod mark;
pub(crate) mod scales;
pub(crate) mod stand;
mod tally;
pub(crate) mod trickle;
