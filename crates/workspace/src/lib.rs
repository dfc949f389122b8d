//! Git working trees for runs, removed only with proof.
//!
//! Owns the runner's mirrors (one bare repository for each source), the working trees cut from them, the way
//! home of the work done in them, and the proof a tree needs before it may be deleted. Knows nothing of runs,
//! leases or relays: a run is a label. Every call blocks; the runner makes them on blocking threads and hands
//! each a [`Stop`].
//!
//! ```text
//!  source (path | https | ssh)                                   <- branch `ostler/<run>` comes home (paths only)
//!     |  libgit2 | guarded system git                                          ^
//!     v                                                                        |
//!  mirror (ours, bare, 0700) --- objects by alternates ---> tree/.git (the agent's, never opened by us)
//!     ^                                                        |
//!     |   verified, object by object                           |  copied, never followed: refs, objects, files
//!     +------------------ quarantine (ours) <------------------+
//! ```
//!
//! The one rule: **after the agent started, no git implementation opens anything in its tree.** Its refs, its
//! object files and its working files are read by us, through directory handles that follow no symlink; what
//! they say is believed only after the hash of every object was checked. So a hook, a filter, a text
//! conversion, an external diff, an fsmonitor or a signing program in the tree is a file like any other.
//!
//! What file modes cannot do: an agent that runs under the runner's own user can reach the mirror itself.
//! Mirror objects are read-only (0444) and verified on every read, so damage is found and never believed, but
//! keeping the agent out is the work of the sandbox or of a user of its own.

mod budget;
mod clock;
mod error;
mod mirror;
mod network;
mod object;
mod record;
mod source;
mod tree;

pub use budget::{Budget, Limits, Shortage, measure};
pub use clock::{Stop, Stopped};
pub use error::{CheckoutError, DiffError, Fault, OpenError, RemoveError, SaveError};
pub use mirror::Mirrors;
pub use network::Network;
pub use record::Leftover;
pub use source::{Source, SourceError};
pub use tree::remove::erase;
pub use tree::{Author, Diff, Home, Left, Outline, Proof, Saved, Skipped, Tree};
