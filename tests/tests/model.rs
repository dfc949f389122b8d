//! The scripted model: each protocol as its clients speak it, and, with `OSTLER_REAL=1`, the real agents at work on it.

#[path = "model/caller.rs"]
mod caller;
#[path = "model/faults.rs"]
mod faults;
#[path = "model/protocols.rs"]
mod protocols;
#[path = "model/really.rs"]
mod really;
