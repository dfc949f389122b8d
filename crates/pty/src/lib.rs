//! Terminals, pipes and process groups that die with their owner.
//!
//! Owns how a program is started under a terminal or plain pipes, how its bytes are reached, and how it and every
//! process it ever started are ended. Must not know what runs, why, or for whom.
//!
//! ```text
//!  Program ──▶ spawn_piped ────┐              ┌─ outputs  (blocking readers)
//!          ──▶ spawn_terminal ─┴─▶ Spawned ───┼─ input    (blocking writer)
//!                                             ├─ terminal (resize)
//!                                             └─ pid ──▶ Group: TERM, grace, KILL, on drop
//! ```

mod exit;
mod group;
mod kin;
mod program;
mod sweep;
mod terminal;

pub use exit::{Exit, reap};
pub use group::{Group, Reach, become_subreaper};
pub use kin::{birth, cpu_ticks, descends_from, lives};
pub use program::{Channel, Output, Program, SpawnError, Spawned, spawn_piped};
pub use sweep::sweep;
pub use terminal::{Size, Terminal, spawn_terminal};
