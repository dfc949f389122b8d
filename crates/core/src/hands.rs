//! The runner's own rules, pure: what it holds and until when, how it numbers what it says, what opens a gate.

pub mod gate;
pub mod holding;
pub mod numbering;
