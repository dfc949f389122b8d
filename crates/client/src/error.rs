//! Why a request did not do what it was asked. Each text says what to do; none loses what the relay or the disk said.

use crate::home::HomeError;
use ostler_core::decision::Refusal;
use ostler_core::ids::RunId;
use ostler_core::run::HeaderError;
use ostler_identity::{ChainError, EpochError, OpenError, StatementError, TicketError, VerdictError};
use ostler_mesh::DialError;
use ostler_proto::Refused;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// This device's own files.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// No relay is known.
    #[error(
        "this device does not know where its relay is: start one here with `ostler up`, or name one with `ostler init --relay HOST:PORT#rly_…`"
    )]
    NoRelay,
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Somebody answers there, and says nothing.
    #[error("the relay at {at} does not greet this device ({reason}): see `ostler relay status` and its log")]
    Unreachable {
        /// All addresses tried.
        at: String,
        /// What the last one said.
        reason: String,
    },
    /// The connection ended before the answer.
    #[error("the connection was lost before the relay answered ({0}): look whether it was done before asking again")]
    Lost(String),
    /// The relay is there, and does not answer.
    #[error("the relay did not answer within {0} s: it is overloaded or stuck, see `ostler relay status` and its log")]
    Silent(u64),
    /// The relay sends this device away.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The relay refuses this request; nothing changed.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The relay failed.
    #[error("the relay failed: {0}; nothing is known to have changed, its log says more")]
    Failed(String),
    /// An answer to something else.
    #[error("the relay answered something this release does not understand ({0}): update the older side")]
    Protocol(String),
    /// No run, approval or device of that name.
    #[error("no {kind} matches `{text}`: {see} lists what there is")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// What was given.
        text: String,
        /// Where to look.
        see: &'static str,
    },
    /// Several of them.
    #[error("`{text}` matches {}: {}; give more characters", .matches.len(), .matches.join(", "))]
    Ambiguous {
        /// What was given.
        text: String,
        /// All that match.
        matches: Vec<String>,
    },
    /// A header no relay would keep.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A prompt or command over the limit, found before anything was sent.
    #[error(
        "the work is at least {bytes} bytes, the limit is {max}: put large context into the repository and refer to it"
    )]
    TooLarge {
        /// Its size as far as it was read, or sealed.
        bytes: usize,
        /// [`ostler_core::limits::BODY_BYTES_MAX`].
        max: usize,
    },
    /// Retention took the body.
    #[error("the relay no longer keeps what {0} was asked to do: submit it again by hand")]
    NoBody(RunId),
    /// What opened is not what it should be.
    #[error("{0} opened, but is not understood: it was written by another release, update the older side")]
    Content(&'static str),
    /// The asked digest is not the action's.
    #[error(
        "the action shown is not the one that would be decided: somebody changed the question on its way; nothing was signed"
    )]
    WrongAction,
    /// Nothing waits.
    #[error("the question is no longer open: nothing waits for an answer")]
    Answered,
    /// Sealed text that does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A task that nobody who may submit signed for its run.
    #[error("what the relay keeps was not submitted by a member who may ({0}): do not run it again")]
    Unsigned(#[from] StatementError),
    /// The fleet's keys.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    /// A ticket.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// A verdict that could not be made.
    #[error(transparent)]
    Verdict(#[from] VerdictError),
    /// A grant.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Somebody else rotates all the time.
    #[error("other operators keep changing the fleet's key: the device is revoked, run the command again to rotate")]
    Contended,
}

impl ClientError {
    /// True when the same request may be sent again after a new connection: nobody said no.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Dial(DialError::Unreachable { .. } | DialError::Name { .. })
                | Self::Unreachable { .. }
                | Self::Lost(_)
                | Self::Silent(_)
                | Self::Refused(Refused::Busy { .. })
        )
    }
}
