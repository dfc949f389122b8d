//! What may be done without asking: rules, and the judgement of one exact action by them.
//!
//! ```text
//! Action ─▶ runner's rules ─┐
//!        ─▶ run's rules ────┼─▶ the strictest of those that speak ─ none speaks ─▶ built-in defaults
//!        ─▶ granted ────────┘   (granted turns ask into allow, never deny)
//! ```
//!
//! Owns the rule, its match and the reading of a command line. Must not know files, TOML or who asks.

mod judge;
mod rule;

pub use judge::{Judgement, Layers, Scene, for_this_run, judge};
pub use rule::{Effect, Rule};
