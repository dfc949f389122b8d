//! What is kept: Ostler's tables on redb.
//!
//! ```text
//!                 relay                                        runner
//!   LedgerFile (ledger.redb)   EventLog (events.redb)     Journal (journal.redb)
//!   Shelf: load, commit        append, read, scrub        load, commit
//!        └── Writer: one thread, one batch in flight ──┘
//!   Reads: a run, its body, its history, while the writer works
//! ```
//!
//! One table, one file under `tables/`; every record carries its own integrity, because redb does not verify what it
//! reads. A commit is durable when it returns. After any error a file is not written to again: it is closed, checked
//! and opened anew. Must not know what a row means: [`ostler_core::ledger`] decides, this room keeps.
//!
//! All three kinds of file are created under a temporary name and renamed when whole, refuse what is foreign or newer,
//! and can be checked ([`check()`]), copied while in use ([`Reads::backup`], [`EventLog::backup`]) and restored ([`restore`]).

mod check;
mod clock;
mod copy;
mod error;
mod events;
mod file;
mod journal;
mod ledger;
mod shelf;
mod tables;
mod writer;

pub use check::{Report, check};
pub use copy::restore;
pub use error::{OpenError, StoreError};
pub use events::{Entry, EventLog, Placed, Removed, Retention, Scrubbed, Slice, Stored, Tail};
pub use file::Durability;
pub use journal::{Journal, JournalChange, JournalRows, JournalledLease, SpoolCursor, Stage};
pub use ledger::LedgerFile;
pub use shelf::{LateReport, Page, Reads, Shelf};
pub use writer::{Committed, Writer};
