//! What may happen: the pure domain of Ostler.
//!
//! Every decision of the relay is made here, by [`ledger::Ledger`], which returns what to write and what to do. It must
//! not know a clock, chance, a disk, a socket or a task: time and dice are arguments, rows and effects are values.
//!
//! ```text
//! Command ──▶ Ledger::apply(now, dice) ──▶ Decision { changes, effects, answer }
//! ```

pub mod approval;
pub mod command;
pub mod decision;
pub mod device;
pub mod event;
pub mod failure;
pub mod gate;
pub mod holding;
pub mod ids;
mod index;
pub mod lease;
pub mod ledger;
pub mod limits;
pub mod mutant;
pub mod numbering;
pub mod policy;
pub mod requirements;
pub mod run;
pub mod task;
pub mod time;
pub mod worker;
