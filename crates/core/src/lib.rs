//! What may happen: the pure domain of Ostler.
//!
//! Every decision of the relay is made here, by [`ledger::Ledger`], which returns what to write and what to do. It must
//! not know a clock, chance, a disk, a socket or a task: time and dice are arguments, rows and effects are values.
//!
//! ```text
//! Command ──▶ Ledger::apply(now, dice) ──▶ Decision { changes, effects, answer }
//! ```

pub mod command;
pub mod decision;
mod fleet;
pub mod guard;
mod hands;
pub mod ids;
mod index;
pub mod ledger;
pub mod limits;
pub mod mutant;
pub mod time;
mod work;

pub use fleet::{device, requirements, worker};
pub use hands::{gate, holding, numbering};
pub use work::{approval, deed, event, failure, lease, policy, run, task, usage};
