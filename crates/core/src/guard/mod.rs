//! What may be done without asking: rules, and the judgement of one exact action by them.
//!
//! ```text
//! Action ─▶ runner's rules ─┐
//!        ─▶ run's rules ────┼─▶ the strictest of those that speak ─ none speaks ─▶ built-in defaults
//!        ─▶ granted ────────┘   (granted turns ask into allow, never deny)
//! ```
//!
//! Owns the rule, its match and the reading of a command line. Must not know files, TOML or who asks.

mod defaults;
mod grant;
mod host;
mod judge;
mod matching;
mod pattern;
mod reading;
mod rule;
mod run;
mod shell;
mod spot;

pub use grant::for_this_run;
pub use judge::{Judgement, Layer, Layers, Scene, Voice, judge};
pub use rule::{Effect, Rule, RuleError};
