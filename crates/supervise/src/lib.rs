//! Child specs, restart budgets and orderly stop for actors.
//!
//! Owns: how a tree of actors is started, watched, restarted, given up on and stopped. Must not know: what any actor
//! does, what a run or a lease is, or what a spent budget means to the domain (callers say so with `on_end`).
//!
//! ```text
//!   Root::start(Plan) ──▶ Supervisor ── Child "ledger"   Permanent  behind a Door<ledger::Msg>
//!                              │ ├───── Child "runs"     Permanent  (a Branch: another Supervisor)
//!                              │ │         └─ Child "run" Transient, own Budget, on_end ⇒ dead letter
//!                              │ └───── Child "gate"     Permanent
//!                              └ Budget spent ⇒ stop everything, last first ⇒ Exit::Escalated ⇒ the process exits
//! ```
//!
//! * A [`Door`] is how siblings address each other: it leads to the current incarnation and says so when there is none.
//! * A [`Child`] is a factory with a kind, a [`Restart`] rule and a stop deadline; a [`Plan`] is a list of them.
//! * A [`Branch`] is a supervisor's own door: start a child at run time, take a census, kill a kind in a drill.
//! * A [`Credit`] bounds what may wait in a mailbox, because ractor's mailboxes are unbounded.

mod branch;
mod budget;
mod child;
mod credit;
mod door;
mod halt;
mod nursery;
mod plan;
mod root;
mod supervisor;

pub use branch::Branch;
pub use budget::{Budget, Spent};
pub use child::{Cause, Child, End, Restart, StartError};
pub use credit::{Busy, Credit, Permit};
pub use door::{CallError, Closed, Door};
pub use plan::{Notice, Observer, Plan, Strategy};
pub use root::{Exit, Root};
